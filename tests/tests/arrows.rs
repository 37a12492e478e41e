//! The arrows between crates only point downward.

use std::process::Command;

use ez_testkit::tools::workspace_root;
use serde_json::Value;

/// Tiers from the bottom up. A crate depends on lower tiers, or on what is named for its own.
const TIERS: [&[&str]; 7] = [
    &["ez_domain", "ez_contribution", "ez_manifest"],
    &["ez_media", "ez_api"],
    &["ez_redis", "ez_aws"],
    &["ez_service", "ez_store", "ez_queue", "ez_objects", "ez_ingest", "ez_testkit"],
    &["ez_origin"],
    &["api_server", "scheduler", "worker_app", "worker_transcoder", "key_server", "ez_local"],
    &["ez_e2e"],
];

/// Names that must not be among the dependencies of a pure crate.
const EFFECTS: [&str; 7] = ["tokio", "redis", "axum", "aws-sdk-s3", "aws-sdk-sqs", "reqwest", "nix"];

fn tier(name: &str) -> Option<usize> {
    TIERS.iter().position(|tier| tier.contains(&name))
}

/// Every arrow that points sideways or upward, and every effect in a pure crate.
fn faults(packages: &[(String, Vec<String>)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, dependencies) in packages {
        let Some(own) = tier(name) else {
            faults.push(format!("{name} has no tier: give it one in this test and in ARCHITECTURE.md"));
            continue;
        };
        for dependency in dependencies {
            if tier(dependency).is_some_and(|other| other >= own) {
                faults.push(format!("{name} must not depend on {dependency}"));
            }
            if own <= 1 && EFFECTS.contains(&dependency.as_str()) {
                faults.push(format!("{name} is pure and must not depend on {dependency}"));
            }
        }
    }
    faults
}

#[test]
fn the_workspace_keeps_its_tiers() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(workspace_root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages: Vec<(String, Vec<String>)> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
            let names = normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect();
            (package["name"].as_str().unwrap().to_owned(), names)
        })
        .collect();
    assert!(packages.len() > 10);
    assert_eq!(faults(&packages), Vec::<String>::new());
}

#[test]
fn an_upward_arrow_and_an_effect_are_seen() {
    let package = |name: &str, dependency: &str| (name.to_owned(), vec![dependency.to_owned()]);
    assert_eq!(faults(&[package("ez_domain", "ez_store")]).len(), 1);
    assert_eq!(faults(&[package("ez_media", "tokio")]).len(), 1);
    assert_eq!(faults(&[package("unheard_of", "serde")]).len(), 1);
    assert_eq!(faults(&[package("ez_store", "ez_domain")]).len(), 0);
}

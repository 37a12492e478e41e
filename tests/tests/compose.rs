//! What Docker Compose itself reads in the compose files.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::containers::compose::{Compose, entries, texts};
use ez_testkit::tools::{Tool, run, workspace_root};
use serde_json::Value;

/// What docker/init writes into .env, and what the operator adds for AWS.
const SETTINGS: [(&str, &str); 6] = [
    ("EZ_UID", "1000"),
    ("EZ_GID", "1000"),
    ("EZ_PUBLIC_HOST", "live.example"),
    ("EZ_SQS_QUEUE_NAME", "jobs.fifo"),
    ("AWS_REGION", "eu-central-1"),
    ("EZ_BUCKET", "my-live-bucket"),
];

/// The files as Compose understands them.
async fn config(files: &[&Path], settings: &[(&str, &str)]) -> Result<Value> {
    let mut compose = Tool::Compose.command()?;
    compose.env_clear().envs(settings.iter().copied()).args(["--env-file", "/dev/null"]);
    compose.arg("--project-directory").arg(workspace_root());
    for file in files {
        compose.arg("--file").arg(file);
    }
    compose.args(["config", "--format", "json"]);
    serde_json::from_slice(&run(compose).await?.stdout).context("read what Compose tells")
}

/// What a service is told, in the words of Compose's long form.
fn long(service: &Value) -> Value {
    let lines = |value: &Value| match value {
        Value::String(line) => Value::from(vec![line.clone()]),
        other => other.clone(),
    };
    let environment: serde_json::Map<String, Value> = entries(&service["environment"])
        .map(|(name, value)| {
            (name.to_owned(), value.as_str().map_or(value.to_string(), str::to_owned).into())
        })
        .collect();
    let secrets: Vec<&str> = match &service["secrets"] {
        Value::Array(secrets) => {
            secrets.iter().filter_map(|secret| secret.as_str().or(secret["source"].as_str())).collect()
        }
        _ => Vec::new(),
    };
    let ports: Vec<String> = service["ports"].as_array().into_iter().flatten().map(port).collect();
    let mut depends_on: Vec<(String, Value)> = entries(&service["depends_on"])
        .map(|(name, how)| (name.to_owned(), how["condition"].clone()))
        .collect();
    depends_on.sort_by(|left, right| left.0.cmp(&right.0));
    serde_json::json!({
        "image": service["image"],
        "user": service["user"],
        "command": lines(&service["command"]),
        "read_only": service["read_only"],
        "cap_drop": texts(&service["cap_drop"]),
        "network_mode": service["network_mode"],
        "target": service["build"]["target"],
        "environment": environment,
        "secrets": secrets,
        "ports": ports,
        "depends_on": depends_on,
    })
}

/// `address:published:target`, whichever form it has.
fn port(port: &Value) -> String {
    let word = |key: &str| port[key].as_str().map_or_else(|| port[key].to_string(), str::to_owned);
    match port.as_str() {
        Some(short) => short.to_owned(),
        None if port["host_ip"].is_null() => format!("{}:{}", word("published"), word("target")),
        None => format!("{}:{}:{}", word("host_ip"), word("published"), word("target")),
    }
}

/// Compose accepts the files, and everything that the other tests conclude from our own reading of them holds for what
/// Compose will do.
#[tokio::test]
async fn compose_reads_what_we_read() -> Result<()> {
    let root = workspace_root();
    let read = |file: &str| Compose::parse(&std::fs::read_to_string(root.join(file))?);
    let settings = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for files in [vec!["compose.yaml"], vec!["compose.yaml", "compose.aws.yaml"]] {
        let paths: Vec<_> = files.iter().map(|file| root.join(file)).collect();
        let theirs = config(&paths.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &SETTINGS).await?;
        let mut ours = read("compose.yaml")?;
        if files.len() > 1 {
            ours = ours.overridden(read("compose.aws.yaml")?);
        }
        let ours = ours.resolved(&settings)?;
        let mut names: Vec<&str> = ours.services().map(|(name, _)| name).collect();
        names.sort_unstable();
        let mut started: Vec<&str> = entries(&theirs["services"]).map(|(name, _)| name).collect();
        started.sort_unstable();
        assert_eq!(started, names, "{files:?}");
        for (name, service) in ours.services() {
            assert_eq!(long(&theirs["services"][name]), long(service), "{files:?}: {name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn compose_refuses_what_is_wrong() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let text = std::fs::read_to_string(workspace_root().join("compose.yaml"))?;
    for (from, to, word) in [
        ("read_only: true", "read_onli: true", "read_onli"),
        ("condition: service_healthy", "condition: service_well", "condition"),
        ("redis: {condition", "reddis: {condition", "reddis"),
        ("networks: [state]", "networks: [stat]", "stat"),
    ] {
        ensure!(text.contains(from), "{from} is not in compose.yaml");
        let file = folder.path().join("compose.yaml");
        std::fs::write(&file, text.replace(from, to))?;
        let error = config(&[&file], &SETTINGS).await.map(|_| ()).unwrap_err().to_string();
        ensure!(error.contains(word), "{to}: {error}");
    }
    let file = workspace_root().join("compose.yaml");
    let error = config(&[&file], &[]).await.map(|_| ()).unwrap_err().to_string();
    ensure!(error.contains("run docker/init first"), "{error}");
    Ok(())
}

//! compose.yaml, compose.aws.yaml and docker/Dockerfile hold together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::containers::coherence::{config_file, faults, target};
use ez_e2e::containers::compose::{Compose, entries};
use ez_e2e::containers::dockerfile::Dockerfile;
use ez_testkit::tools::workspace_root;
use serde_json::Value;

/// What docker/init writes into .env.
const SETTINGS: [(&str, &str); 3] =
    [("EZ_UID", "1000"), ("EZ_GID", "1000"), ("EZ_PUBLIC_HOST", "live.example")];
/// What the operator adds for AWS.
const AWS_SETTINGS: [(&str, &str); 3] =
    [("EZ_SQS_QUEUE_NAME", "jobs.fifo"), ("AWS_REGION", "eu-central-1"), ("EZ_BUCKET", "my-live-bucket")];

fn read(file: &str) -> Result<String> {
    std::fs::read_to_string(workspace_root().join(file)).with_context(|| file.to_owned())
}

fn settings(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    SETTINGS.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn local(text: &str) -> Result<Compose> {
    Compose::parse(text)?.resolved(&settings(&[]))
}

fn aws(base: &str, above: &str) -> Result<Compose> {
    Compose::parse(base)?.overridden(Compose::parse(above)?).resolved(&settings(&AWS_SETTINGS))
}

fn images() -> Result<Dockerfile> {
    Dockerfile::parse(&read("docker/Dockerfile")?)
}

/// The names of all programs of the workspace.
fn programs() -> Result<Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(workspace_root())
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let targets = packages.iter().filter_map(|package| package["targets"].as_array()).flatten();
    Ok(targets
        .filter(|target| target["kind"][0] == "bin")
        .filter_map(|target| target["name"].as_str().map(str::to_owned))
        .collect())
}

/// Runs the program with a service's configuration and environment and `--check-config`.
fn checked(service: &Value, images: &Dockerfile, edit: impl Fn(String) -> String) -> Result<(bool, String)> {
    let file = config_file(service, images).context("no configuration file")?;
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("config.json");
    std::fs::write(&copy, edit(read(&file)?))?;
    let name = Path::new(&file).file_stem().and_then(|stem| stem.to_str()).context("no name")?;
    // Tests lie in `deps`, beside which the programs are.
    let tests = std::env::current_exe()?;
    let program = tests.ancestors().nth(2).context("a target folder")?.join(name);
    let environment =
        entries(&service["environment"]).filter_map(|(variable, value)| Some((variable, value.as_str()?)));
    let output = Command::new(&program)
        .env_clear()
        .envs(environment)
        .arg("--config")
        .arg(&copy)
        .arg("--check-config")
        .output()
        .with_context(|| program.display().to_string())?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok((output.status.success(), said.concat()))
}

#[test]
fn the_local_installation_holds_together() -> Result<()> {
    let compose = local(&read("compose.yaml")?)?;
    ensure!(compose.services().count() == 8, "services were not found");
    assert_eq!(faults(&compose, &images()?, &workspace_root())?, Vec::<String>::new());
    Ok(())
}

#[test]
fn the_installation_on_aws_holds_together() -> Result<()> {
    let compose = aws(&read("compose.yaml")?, &read("compose.aws.yaml")?)?;
    let started: Vec<&str> = compose.services().map(|(name, _)| name).collect();
    assert_eq!(started, ["api_server", "key_server", "redis", "scheduler", "worker"]);
    assert_eq!(faults(&compose, &images()?, &workspace_root())?, Vec::<String>::new());
    for (name, service) in compose.services() {
        for local in ["http://queue:9324", "http://s3:9000", "unchecked", "s3_secret_key"] {
            ensure!(!service.to_string().contains(local), "{name} still speaks of {local}");
        }
    }
    Ok(())
}

#[test]
fn what_does_not_hold_together_is_found() -> Result<()> {
    let text = read("compose.yaml")?;
    let images = images()?;
    for (from, to, word) in [
        ("redis: {condition: service_healthy}", "reddis: {condition: service_healthy}", "depends on reddis"),
        ("s3: {condition: service_healthy}", "bucket: {condition: service_healthy}", "tells none"),
        ("restart: \"no\"", "restart: always", "is started again"),
        ("target: scheduler}", "target: schedular}", "no target schedular"),
        ("redis:8.2.10", "redis:latest", "not pinned"),
        ("EZ_SCHEDULER_URL:", "EZ_SCHEDULER_UR:", "nothing in the image reads EZ_SCHEDULER_UR"),
        ("EZ_SQS_SECRET_ACCESS_KEY: unchecked", "EZ_SQS_SECRET_ACCESS_KEY: hunter2", "give it as a file"),
        ("secrets: [master_key, key_token]", "secrets: [master_key]", "the secret key_token"),
        (
            "secrets: [master_key, key_token]",
            "secrets: [master_key, key_token, service_token]",
            "the secret service_token",
        ),
        ("secrets: [master_key, key_token]", "secrets: [master_kee, key_token]", "not among the secrets"),
        ("networks: [edge]", "networks: [edges]", "not among the networks"),
        ("redis:/data", "reddis:/data", "no volume or file reddis"),
        ("elasticmq.conf:/opt", "elastic.conf:/opt", "no volume or file"),
        ("\"127.0.0.1:${EZ_API_PORT:-1080}:1080\"", "\"1080:1080\"", "beyond this host"),
        ("${EZ_API_PORT:-1080}:1080", "${EZ_API_PORT:-1080}:1081", "the image serves"),
        ("${EZ_API_PORT:-1080}", "${EZ_API_PORT:-1950}", "port 1950 is also"),
        ("${EZ_WORKER_SLOTS:-8}", "${EZ_WORKER_SLOTS:-10}", "is also worker's"),
        ("network_mode: host", "network_mode: host\n    networks: [edge]", "of its own"),
        ("cap_drop: [ALL]\n  security", "cap_drop: []\n  security", "privileges"),
        ("read_only: true\n  tmpfs", "read_only: false\n  tmpfs", "can write"),
        ("/etc/ezlivestreaming/scheduler.json", "/etc/ezlivestreaming/scheduling.json", "not in its image"),
    ] {
        ensure!(text.contains(from), "{from} is not in compose.yaml");
        let found = faults(&local(&text.replace(from, to))?, &images, &workspace_root())?;
        ensure!(found.iter().any(|fault| fault.contains(word)), "{from} -> {to}: {found:#?}");
    }
    let missing = Compose::parse(&text)?.resolved(&BTreeMap::new()).map(|_| ()).unwrap_err();
    ensure!(missing.to_string().contains("run docker/init first"), "{missing}");
    Ok(())
}

#[test]
fn the_images_hold_together() -> Result<()> {
    let (root, programs, images) = (workspace_root(), programs()?, images()?);
    assert_eq!(images.faults(&root, &programs), Vec::<String>::new());
    let text = read("docker/Dockerfile")?;
    // What is cooked, what is built and what is copied is the same.
    let packages: Vec<&str> =
        text.split("--package ").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
    let (cooked, built) = packages.split_at(packages.len() / 2);
    assert_eq!(cooked, built);
    let copied: BTreeSet<String> =
        images.stages().flat_map(|(name, _)| images.brought(name, "/src/target/release/")).collect();
    assert_eq!(copied, built.iter().map(|name| (*name).to_owned()).collect());
    for (from, to, word) in [
        ("debian:12.12-slim AS base", "debian:bookworm-slim AS base", "not pinned"),
        ("COPY docker/config/scheduler.json", "COPY docker/config/schedule.json", "no such file"),
        ("--from=media", "--from=medium", "no such stage"),
        ("release/key_server /", "release/key_serve /", "no program of the workspace"),
        ("--package scheduler", "--package schedule", "no program of the workspace"),
        ("WORKDIR /src", "ENV EZ_SERVICE_TOKEN=x", "baked in"),
        ("WORKDIR /src", "ADD https://example.org/x /", "use COPY"),
        ("WORKDIR /src", "RUN git clone https://example.org/x", "nobody checks"),
    ] {
        ensure!(text.contains(from), "{from} is not in the Dockerfile");
        let found = Dockerfile::parse(&text.replace(from, to))?.faults(&root, &programs);
        ensure!(found.iter().any(|fault| fault.contains(word)), "{from} -> {to}: {found:#?}");
    }
    Ok(())
}

/// ffmpeg and packager have their pins in `script/lib/media_tools.sh` and nowhere else.
#[test]
fn the_media_tools_are_those_of_the_scripts() -> Result<()> {
    let images = images()?;
    let run = images.last("media", "RUN").context("no RUN")?;
    ensure!(run.ends_with("install_media_tools"), "{run}");
    let scripts =
        images.stages().find(|(name, _)| *name == "media").map(|(_, stage)| stage).context("media")?;
    let copies: Vec<&str> = scripts
        .instructions
        .iter()
        .filter(|instruction| instruction.name == "COPY")
        .map(|instruction| instruction.rest.as_str())
        .collect();
    assert_eq!(copies, ["script/lib/common.sh script/lib/media_tools.sh script/lib/"]);
    let pins = read("script/lib/media_tools.sh")?;
    let tools = images.brought("worker", "/src/.tools/bin/");
    assert_eq!(tools, ["ffmpeg", "ffprobe", "packager"]);
    for tool in &tools {
        ensure!(pins.contains(&format!("\"{tool} ")), "{tool} has no checksum");
    }
    let text = read("docker/Dockerfile")?;
    ensure!(!text.contains("sha256") && !text.contains("shaka"), "a second place for pins");
    Ok(())
}

#[test]
fn every_configuration_is_accepted_by_its_program() -> Result<()> {
    let images = images()?;
    let (base, above) = (read("compose.yaml")?, read("compose.aws.yaml")?);
    let mut seen = BTreeSet::new();
    for compose in [local(&base)?, aws(&base, &above)?] {
        for (name, service) in compose.services() {
            let Some(file) = config_file(service, &images) else { continue };
            let (accepted, said) = checked(service, &images, |text| text)?;
            ensure!(accepted, "{name}: {said}");
            let (accepted, said) =
                checked(service, &images, |text| text.replacen('{', "{\"Unheard_of\": 1,", 1))?;
            ensure!(!accepted && said.contains("Unheard_of"), "{name} takes any key: {said}");
            seen.insert(file);
        }
    }
    let all: BTreeSet<String> = std::fs::read_dir(workspace_root().join("docker/config"))?
        .filter_map(|entry| Some(format!("docker/config/{}", entry.ok()?.file_name().to_str()?)))
        .filter(|file| file.ends_with(".json"))
        .collect();
    assert_eq!(seen, all);
    Ok(())
}

/// The context of the build holds every source that is copied, and no secret.
#[test]
fn the_build_is_given_what_it_needs_and_no_secret() -> Result<()> {
    let ignored: Vec<String> =
        read(".dockerignore")?.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    for secret in ["docker/secrets", ".env"] {
        ensure!(ignored.iter().any(|line| line == secret), "{secret} would get into an image");
        ensure!(read(".gitignore")?.contains(&format!("/{secret}")), "{secret} could be committed");
    }
    for (_, stage) in images()?.stages() {
        for instruction in stage.instructions.iter().filter(|instruction| instruction.name == "COPY") {
            for source in instruction.rest.split_whitespace() {
                ensure!(!ignored.iter().any(|line| line == source), "{source} is copied and ignored");
            }
        }
    }
    Ok(())
}

/// The queues that the services are told of are those that `ElasticMQ` makes.
#[test]
fn the_queues_are_there() -> Result<()> {
    let queues = read("docker/config/elasticmq.conf")?;
    let compose = local(&read("compose.yaml")?)?;
    for (name, service) in compose.services().filter(|(_, service)| target(service).is_some()) {
        if let Some(queue) = service["environment"]["EZ_SQS_QUEUE_NAME"].as_str() {
            for wanted in [queue.to_owned(), format!("{queue}_parked")] {
                ensure!(queues.contains(&format!("\n  {wanted} {{")), "{name} wants {wanted}");
            }
        }
    }
    Ok(())
}

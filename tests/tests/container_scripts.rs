//! The scripts of the containers, run as the containers run them as far as that goes without an engine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use ez_e2e::containers::dockerfile::Dockerfile;
use ez_local::s3;
use ez_testkit::tools::{Tool, workspace_root};
use ez_testkit::wait::eventually;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// A folder with programs that stand in for others, first in `PATH`.
struct StandIns(TempDir);

impl StandIns {
    fn new(programs: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, script) in programs {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/bash\n{script}\n"))?;
            fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        }
        Ok(Self(folder))
    }

    fn path(&self) -> String {
        format!("{}:/usr/local/bin:/usr/bin:/bin", self.0.path().display())
    }
}

fn script(name: &str) -> PathBuf {
    workspace_root().join("docker/bin").join(name)
}

#[tokio::test]
async fn health_is_what_healthz_answers() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let well = Router::new().route("/healthz", get(|| async { "ok\n" }));
    let ill = Router::new().route("/healthz", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
    let ill_listener = TcpListener::bind("127.0.0.1:0").await?;
    let ill_address = ill_listener.local_addr()?.to_string();
    let mut servers = tokio::task::JoinSet::new();
    servers.spawn(async move { axum::serve(listener, well).await });
    servers.spawn(async move { axum::serve(ill_listener, ill).await });
    let free = ez_testkit::tools::free_port()?;
    let nobody = format!("127.0.0.1:{free}");
    for (arguments, healthy) in [
        (vec![address.as_str()], true),
        (vec![ill_address.as_str()], false),
        (vec![nobody.as_str()], false),
        (vec![], false),
        (vec!["1080"], false),
    ] {
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let shown = arguments.join(" ");
        let run = move || Command::new(script("healthz")).args(arguments).output();
        let output = tokio::task::spawn_blocking(run).await??;
        // Docker knows 0 and 1 and reserves 2.
        ensure!(output.status.code() == Some(i32::from(!healthy)), "healthz {shown}: {}", said(&output));
    }
    Ok(())
}

#[tokio::test]
async fn every_worker_of_a_host_takes_a_slot_of_its_own() -> Result<()> {
    let stand_ins = StandIns::new(&[("worker_app", "env >\"$EZ_DATA_FOLDER/seen\"; read -r _")])?;
    let data = tempfile::tempdir()?;
    let secret = data.path().join("secret");
    fs::write(&secret, "s3-secret\n")?;
    let command = |k: usize| {
        let mut command = Command::new(script("worker"));
        command
            .env_clear()
            .env("PATH", stand_ins.path())
            .env("EZ_DATA_FOLDER", data.path().join("slots"))
            .env("EZ_ADDRESS_FILE", data.path().join(format!("address-{k}")))
            .env("EZ_BIND_HOST", "172.30.83.1")
            .env("EZ_WORKER_SLOTS", "2")
            .env("EZ_S3_SECRET_KEY_FILE", &secret)
            .args(["--config", "x.json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    let seen = |k: usize| {
        let path = data.path().join(format!("slots/{k}/seen"));
        move || {
            let text = fs::read_to_string(&path).map_err(|error| error.to_string());
            let text = text.and_then(|text| text.contains("PWD=").then_some(text).ok_or("half".to_owned()));
            async move { text }
        }
    };
    let mut workers = Vec::new();
    for (k, control, rtmp) in [(0, 2080, 1935), (1, 2081, 1951)] {
        workers.push(command(k).spawn()?);
        let environment = eventually(Duration::from_secs(20), "a worker", seen(k)).await?;
        for line in [
            format!("EZ_WORKER_PORT={control}\n"),
            format!("EZ_CONTROL_URL=http://172.30.83.1:{control}\n"),
            format!("EZ_RTMP_PORT_BASE={rtmp}\n"),
            "EZ_RTMP_PORTS=16\n".to_owned(),
            format!("EZ_DATA_FOLDER={}\n", data.path().join(format!("slots/{k}")).display()),
            "EZ_S3_SECRET_KEY=s3-secret\n".to_owned(),
        ] {
            ensure!(environment.contains(&line), "{line} is not in {environment}");
        }
        let address = fs::read_to_string(data.path().join(format!("address-{k}")))?;
        ensure!(address == format!("172.30.83.1:{control}"), "{address}");
    }
    let output = command(2).output()?;
    ensure!(!output.status.success() && said(&output).contains("EZ_WORKER_SLOTS"), "{}", said(&output));

    // Who ends leaves the slot, and the spool in it, to the next.
    let mut first = workers.remove(0);
    drop(first.stdin.take());
    first.wait()?;
    fs::remove_file(data.path().join("slots/0/seen"))?;
    let mut next = command(3).spawn()?;
    eventually(Duration::from_secs(20), "the next worker", seen(0)).await?;
    drop(next.stdin.take());
    next.wait()?;
    let mut second = workers.remove(0);
    drop(second.stdin.take());
    second.wait()?;
    Ok(())
}

#[tokio::test]
async fn the_bucket_is_made_with_the_secret_key_and_no_other() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("secret");
    fs::write(&secret, "0123456789abcdef")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let shutdown = CancellationToken::new();
    let options = s3::Options {
        root: folder.path().join("data"),
        buckets: Vec::new(),
        access_key: "ezlive".to_owned(),
        secret_key: "0123456789abcdef".to_owned(),
    };
    let mut server = tokio::task::JoinSet::new();
    server.spawn(s3::serve(listener, options, shutdown.clone()));
    let make = |secret: PathBuf| {
        let mut command = Command::new(script("s3"));
        command
            .arg("bucket")
            .env("EZ_BUCKET", "live-media")
            .env("EZ_S3_ENDPOINT", &endpoint)
            .env("EZ_S3_ACCESS_KEY_ID", "ezlive")
            .env("EZ_S3_SECRET_KEY_FILE", secret);
        tokio::task::spawn_blocking(move || command.output())
    };
    for time in ["first", "second"] {
        let output = make(secret.clone()).await??;
        ensure!(output.status.success(), "the {time} time: {}", said(&output));
        ensure!(folder.path().join("data/live-media").is_dir(), "no bucket after the {time} time");
    }
    let wrong = folder.path().join("wrong");
    fs::write(&wrong, "fedcba9876543210")?;
    let output = make(wrong).await??;
    ensure!(!output.status.success() && said(&output).contains("403"), "{}", said(&output));
    let output = make(folder.path().join("absent")).await??;
    ensure!(!output.status.success() && said(&output).contains("docker/init"), "{}", said(&output));
    shutdown.cancel();
    Ok(())
}

#[test]
fn the_s3_server_gets_its_key_by_a_private_file() -> Result<()> {
    let seen = tempfile::tempdir()?;
    let weed = "printf '%s\\n' \"$@\" >\"$TMPDIR/arguments\"; stat -c %a \"$TMPDIR/identities.json\" >\"$TMPDIR/mode\"";
    let stand_ins = StandIns::new(&[("weed", weed)])?;
    let secret = seen.path().join("secret");
    fs::write(&secret, "0123456789abcdef")?;
    let output = Command::new(script("s3"))
        .arg("serve")
        .env_clear()
        .env("PATH", stand_ins.path())
        .env("TMPDIR", seen.path())
        .env("EZ_BUCKET", "ezlive")
        .env("EZ_S3_ACCESS_KEY_ID", "ezlive")
        .env("EZ_S3_SECRET_KEY_FILE", &secret)
        .output()?;
    ensure!(output.status.success(), "{}", said(&output));
    let arguments = fs::read_to_string(seen.path().join("arguments"))?;
    ensure!(!arguments.contains("0123456789abcdef"), "the secret is an argument");
    for argument in ["-ip.bind=127.0.0.1\n", "-s3.ip.bind=0.0.0.0\n", "-s3.port=9000\n", "-s3.iam=false\n"] {
        ensure!(arguments.contains(argument), "{argument} is not in {arguments}");
    }
    ensure!(fs::read_to_string(seen.path().join("mode"))? == "600\n", "the identities are open");
    let identities: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(seen.path().join("identities.json"))?)?;
    ensure!(identities["identities"][0]["credentials"][0]["secretKey"] == "0123456789abcdef", "{identities}");
    // Players read single objects; listing is another right.
    ensure!(identities["identities"][1]["actions"] == serde_json::json!(["Read:ezlive"]), "{identities}");
    Ok(())
}

/// The step of the Dockerfile that gets ffmpeg and packager, on what it copies.
#[test]
fn the_step_for_the_media_tools_takes_only_the_pinned_ones() -> Result<()> {
    let images = Dockerfile::parse(&fs::read_to_string(workspace_root().join("docker/Dockerfile"))?)?;
    let step = images.last("media", "RUN").context("no RUN")?.to_owned();
    let folder = tempfile::tempdir()?;
    let lib = folder.path().join("script/lib");
    fs::create_dir_all(&lib)?;
    for file in ["common.sh", "media_tools.sh"] {
        fs::copy(workspace_root().join("script/lib").join(file), lib.join(file))?;
    }
    let bin = folder.path().join(".tools/bin");
    fs::create_dir_all(&bin)?;
    for tool in [Tool::Ffmpeg, Tool::Ffprobe, Tool::Packager] {
        let path = tool.path()?;
        fs::copy(&path, bin.join(path.file_name().context("a name")?))?;
    }
    // A registry that is away: whatever is not the pinned file would have to be downloaded.
    let stand_ins = StandIns::new(&[("python3", "[ \"$3\" = --version ] || { echo no registry; exit 1; }")])?;
    let shell = |step: &str| {
        let shell = ["-euo", "pipefail", "-c", step];
        Command::new("/bin/bash")
            .args(shell)
            .env("PATH", stand_ins.path())
            .current_dir(folder.path())
            .output()
    };
    let output = shell(&step)?;
    ensure!(output.status.success(), "{}", said(&output));
    let mut packager = fs::read(bin.join("packager"))?;
    if let Some(last) = packager.last_mut() {
        *last ^= 1;
    }
    fs::write(bin.join("packager"), packager)?;
    let output = shell(&step)?;
    ensure!(!output.status.success() && said(&output).contains("could not download"), "{}", said(&output));
    Ok(())
}

//! The installation of compose.yaml on the plain machine.
//!
//! Programs, scripts, configurations, environments and arguments are the same, addresses and folders are
//! others. Redis, the queue and the S3 server are those of the tests.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_local::launch::Ports;
use ez_local::s3;
use ez_testkit::redis::RedisServer;
use ez_testkit::tools::{Tool, workspace_root};
use ez_testkit::wait::eventually;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::coherence::words;
use super::compose::{Compose, entries};
use super::dockerfile::Dockerfile;
use crate::processes::residents;

/// How long a service may take until it is healthy.
const HEALTHY: Duration = Duration::from_secs(60);

/// The running installation; everything ends when it is dropped.
pub struct Plain {
    /// Where everything listens.
    pub ports: Ports,
    running: Vec<Child>,
    data: TempDir,
    _redis: RedisServer,
    _s3: JoinSet<Result<(), s3::Error>>,
}

impl Drop for Plain {
    fn drop(&mut self) {
        for child in &mut self.running {
            if let Ok(group) = i32::try_from(child.id()) {
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            drop(child.wait());
        }
        // Transcoders outlive their worker.
        for (pid, _) in residents(self.data.path()).unwrap_or_default() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

impl Plain {
    /// Starts the services in the order of their dependencies, with this many workers.
    ///
    /// # Errors
    /// When one does not become healthy; the message has the last words of all.
    pub async fn start(workers: u16) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let folder = data.path().to_owned();
        let (ports, redis) = (Ports::free(workers)?, RedisServer::start().await?);
        let secrets = make_secrets(data.path())?;
        let queue = ez_testkit::sqs::endpoint().await?;
        for name in ["ezlive_job_queue", "ezlive_job_queue_parked"] {
            make_queue(&queue, name).await?;
        }
        let tools = Tool::Ffmpeg.path()?.parent().context("a folder")?.display().to_string();
        let replaced = [
            ("redis://redis:6379/", redis.url()),
            ("http://queue:9324", queue),
            ("http://s3:9000", format!("http://127.0.0.1:{}", ports.s3)),
            ("/run/secrets/", format!("{}/", secrets.display())),
            ("/etc/ezlivestreaming/", format!("{}/", data.path().display())),
            ("/usr/local/bin/", format!("{tools}/")),
            ("0.0.0.0", "127.0.0.1".to_owned()),
            ("\"1080\"", format!("\"{}\"", ports.api)),
            ("\"3080\"", format!("\"{}\"", ports.scheduler)),
            ("\"5080\"", format!("\"{}\"", ports.key_server)),
        ];
        let moved =
            |text: &str| replaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        for entry in std::fs::read_dir(workspace_root().join("docker/config"))? {
            let path = entry?.path();
            let name = path.file_name().context("a name")?;
            std::fs::write(data.path().join(name), moved(&std::fs::read_to_string(&path)?))?;
        }
        let compose = Compose::parse(&std::fs::read_to_string(workspace_root().join("compose.yaml"))?)?;
        let compose = compose.resolved(&settings(&ports))?;
        let images =
            Dockerfile::parse(&std::fs::read_to_string(workspace_root().join("docker/Dockerfile"))?)?;
        let command = |name: &str, program: &Path| -> Result<Command> {
            let service = compose.service(name)?;
            service_command(service, &images, program, &folder, &moved)
        };

        let key = std::fs::read_to_string(secrets.join("s3_secret_key"))?;
        let s3 = serve_s3(ports.s3, data.path().join("s3"), key).await?;
        let scripts = workspace_root().join("docker/bin");
        let mut bucket = command("bucket", &scripts.join("s3"))?;
        // The S3 server is in this process.
        let made = tokio::task::spawn_blocking(move || bucket.status()).await??;
        ensure!(made.success(), "no bucket:\n{}", last_words(data.path()));
        let mut plain = Self { ports, running: Vec::new(), data, _redis: redis, _s3: s3 };
        let programs = programs()?;
        for (name, port) in [
            ("key_server", plain.ports.key_server),
            ("api_server", plain.ports.api),
            ("scheduler", plain.ports.scheduler),
        ] {
            plain.running.push(command(name, &programs.join(name))?.spawn().context(name)?);
            plain.until_healthy(format!("127.0.0.1:{port}")).await?;
        }
        for k in 0..workers {
            let address = plain.data.path().join(format!("address-{k}"));
            let mut worker = command("worker", &scripts.join("worker"))?;
            worker.env("EZ_DATA_FOLDER", plain.data.path().join("workers")).env("EZ_ADDRESS_FILE", &address);
            plain.running.push(worker.spawn().context("worker")?);
            plain.until_healthy(format!("127.0.0.1:{}", plain.ports.worker(k))).await?;
            let told = std::fs::read_to_string(&address)?;
            ensure!(told == format!("127.0.0.1:{}", plain.ports.worker(k)), "worker {k} is at {told}");
        }
        Ok(plain)
    }

    /// What the images' health check says.
    async fn until_healthy(&self, address: String) -> Result<()> {
        let looked = eventually(HEALTHY, "a healthy service", || {
            let mut check = Command::new(workspace_root().join("docker/bin/healthz"));
            check.arg(&address).stdout(Stdio::null()).stderr(Stdio::null());
            async move {
                let status = tokio::task::spawn_blocking(move || check.status()).await??;
                ensure!(status.success(), "healthz ends with {status}");
                Ok::<_, anyhow::Error>(())
            }
        });
        looked.await.with_context(|| format!("{address}:\n{}", last_words(self.data.path())))
    }

    /// The last lines of every log.
    pub fn last_words(&self) -> String {
        last_words(self.data.path())
    }
}

/// What .env and the operator say, for free ports on loopback.
fn settings(ports: &Ports) -> BTreeMap<String, String> {
    [
        ("EZ_UID", "1".to_owned()),
        ("EZ_GID", "1".to_owned()),
        ("EZ_API_PORT", ports.api.to_string()),
        ("EZ_S3_PORT", ports.s3.to_string()),
        ("EZ_SCHEDULER_URL", format!("http://127.0.0.1:{}", ports.scheduler)),
        ("EZ_WORKER_HOST", "127.0.0.1".to_owned()),
        ("EZ_WORKER_PORT_BASE", ports.worker_base.to_string()),
        ("EZ_RTMP_PORT_BASE", ports.rtmp_base.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Tests lie in `deps`, beside which the programs are.
fn programs() -> Result<PathBuf> {
    let tests = std::env::current_exe()?;
    Ok(tests.ancestors().nth(2).context("a target folder")?.to_owned())
}

fn service_command(
    service: &Value,
    images: &Dockerfile,
    program: &Path,
    data: &Path,
    moved: &impl Fn(&str) -> String,
) -> Result<Command> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(data.join("services.log"))?;
    let search = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command
        .args(words(service, images).iter().map(|word| moved(word)))
        .env_clear()
        .env("PATH", format!("{}:{search}", programs()?.display()))
        .current_dir(data)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    for (variable, value) in entries(&service["environment"]) {
        command.env(variable, moved(value.as_str().unwrap_or_default()));
    }
    Ok(command)
}

/// What docker/init makes, in a copy of its folder.
fn make_secrets(data: &Path) -> Result<PathBuf> {
    let checkout = data.join("checkout");
    for file in ["docker/init", "script/lib/common.sh"] {
        let copy = checkout.join(file);
        std::fs::create_dir_all(copy.parent().context("a folder")?)?;
        std::fs::copy(workspace_root().join(file), copy)?;
    }
    let output = Command::new("bash").arg("docker/init").current_dir(&checkout).output()?;
    ensure!(output.status.success(), "docker/init: {}", String::from_utf8_lossy(&output.stderr));
    Ok(checkout.join("docker/secrets"))
}

async fn serve_s3(port: u16, root: PathBuf, secret_key: String) -> Result<JoinSet<Result<(), s3::Error>>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let options = s3::Options { root, buckets: Vec::new(), access_key: "ezlive".to_owned(), secret_key };
    let mut server = JoinSet::new();
    server.spawn(s3::serve(listener, options, CancellationToken::new()));
    Ok(server)
}

/// What docker/config/elasticmq.conf does for `ElasticMQ`.
async fn make_queue(endpoint: &str, name: &str) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
    let answer = http
        .post(endpoint)
        .header("X-Amz-Target", "AmazonSQS.CreateQueue")
        .header("Content-Type", "application/x-amz-json-1.0")
        .header("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request")
        .body(json!({ "QueueName": name }).to_string())
        .send()
        .await?;
    ensure!(answer.status().is_success(), "moto makes no queue {name}: {}", answer.text().await?);
    Ok(())
}

fn last_words(data: &Path) -> String {
    let text = std::fs::read_to_string(data.join("services.log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

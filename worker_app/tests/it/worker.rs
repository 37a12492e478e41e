//! The real `worker_app` on a folder of its own.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use ez_testkit::wait::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::scheduler::{Scheduler, TOKEN};
use crate::transcoder;

/// Long enough for a loaded machine; nothing waits for it that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const SECRET_KEY: &str = "secret-key-of-the-bucket";

pub(crate) struct Host {
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) rtmp_base: u16,
    scheduler: String,
    child: Option<Child>,
}

/// `count` neighbouring ports that were free just now; tests in parallel get different ones.
fn free_ports(count: u16) -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 200).unwrap() * 100;
    loop {
        let base = 12_000 + (offset + NEXT.fetch_add(count, Ordering::Relaxed)) % 20_000;
        if (base..base + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return base;
        }
    }
}

/// Writes a program that prints a version.
pub(crate) fn tool(folder: &Path, name: &str, output: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\necho '{output}'\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

impl Host {
    pub(crate) fn new(scheduler: &Scheduler) -> Self {
        let folder = tempfile::tempdir().unwrap();
        tool(folder.path(), "ffmpeg", "ffmpeg version n8.1.2 Copyright");
        tool(folder.path(), "ffprobe", "ffprobe version n8.1.2 Copyright");
        tool(folder.path(), "packager", "packager version v3.8.0-75b2faf-release");
        transcoder::script(folder.path());
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let port = free_ports(4);
        Self { folder, port, rtmp_base: port + 1, scheduler: scheduler.url.clone(), child: None }
    }

    pub(crate) async fn started(scheduler: &Scheduler) -> Self {
        let mut host = Self::new(scheduler);
        host.start();
        host.ready().await;
        host
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn run_folder(&self, order: &ez_api::internal::RunOrder) -> PathBuf {
        self.data().join("runs").join(format!("{}-{}", order.job, order.epoch))
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker_app"));
        let path = |name: &str| self.folder.path().join(name);
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.folder.path().display()))
            .env("EZ_SCHEDULER_URL", &self.scheduler)
            .env("EZ_WORKER_PORT", self.port.to_string())
            .env("EZ_DATA_FOLDER", self.data())
            .env("EZ_RTMP_PORT_BASE", self.rtmp_base.to_string())
            .env("EZ_RTMP_PORTS", "3")
            .env("EZ_TRANSCODER_PATH", path("worker_transcoder"))
            .env("EZ_S3_ACCESS_KEY_ID", "key-id")
            .env("EZ_S3_SECRET_KEY", SECRET_KEY)
            .env("EZ_SERVICE_TOKEN", TOKEN)
            .env("EZ_LOG_FORMAT", "json")
            .env("EZ_LOG", "info")
            .env("AWS_SECRET_ACCESS_KEY", "not-for-children")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    pub(crate) fn start_with(&mut self, environment: &[(&str, &str)]) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path()).unwrap();
        self.child = Some(self.command().envs(environment.iter().copied()).stderr(log).spawn().unwrap());
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("worker.log")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        signal_to(self.pid(), signal);
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        eventually(Duration::from_secs(70), "the end of worker_app", || {
            let ended = child.try_wait().unwrap().ok_or("it runs");
            async move { ended }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    pub(crate) async fn ready(&self) {
        eventually(PATIENCE, "a ready worker", || async {
            match self.get("/readyz").await {
                Ok((200, _)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
    }

    pub(crate) async fn get(&self, path: &str) -> Result<(u16, String), String> {
        self.call(reqwest::Method::GET, path, Some(TOKEN)).await
    }

    pub(crate) async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        token: Option<&str>,
    ) -> Result<(u16, String), String> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method, format!("http://127.0.0.1:{}{path}", self.port));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        Ok((answer.status().as_u16(), answer.text().await.map_err(|error| error.to_string())?))
    }

    /// `GET /runs`.
    pub(crate) async fn runs(&self) -> Vec<Value> {
        let (status, text) = self.get("/runs").await.unwrap();
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Process of the only run, once it is connected.
    pub(crate) async fn transcoder_pid(&self) -> u32 {
        self.connected().await["pid"].as_u64().unwrap().try_into().unwrap()
    }

    /// The only run, once its transcoder is connected.
    pub(crate) async fn connected(&self) -> Value {
        eventually(PATIENCE, "a connected transcoder", || async {
            let runs = self.runs().await;
            match runs.as_slice() {
                [run] if run["connected"] == true => Ok(run.clone()),
                _ => Err(format!("{runs:?}")),
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    pub(crate) fn diary(&self) -> Vec<String> {
        transcoder::diary(&self.data())
    }

    pub(crate) fn starts(&self) -> usize {
        self.diary().iter().filter(|line| line.starts_with("start ")).count()
    }
}

impl Drop for Host {
    /// Ends the worker and every transcoder that it or a former one started.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        for line in self.diary() {
            let mut words = line.split(' ');
            if let (Some("start"), Some(pid)) = (words.next(), words.next().and_then(|pid| pid.parse().ok()))
                && is_ours(pid, self.folder.path())
            {
                signal_to(pid, Signal::SIGKILL);
            }
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// Whether the process still is the transcoder that wrote its number down.
fn is_ours(pid: u32, folder: &Path) -> bool {
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
}

pub(crate) fn signal_to(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).unwrap();
    assert!(pid > 1);
    let _ = kill(Pid::from_raw(pid), signal);
}

pub(crate) fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|text| text.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}

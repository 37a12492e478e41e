//! One service of this build as a process of its own, which can be killed and started again.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ez_service::child::{self, Spec};
use ez_testkit::wait::eventually;
use nix::unistd::Pid;
use reqwest::{Client, StatusCode};
use tokio::process::Child;

/// How long a service may take until it answers, on a loaded machine.
const UP: Duration = Duration::from_secs(20);
/// How long a service whose dependencies are there may take until it is ready.
const READY: Duration = Duration::from_secs(30);
/// Longest time of one look.
const LOOK: Duration = Duration::from_secs(3);
/// What is passed on from our own environment.
const PASSED_ON: [&str; 4] = ["PATH", "HOME", "EZ_LOG", "RUST_BACKTRACE"];
/// Lines of a log that go into a failure's words.
const LAST_LINES: usize = 15;

/// A service on a port of its own.
#[derive(Debug)]
pub struct Service {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
    http: Client,
}

impl Service {
    /// The service that `program` of this build is, not started yet. It works in `folder`, where its log
    /// is too.
    ///
    /// # Errors
    /// When the program is not there.
    pub fn new(name: impl Into<String>, program: &str, folder: &Path, port: u16) -> Result<Self> {
        let path = built(program)?;
        let passed = PASSED_ON.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
        Ok(Self {
            name: name.into(),
            program: path,
            arguments: Vec::new(),
            environment: passed.collect(),
            folder: folder.to_owned(),
            port,
            child: None,
            http: Client::builder().no_proxy().timeout(LOOK).build().context("prepare a client")?,
        })
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn with(mut self, variable: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((variable.into(), value.into()));
        self
    }

    /// Sets a key of its configuration that no variable sets.
    #[must_use]
    pub fn set(mut self, setting: &str) -> Self {
        self.arguments.extend(["--set".into(), setting.into()]);
        self
    }

    /// Lets it work in another folder.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<Pid> {
        let pid = self.child.as_ref().and_then(Child::id).and_then(|pid| i32::try_from(pid).ok());
        pid.map(Pid::from_raw).with_context(|| format!("{} does not run", self.name))
    }

    /// Starts the process; it may take a while until it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(&mut self) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).context("open a log")?;
        let spec = Spec {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            folder: self.folder.clone(),
            stdin: Stdio::null(),
            stdout: Stdio::from(log.try_clone().context("share a log")?),
            stderr: Stdio::from(log),
            dies_with_parent: true,
        };
        self.child = Some(child::spawn(spec).await.with_context(|| format!("start {}", self.name))?);
        Ok(())
    }

    /// Kills it with SIGKILL, as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&mut self) -> Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await.with_context(|| format!("kill {}", self.name)),
            None => Ok(()),
        }
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Waits until it answers at all; one that died before, since its port was taken for a moment, is
    /// started again.
    ///
    /// # Errors
    /// When it does not.
    pub async fn until_up(&mut self) -> Result<()> {
        let deadline = tokio::time::Instant::now() + UP;
        loop {
            let answered = self.status("/healthz").await;
            if matches!(answered, Ok(StatusCode::OK)) {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                bail!("{} does not answer: {answered:?}\n{}", self.name, self.last_words());
            }
            if !self.is_running() {
                self.start().await?;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it can do its work.
    ///
    /// # Errors
    /// When it does not become ready in time; its log's last lines are in the message.
    pub async fn until_ready(&mut self) -> Result<()> {
        self.until_up().await?;
        let look = || async {
            let status = self.status("/readyz").await?;
            ensure!(status == StatusCode::OK, "it answers {status}");
            Ok(())
        };
        let ready = eventually(READY, &format!("{} to be ready", self.name), look).await;
        ready.with_context(|| self.last_words())
    }

    /// Whether it says that it can do its work.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn is_ready(&self) -> Result<bool> {
        Ok(self.status("/readyz").await? == StatusCode::OK)
    }

    async fn status(&self, path: &str) -> Result<StatusCode> {
        let answer = self.http.get(format!("{}{path}", self.url())).send().await;
        Ok(answer.with_context(|| format!("ask {} for {path}", self.name))?.status())
    }

    fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

/// The path of a program of the build that is running: tests lie in `deps`, beside which the programs are.
///
/// # Errors
/// When it is not there.
pub fn built(program: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("find the running program")?;
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(program)).find(|path| path.is_file());
    found.with_context(|| {
        format!("{program} is not built beside {}: build the whole workspace with all targets", own.display())
    })
}

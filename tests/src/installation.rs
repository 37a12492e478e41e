//! A whole installation with one worker, and its API as a client sees it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ez_local::launch::{Cloud, Layout, Options, Ports, Stack};
use ez_testkit::tools::workspace_root;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::disk::SmallDisk;

/// An installation that encodes needs the machine for itself: two at once would fall behind real time.
static MACHINE: Mutex<()> = Mutex::const_new(());

/// Waits until no installation of this process runs, and keeps others from starting: for one in another process.
pub async fn machine_alone() -> MutexGuard<'static, ()> {
    MACHINE.lock().await
}

/// A running installation; everything ends when it is dropped.
pub struct Installation {
    /// The launcher's handle: kills and pauses single services.
    pub stack: Stack,
    api: String,
    http: Client,
    /// Those of the workers, where they have small ones.
    disks: Vec<SmallDisk>,
    data: TempDir,
    _machine: MutexGuard<'static, ()>,
}

impl Installation {
    /// Starts everything on free ports with this many workers and waits until it is ready.
    ///
    /// # Errors
    /// When a service does not come up; its log is in the message.
    pub async fn start(workers: u16) -> Result<Self> {
        Self::start_with(workers, |_| Ok(Vec::new())).await
    }

    /// As [`Self::start`], with the bucket and the queue of a cloud.
    ///
    /// # Errors
    /// When a service does not come up; its log is in the message.
    pub async fn start_in(cloud: Cloud, workers: u16) -> Result<Self> {
        Self::start_with(workers, |options| {
            options.cloud = Some(cloud);
            Ok(Vec::new())
        })
        .await
    }

    /// As [`Self::start`], with services that log what this filter lets through.
    ///
    /// # Errors
    /// When a service does not come up; its log is in the message.
    pub async fn start_talkative(workers: u16, log: &str) -> Result<Self> {
        Self::start_with(workers, |options| {
            options.log = Some(log.to_owned());
            Ok(Vec::new())
        })
        .await
    }

    /// As [`Self::start`], with workers that work on a small disk each.
    ///
    /// # Errors
    /// When a service does not come up, or this process may not mount.
    pub async fn start_on_small_disks(workers: u16) -> Result<Self> {
        Self::start_with(workers, |options| {
            let layout = Layout::make(&options.data)?;
            (0..workers).map(|worker| SmallDisk::mount(layout.worker(worker))).collect()
        })
        .await
    }

    async fn start_with(
        workers: u16,
        change: impl FnOnce(&mut Options) -> Result<Vec<SmallDisk>>,
    ) -> Result<Self> {
        let machine = machine_alone().await;
        let data = tempfile::tempdir().context("make a data folder")?;
        let mut options = Options::new(data.path(), Ports::free(workers)?);
        options.workers = workers;
        // Unmounted before the folder is removed, also where the start fails.
        let disks = change(&mut options)?;
        let stack = match Stack::start(options).await {
            Ok(stack) => stack,
            Err(error) => bail!("the installation does not start: {error}\n{}", logs(data.path())),
        };
        let api = stack.endpoints().api;
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { stack, api, http, disks, data, _machine: machine })
    }

    /// The small disks of its workers, if they have some.
    pub fn disks(&self) -> &[SmallDisk] {
        &self.disks
    }

    /// Leaves the data folder, logs and media included, for whoever wants to know what happened; small disks go.
    pub fn keep_data(&mut self) -> &Path {
        self.data.disable_cleanup(true);
        self.data.path()
    }

    /// The last lines of every service's log, for a test that fails.
    pub fn log(&self) -> String {
        logs(self.data.path())
    }

    /// The sample job of the repository, in the installation's bucket.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sample_job(&self) -> Result<Value> {
        let text = std::fs::read_to_string(workspace_root().join("sample_live_job.json"))?;
        let mut job: Value = serde_json::from_str(&text)?;
        job["Output"]["S3_output"]["Bucket"] = Value::String(self.stack.endpoints().bucket);
        Ok(job)
    }

    /// One request; answers status and JSON (null for an empty body).
    ///
    /// # Errors
    /// When there is no answer, or one that is no JSON.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.api.trim_end_matches('/')));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("ask for {path}"))?;
        let status = response.status();
        let text = response.text().await?;
        let json = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
        Ok((status, json))
    }

    /// Creates a job and answers it as the API does.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create(&self, job: &Value) -> Result<Value> {
        let (status, created) = self.ask(Method::POST, "/jobs", Some(job)).await?;
        ensure!(status == StatusCode::CREATED, "create answers {status}: {created}");
        Ok(created)
    }

    /// Waits until the job is as wanted.
    ///
    /// # Errors
    /// When that does not happen in time; the message holds the job as it is.
    pub async fn until(
        &self,
        id: &str,
        what: &str,
        seconds: u64,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
        loop {
            let (status, job) = self.ask(Method::GET, &format!("/jobs/{id}"), None).await?;
            ensure!(status == StatusCode::OK, "get answers {status}: {job}");
            if wanted(&job) {
                return Ok(job);
            }
            ensure!(
                tokio::time::Instant::now() < deadline,
                "not within {seconds} s: {what}; the job is {job:#}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A public object as a viewer gets it.
    ///
    /// # Errors
    /// When the store does not answer with 200.
    pub async fn fetch(&self, url: &str) -> Result<String> {
        Ok(self.http.get(url).send().await?.error_for_status()?.text().await?)
    }

    /// The status that the store answers for a public object.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn status_of(&self, url: &str) -> Result<StatusCode> {
        Ok(self.http.get(url).send().await?.status())
    }
}

/// A text field of a job.
pub fn text<'job>(job: &'job Value, key: &str) -> &'job str {
    job[key].as_str().unwrap_or_default()
}

fn logs(data: &Path) -> String {
    let mut all = String::new();
    let folders = [data.join("logs"), data.join("worker-0/logs"), data.join("workers/0/logs")];
    for entry in folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(12).collect();
        all.push_str(&format!("--- {}\n", entry.path().display()));
        for line in lines.into_iter().rev() {
            all.push_str(line);
            all.push('\n');
        }
    }
    all
}

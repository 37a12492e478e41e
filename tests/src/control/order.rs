//! Redis, an API server, a scheduler, a worker and a key server, started one after the other in any order.
//!
//! A service whose dependencies are not there yet answers, says that it is not ready, and becomes ready
//! once they come. When all are, a protected job reaches a bound listener.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_local::launch::{Ports, RTMP_PORTS_PER_WORKER};
use ez_testkit::redis::{Durability, RedisServer};
use ez_testkit::tools::Tool;
use ez_testkit::wait::eventually;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::api::{Answer, Api, small_job};
use super::plane::Storage;
use super::service::Service;
use crate::processes::{residents, send};

/// How long a job may take to a bound listener, and to its end.
const SOON: Duration = Duration::from_secs(30);

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The state store with the queue.
    Redis,
    /// `api_server`.
    Api,
    /// `scheduler`.
    Scheduler,
    /// `worker_app`.
    Worker,
    /// `key_server`.
    KeyServer,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Redis, Self::Api, Self::Scheduler, Self::Worker, Self::KeyServer];

    /// What it asks for its work. Without a key server only protected jobs wait, so the scheduler needs none.
    const fn needs(self) -> &'static [Self] {
        match self {
            Self::Redis => &[],
            Self::Api | Self::Scheduler | Self::KeyServer => &[Self::Redis],
            Self::Worker => &[Self::Scheduler],
        }
    }

    /// Whether it can work when these have been started.
    pub fn can_work(self, started: &[Self]) -> bool {
        self.needs().iter().all(|need| started.contains(need) && need.can_work(started))
    }
}

/// One order of all parts.
pub type Order = Vec<Part>;

/// Every order.
pub fn all_orders() -> Vec<Order> {
    let mut orders: Vec<Order> = vec![Vec::new()];
    for _ in Part::ALL {
        let longer = |order: Order| {
            let left = Part::ALL.into_iter().filter(|part| !order.contains(part)).collect::<Vec<_>>();
            left.into_iter().map(move |part| [order.clone(), vec![part]].concat())
        };
        orders = orders.into_iter().flat_map(longer).collect();
    }
    orders
}

/// The parts of one try.
struct Parts {
    redis: RedisServer,
    api: Service,
    scheduler: Service,
    worker: Service,
    key_server: Service,
    folder: PathBuf,
}

impl Parts {
    async fn prepare(storage: &Storage, folder: &Path) -> Result<Self> {
        // Started once for its port, which the others are told.
        let mut redis = RedisServer::start_with(Durability::AppendOnly).await?;
        redis.kill()?;
        let url = redis.url();
        let key_server = storage.key_server(&url)?.within(folder);
        let scheduler = storage
            .scheduler("scheduler", &url)?
            .with("EZ_KEY_SERVER_URL", format!("{}/keys/", key_server.url()))
            .with("EZ_KEY_TOKEN_FILE", storage.secret_file("key_token"))
            .within(folder);
        let ports = Ports::free(1)?;
        let data = folder.join("w");
        let mut worker = Service::new("worker_app", "worker_app", folder, ports.worker_base)?
            .with("EZ_SCHEDULER_URL", scheduler.url())
            .with("EZ_WORKER_PORT", ports.worker_base.to_string())
            .with("EZ_CPU_CAPACITY", "4000")
            .with("EZ_DATA_FOLDER", data)
            .with("EZ_RTMP_PORT_BASE", ports.rtmp_base.to_string())
            .with("EZ_RTMP_PORTS", RTMP_PORTS_PER_WORKER.to_string())
            .with("EZ_FFMPEG_PATH", Tool::Ffmpeg.path()?)
            .with("EZ_FFPROBE_PATH", Tool::Ffprobe.path()?)
            .with("EZ_PACKAGER_PATH", Tool::Packager.path()?)
            .with("EZ_S3_ENDPOINT", storage.s3())
            .with("EZ_SERVICE_TOKEN_FILE", storage.secret_file("service_token"));
        for (variable, value) in storage.worker_keys() {
            worker = worker.with(variable, value);
        }
        let api = storage.api("api_server", &url)?.within(folder);
        Ok(Self { redis, api, scheduler, worker, key_server, folder: folder.to_owned() })
    }

    async fn start(&mut self, part: Part) -> Result<()> {
        match self.service(part) {
            None => self.redis.restart().await,
            Some(service) => {
                service.start().await?;
                service.until_up().await
            }
        }
    }

    fn service(&mut self, part: Part) -> Option<&mut Service> {
        match part {
            Part::Redis => None,
            Part::Api => Some(&mut self.api),
            Part::Scheduler => Some(&mut self.scheduler),
            Part::Worker => Some(&mut self.worker),
            Part::KeyServer => Some(&mut self.key_server),
        }
    }
}

/// Whoever is left of a try: a transcoder outlives its worker.
impl Drop for Parts {
    fn drop(&mut self) {
        for (pid, _) in residents(&self.folder).unwrap_or_default() {
            drop(send(Pid::from_raw(pid), Signal::SIGKILL));
        }
    }
}

/// Starts all parts in this order, looks after each who is ready and who must not be, and brings a job on a
/// worker.
///
/// # Errors
/// When a service is not ready though it could work, or the other way round, or the job does not get there.
pub async fn works(order: &[Part], storage: &Storage) -> Result<()> {
    let folder = tempfile::tempdir().context("make a folder")?;
    let mut parts = Parts::prepare(storage, folder.path()).await?;
    for (at, part) in order.iter().enumerate() {
        parts.start(*part).await.with_context(|| format!("start {part}"))?;
        let started = &order[..=at];
        for other in started {
            let Some(service) = parts.service(*other) else { continue };
            if other.can_work(started) {
                service.until_ready().await.with_context(|| format!("{other} after {part}"))?;
            } else if other == part {
                ensure!(!service.is_ready().await?, "{other} says it is ready after {started:?}");
            }
        }
    }
    a_job_gets_a_listener(&parts.api.url()).await.with_context(|| parts.worker.last_words())
}

async fn a_job_gets_a_listener(api: &str) -> Result<()> {
    let client = Api::new(vec![api.to_owned()])?;
    let mut protected = small_job();
    protected["Output"]["Drm"] = json!({"Protection_system": "FairPlay", "Protection_scheme": "cbcs"});
    let id = client.create_from(0, &protected).await?;
    let http = Client::builder().no_proxy().timeout(SOON).build()?;
    let look = |wanted: fn(&Value) -> bool| {
        let request = http.get(format!("{api}/jobs/{id}"));
        async move {
            let job: Value = request.send().await?.json().await?;
            ensure!(wanted(&job), "{job:#}");
            Ok(())
        }
    };
    let listens = |job: &Value| job["RtmpIngestUrl"].as_str().is_some_and(|url| !url.is_empty());
    eventually(SOON, "a bound listener", || look(listens)).await?;
    let answer = client.ask(0, &Method::PUT, &format!("/jobs/{id}/stop"), None).await;
    ensure!(matches!(answer, Answer::Said(StatusCode::ACCEPTED, _)), "stop: {answer:?}");
    eventually(SOON, "the end of the run", || look(|job: &Value| job["Phase"] == "stopped")).await
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Redis => "redis",
            Self::Api => "api_server",
            Self::Scheduler => "scheduler",
            Self::Worker => "worker_app",
            Self::KeyServer => "key_server",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_comes_once() {
        let orders = all_orders();
        assert_eq!(orders.len(), 120);
        for (at, order) in orders.iter().enumerate() {
            assert_eq!(order.len(), 5);
            assert!(Part::ALL.iter().all(|part| order.contains(part)), "{order:?}");
            assert!(!orders[..at].contains(order), "{order:?} comes twice");
        }
    }

    #[test]
    fn what_can_work() {
        assert!(Part::Redis.can_work(&[]));
        assert!(!Part::Api.can_work(&[Part::Api]));
        assert!(!Part::Worker.can_work(&[Part::Worker, Part::Scheduler]));
        assert!(Part::Worker.can_work(&[Part::Worker, Part::Scheduler, Part::Redis]));
    }
}

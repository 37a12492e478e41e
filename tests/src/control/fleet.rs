//! Workers at work for some schedulers, and the address at which they are poked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use ez_domain::id::WorkerId;
use ez_domain::secret::Secret;
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_testkit::wait::eventually;
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::history::History;
use super::worker::Worker;

/// How long a fleet may take until all of it is registered.
const REGISTERED: Duration = Duration::from_secs(30);

/// What each worker of a fleet is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// How many workers.
    pub workers: usize,
    /// What one carries, in thousandths of a core.
    pub capacity_millicores: u32,
    /// Runs that one holds at most.
    pub max_runs: u32,
}

/// Workers at work; they end when it is dropped.
pub struct Fleet {
    /// What they did.
    pub history: History,
    tasks: TaskGroup,
    workers: Vec<Arc<Worker>>,
    registered: Arc<AtomicUsize>,
}

impl Fleet {
    /// Sets workers to work for these schedulers.
    ///
    /// # Errors
    /// When there is no scheduler, or the address for pokes cannot be had.
    pub async fn start(
        size: Size,
        schedulers: &[String],
        token: &Secret<String>,
        history: History,
    ) -> Result<Self> {
        ensure!(!schedulers.is_empty(), "a fleet without schedulers");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("bind the fleet's address")?;
        let address = format!("http://{}", listener.local_addr().context("read the fleet's address")?);
        let tasks = TaskGroup::new(CancellationToken::new());
        let http = Client::builder().no_proxy().build().context("prepare a client")?;
        let registered = Arc::new(AtomicUsize::new(0));
        let mut workers = Vec::new();
        for number in 0..size.workers {
            // Each has another one as its first.
            let mut schedulers = schedulers.to_vec();
            let first = number % schedulers.len();
            schedulers.rotate_left(first);
            workers.push(Arc::new(Worker {
                id: WorkerId::from_uuid(Uuid::new_v4()),
                size,
                control_url: format!("{address}/{number}"),
                schedulers,
                token: token.clone(),
                http: http.clone(),
                poked: Notify::new(),
                dies: Notify::new(),
                history: history.clone(),
                registered: Arc::clone(&registered),
            }));
        }
        let router = Router::new().route("/{number}/poke", post(poke)).with_state(workers.clone());
        let ended = tasks.shutdown().clone();
        tasks.spawn("pokes", OnFailure::Log, async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned());
            serving.await.context("serve pokes")
        });
        for worker in &workers {
            let (worker, ended) = (Arc::clone(worker), tasks.shutdown().clone());
            tasks.spawn("worker", OnFailure::Log, async move {
                tokio::select! {
                    () = worker.live_again_and_again() => {}
                    () = ended.cancelled() => {}
                }
                Ok(())
            });
        }
        Ok(Self { history, tasks, workers, registered })
    }

    /// Waits until every worker is registered.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn until_registered(&self) -> Result<()> {
        let look = || async {
            let registered = self.registered.load(Ordering::SeqCst);
            ensure!(registered >= self.workers.len(), "{registered} of {}", self.workers.len());
            Ok(())
        };
        eventually(REGISTERED, "all workers to be registered", look).await
    }

    /// Ends the life of a worker with all its runs; it begins another one at once.
    ///
    /// # Errors
    /// When there is no such worker.
    pub fn kill(&self, number: usize) -> Result<()> {
        self.workers.get(number).with_context(|| format!("no worker {number}"))?.dies.notify_one();
        Ok(())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.tasks.shutdown().cancel();
    }
}

async fn poke(State(workers): State<Vec<Arc<Worker>>>, Path(number): Path<usize>) -> StatusCode {
    let Some(worker) = workers.get(number) else { return StatusCode::NOT_FOUND };
    worker.poked.notify_one();
    StatusCode::NO_CONTENT
}

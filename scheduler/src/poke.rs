//! Tells workers that the set of their runs changed: `POST <control_url>/poke`, fire and forget.
//!
//! At most one poke per worker is under way; changes meanwhile are told by one more afterwards.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_domain::id::WorkerId;
use ez_domain::secret::Secret;
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_store::{Store, WorkerRecord};

/// Longest time for one poke. The worker only takes note of it.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Sends pokes.
#[derive(Clone)]
pub(crate) struct Poker {
    tasks: TaskGroup,
    store: Arc<dyn Store>,
    client: reqwest::Client,
    token: Option<Secret<String>>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// Where workers are reached; replaced as a whole by each look at the workers.
    addresses: HashMap<WorkerId, String>,
    /// Workers that are being poked, and whether there is more to tell.
    under_way: HashMap<WorkerId, bool>,
}

impl Poker {
    pub(crate) fn new(
        tasks: TaskGroup,
        store: Arc<dyn Store>,
        token: Option<Secret<String>>,
    ) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("prepare the client for pokes")?;
        Ok(Self { tasks, store, client, token, known: Arc::default() })
    }

    /// Takes note of where workers are reached.
    pub(crate) fn learn(&self, workers: &[WorkerRecord]) {
        self.lock().addresses =
            workers.iter().map(|worker| (worker.id, worker.control_url.clone())).collect();
    }

    /// Makes `worker` beat soon.
    pub(crate) fn tell(&self, worker: WorkerId) {
        let mut known = self.lock();
        if let Some(more) = known.under_way.get_mut(&worker) {
            *more = true;
            return;
        }
        known.under_way.insert(worker, false);
        drop(known);
        let poker = self.clone();
        self.tasks.spawn("poke", OnFailure::Log, async move {
            loop {
                poker.poke(worker).await;
                let mut known = poker.lock();
                if known.under_way.insert(worker, false) != Some(true) {
                    known.under_way.remove(&worker);
                    return Ok(());
                }
            }
        });
    }

    async fn poke(&self, worker: WorkerId) {
        let Some(address) = self.address(worker).await else {
            tracing::debug!(%worker, "not poked: it is not registered any more");
            return;
        };
        let mut request = self.client.post(format!("{}/poke", address.trim_end_matches('/')));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        match request.send().await.and_then(reqwest::Response::error_for_status) {
            Ok(_) => tracing::debug!(%worker, "poked"),
            Err(error) => {
                let error = ez_service::telemetry::chain(&error.without_url());
                tracing::debug!(%worker, error, "the poke failed; the next heartbeat tells it");
            }
        }
    }

    async fn address(&self, worker: WorkerId) -> Option<String> {
        let known = self.lock().addresses.get(&worker).cloned();
        if known.is_some() {
            return known;
        }
        let workers = self.store.workers().await.ok()?;
        self.learn(&workers);
        self.lock().addresses.get(&worker).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! A worker that is nothing but an HTTP client: it registers, beats and obeys as `worker_app` does, and holds
//! runs that make nothing.
//!
//! It goes to the next scheduler when one does not answer, as behind a load balancer. It can die: its runs
//! are gone then, and its next life is another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use ez_api::internal::{
    Heartbeat, HeartbeatReply, RegisterWorker, Registered, RunAction, RunOrder, RunStatus,
};
use ez_api::job::Statistics;
use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::job::Ingest;
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_domain::placement::Standing;
use ez_domain::secret::Secret;
use reqwest::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::fleet::Size;
use super::history::{Entry, History, Life};

/// A beat that is not answered in this time is of no use, as `worker_app` has it.
const BEAT: Duration = Duration::from_millis(1500);
/// Pause after a failure, before the next scheduler is asked.
const AFTER_FAILURE: Duration = Duration::from_millis(200);
/// Least time between two beats.
const SHORTEST: Duration = Duration::from_millis(50);

/// A worker.
pub(super) struct Worker {
    pub(super) id: WorkerId,
    pub(super) size: Size,
    pub(super) control_url: String,
    pub(super) schedulers: Vec<String>,
    pub(super) token: Secret<String>,
    pub(super) http: Client,
    /// Rung to make it beat at once.
    pub(super) poked: Notify,
    /// Rung to end its present life.
    pub(super) dies: Notify,
    pub(super) history: History,
    /// Registrations of all workers together.
    pub(super) registered: Arc<AtomicUsize>,
}

/// A run that a worker was told of.
struct Held {
    epoch: Epoch,
    state: RunState,
}

impl Worker {
    /// Lives one life after the other, for ever.
    pub(super) async fn live_again_and_again(&self) {
        loop {
            let life: Life = (self.id, Incarnation::from_uuid(Uuid::new_v4()));
            let mut held = BTreeMap::new();
            tokio::select! {
                () = self.live(life, &mut held) => {}
                () = self.dies.notified() => {}
            }
            for (job, run) in held {
                self.let_go(life, job, &run);
            }
        }
    }

    /// Beats for ever.
    async fn live(&self, life: Life, held: &mut BTreeMap<JobId, Held>) {
        let mut asked = 0;
        let mut interval = None;
        loop {
            let scheduler = &self.schedulers[asked % self.schedulers.len()];
            let turn = match interval {
                None => self.register(scheduler, life).await.map(|registered| {
                    interval = Some(Duration::from_millis(registered.heartbeat_ms));
                    true
                }),
                Some(_) => self.beat(scheduler, life, held).await.map(|reply| {
                    if !reply.known {
                        interval = None;
                        return true;
                    }
                    self.obey(life, held, reply.runs)
                }),
            };
            match (turn, interval) {
                (Err(_), _) => {
                    asked += 1;
                    sleep(AFTER_FAILURE).await;
                }
                // Something to tell at once.
                (Ok(true), _) | (Ok(false), None) => sleep(SHORTEST).await,
                (Ok(false), Some(interval)) => {
                    if timeout(interval, self.poked.notified()).await.is_ok() {
                        sleep(SHORTEST).await;
                    }
                }
            }
        }
    }

    async fn register(&self, scheduler: &str, life: Life) -> Result<Registered> {
        let introduction = RegisterWorker {
            worker: self.id,
            incarnation: life.1,
            control_url: self.control_url.clone(),
            public_host: "worker.test".to_owned(),
            capacity_millicores: self.size.capacity_millicores,
            max_runs: self.size.max_runs,
            tools: BTreeMap::new(),
        };
        let registered = self.post(scheduler, "/workers", &introduction).await?;
        self.registered.fetch_add(1, Ordering::SeqCst);
        Ok(registered)
    }

    async fn beat(
        &self,
        scheduler: &str,
        life: Life,
        held: &BTreeMap<JobId, Held>,
    ) -> Result<HeartbeatReply> {
        let status = |(job, run): (&JobId, &Held)| RunStatus {
            job: *job,
            epoch: run.epoch,
            state: run.state.clone(),
            statistics: Statistics::default(),
        };
        let beat = Heartbeat {
            worker: self.id,
            incarnation: life.1,
            standing: Standing::Open,
            used_millicores: 100,
            runs: held.iter().map(status).collect(),
        };
        self.post(scheduler, "/heartbeat", &beat).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        scheduler: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let request = self.http.post(format!("{scheduler}{path}")).timeout(BEAT);
        let answer = request.bearer_auth(self.token.expose()).json(body).send().await?;
        ensure!(answer.status().is_success(), "{path} answers {}", answer.status());
        Ok(answer.json().await?)
    }

    /// Follows the orders; answers whether there is something new to tell.
    fn obey(&self, life: Life, held: &mut BTreeMap<JobId, Held>, orders: Vec<RunOrder>) -> bool {
        let ordered: BTreeMap<JobId, Epoch> = orders.iter().map(|order| (order.job, order.epoch)).collect();
        held.retain(|job, run| {
            let stays = ordered.get(job) == Some(&run.epoch);
            if !stays {
                self.let_go(life, *job, run);
            }
            stays
        });
        let mut is_news = false;
        for RunOrder { job, epoch, action } in orders {
            match (action, held.get_mut(&job)) {
                (RunAction::Run { .. }, Some(_)) | (RunAction::Hold, _) => {}
                (RunAction::Run { .. }, None) => {
                    self.history.saw(Entry::Took { life, job, epoch });
                    held.insert(job, Held { epoch, state: listening() });
                    is_news = true;
                }
                (RunAction::Stop, Some(run)) => {
                    if !is_over(run) {
                        self.let_go(life, job, run);
                        run.state = exited(RunOutcome::Stopped);
                        is_news = true;
                    }
                }
                // It never began, so there is nothing to be ended by this worker.
                (RunAction::Stop, None) => {
                    held.insert(job, Held { epoch, state: exited(RunOutcome::Left) });
                    is_news = true;
                }
            }
        }
        is_news
    }

    /// Notes that a run is held no more, once.
    fn let_go(&self, life: Life, job: JobId, run: &Held) {
        if !is_over(run) {
            self.history.saw(Entry::LetGo { life, job, epoch: run.epoch });
        }
    }
}

const fn is_over(run: &Held) -> bool {
    matches!(run.state, RunState::Exited { .. })
}

fn listening() -> RunState {
    let ingest = Ingest { host: "worker.test".to_owned(), port: 1935 };
    RunState::Listening { ingest, reason: "waiting for a publisher".to_owned(), fault: None }
}

const fn exited(outcome: RunOutcome) -> RunState {
    RunState::Exited { outcome, committed_segments: 0 }
}

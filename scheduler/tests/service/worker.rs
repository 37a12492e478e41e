//! A worker that is nothing but an HTTP client.

use std::collections::BTreeMap;

use ez_api::internal::{
    Heartbeat, HeartbeatReply, RegisterWorker, Registered, RunAction, RunOrder, RunStatus,
};
use ez_api::job::Statistics;
use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::job::Ingest;
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_domain::placement::Standing;
use ez_testkit::wait::eventually;
use reqwest::StatusCode;
use uuid::Uuid;

use super::cluster::{SOON, TOKEN};

#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) client: reqwest::Client,
    pub(crate) scheduler: String,
    pub(crate) id: WorkerId,
    pub(crate) incarnation: Incarnation,
    pub(crate) control_url: String,
    pub(crate) capacity_millicores: u32,
    pub(crate) max_runs: u32,
}

impl Worker {
    pub(crate) fn new(scheduler: &str) -> Self {
        Self {
            client: reqwest::Client::new(),
            scheduler: scheduler.to_owned(),
            id: WorkerId::from_uuid(Uuid::new_v4()),
            incarnation: Incarnation::from_uuid(Uuid::new_v4()),
            // The discard port: nobody is there.
            control_url: "http://127.0.0.1:9".to_owned(),
            capacity_millicores: 4000,
            max_runs: 16,
        }
    }

    /// A worker that has registered and beaten once.
    pub(crate) async fn join(scheduler: &str) -> Self {
        let worker = Self::new(scheduler);
        worker.register().await;
        worker.beat(Vec::new()).await;
        worker
    }

    /// As [`Worker::join`], with room for one run only: the next job goes elsewhere.
    pub(crate) async fn join_for_one(scheduler: &str) -> Self {
        let worker = Self { max_runs: 1, ..Self::new(scheduler) };
        worker.register().await;
        worker.beat(Vec::new()).await;
        worker
    }

    pub(crate) fn registration(&self) -> RegisterWorker {
        RegisterWorker {
            worker: self.id,
            incarnation: self.incarnation,
            control_url: self.control_url.clone(),
            public_host: "worker.test".to_owned(),
            capacity_millicores: self.capacity_millicores,
            max_runs: self.max_runs,
            tools: BTreeMap::new(),
        }
    }

    pub(crate) async fn register(&self) -> Registered {
        let response = self.post("/workers", &self.registration()).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await.unwrap()
    }

    pub(crate) fn heartbeat(&self, runs: Vec<RunStatus>) -> Heartbeat {
        Heartbeat {
            worker: self.id,
            incarnation: self.incarnation,
            standing: Standing::Open,
            used_millicores: 100,
            runs,
        }
    }

    pub(crate) async fn beat(&self, runs: Vec<RunStatus>) -> HeartbeatReply {
        let response = self.post("/heartbeat", &self.heartbeat(runs)).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &impl serde::Serialize) -> reqwest::Response {
        let request = self.client.post(format!("{}{path}", self.scheduler)).bearer_auth(TOKEN);
        request.json(body).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.scheduler)).bearer_auth(TOKEN).send().await.unwrap()
    }

    /// Beats without runs until it is ordered to start `job`.
    pub(crate) async fn until_ordered(&self, job: JobId) -> RunOrder {
        eventually(SOON, "the order to run", || async {
            let reply = self.beat(Vec::new()).await;
            let order = reply.runs.iter().find(|order| order.job == job).cloned();
            order.ok_or(format!("{reply:?}"))
        })
        .await
        .unwrap()
    }
}

/// A run in a state.
pub(crate) fn status(job: JobId, epoch: Epoch, state: RunState) -> RunStatus {
    RunStatus { job, epoch, state, statistics: Statistics { bytes_ingested: 4711, ..Statistics::default() } }
}

pub(crate) fn ingest() -> Ingest {
    Ingest { host: "worker.test".to_owned(), port: 1935 }
}

pub(crate) fn listening() -> RunState {
    RunState::Listening { ingest: ingest(), reason: "waits for a publisher".to_owned(), fault: None }
}

pub(crate) fn streaming() -> RunState {
    RunState::Streaming { ingest: ingest(), trouble: None }
}

pub(crate) fn exited() -> RunState {
    RunState::Exited { outcome: RunOutcome::Stopped, committed_segments: 9 }
}

/// What an obedient worker reports after this reply.
pub(crate) fn obey(reply: &HeartbeatReply) -> Vec<RunStatus> {
    let after = |order: &RunOrder| match order.action {
        RunAction::Run { .. } => listening(),
        RunAction::Stop => exited(),
        RunAction::Hold => panic!("nothing that cannot be read is expected"),
    };
    reply.runs.iter().map(|order| status(order.job, order.epoch, after(order))).collect()
}

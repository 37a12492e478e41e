//! `POST /workers`, `GET /workers`, `GET /workers/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use ez_api::internal::{RegisterWorker, Registered};
use ez_api::problem::Problem;
use ez_domain::id::WorkerId;
use ez_domain::placement::Standing;
use ez_domain::units::Timestamp;
use ez_service::http::{BoundedBody, ProblemResponse};
use ez_store::WorkerRecord;
use reqwest::Url;
use serde::Serialize;

use super::{refused, unreadable};
use crate::app::{Running, millis};

/// A worker as operators see it.
#[derive(Serialize)]
pub(crate) struct WorkerDocument {
    /// `ready`, `suspect`, `draining` or `quarantined`.
    state: &'static str,
    #[serde(flatten)]
    record: WorkerRecord,
}

/// `POST /workers`: a worker introduces itself.
pub(crate) async fn register(
    State(running): State<Arc<Running>>,
    BoundedBody(body): BoundedBody,
) -> Result<(StatusCode, Json<Registered>), ProblemResponse> {
    let worker: RegisterWorker = serde_json::from_slice(&body).map_err(|error| unreadable(&error))?;
    check(&worker).map_err(Problem::invalid_request)?;
    let record = WorkerRecord {
        id: worker.worker,
        incarnation: worker.incarnation,
        control_url: worker.control_url,
        public_host: worker.public_host,
        capacity_millicores: worker.capacity_millicores,
        max_runs: worker.max_runs,
        registered_at: Timestamp::default(),
        last_beat_at: Timestamp::default(),
        standing: Standing::Open,
        load_millicores: 0,
        used_millicores: 0,
        runs: Vec::new(),
    };
    running.app.store.register_worker(&record).await.map_err(|error| refused(&error))?;
    tracing::info!(
        worker = %record.id,
        incarnation = %record.incarnation,
        control_url = record.control_url,
        capacity_millicores = record.capacity_millicores,
        max_runs = record.max_runs,
        tools = ?worker.tools,
        "worker registered"
    );
    running.hints.placement.notify_one();
    let timing = &running.app.timing;
    let registered = Registered { heartbeat_ms: millis(timing.heartbeat), lease_ms: millis(timing.lease) };
    Ok((StatusCode::CREATED, Json(registered)))
}

/// What cannot work is refused here, where the operator of the worker sees it.
fn check(worker: &RegisterWorker) -> Result<(), &'static str> {
    let url = Url::parse(&worker.control_url).ok().filter(|url| {
        let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain && url.fragment().is_none()
    });
    if url.is_none() {
        return Err(
            "control_url: give the http or https address under which the scheduler reaches the worker, without user, query and fragment",
        );
    }
    let host = &worker.public_host;
    if host.is_empty()
        || host.len() > 253
        || !host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    {
        return Err("public_host: give the host name or address under which publishers reach the worker");
    }
    if worker.max_runs == 0 || worker.capacity_millicores == 0 {
        return Err(
            "max_runs and capacity_millicores: give at least 1 each; a worker that carries nothing need not register",
        );
    }
    Ok(())
}

/// `GET /workers`: all registered workers.
pub(crate) async fn list(
    State(running): State<Arc<Running>>,
) -> Result<Json<Vec<WorkerDocument>>, ProblemResponse> {
    Ok(Json(documents(&running).await?))
}

/// `GET /workers/{id}`: one of them.
pub(crate) async fn show(
    State(running): State<Arc<Running>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<WorkerDocument>, ProblemResponse> {
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    let wanted = id.parse::<WorkerId>().ok();
    let found = documents(&running).await?.into_iter().find(|worker| Some(worker.record.id) == wanted);
    found.map(Json).ok_or_else(|| {
        let problem = Problem::no_such_resource(&format!("/workers/{id}"));
        let detail = "no such worker is registered; GET /workers lists those that are".to_owned();
        Problem { detail, ..problem }.into()
    })
}

async fn documents(running: &Running) -> Result<Vec<WorkerDocument>, ProblemResponse> {
    let now = running.app.store.now().await.map_err(|error| refused(&error))?;
    let mut workers = running.app.store.workers().await.map_err(|error| refused(&error))?;
    workers.sort_by_key(|worker| worker.id);
    let suspect_after = millis(running.app.timing.suspect_after);
    let document = |record: WorkerRecord| {
        let state = record.state(now, suspect_after).as_str();
        WorkerDocument { state, record }
    };
    Ok(workers.into_iter().map(document).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut RegisterWorker)) -> bool {
        let id = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f";
        let mut worker = RegisterWorker {
            worker: id.parse().unwrap(),
            incarnation: id.parse().unwrap(),
            control_url: "http://10.0.0.7:2080".to_owned(),
            public_host: "worker-7.example.org".to_owned(),
            capacity_millicores: 4000,
            max_runs: 16,
            tools: std::collections::BTreeMap::new(),
        };
        change(&mut worker);
        check(&worker).is_ok()
    }

    #[test]
    fn registrations_that_cannot_work_are_refused() {
        assert!(with(|_| {}));
        for good in ["https://w:2080", "http://[::1]:2080/", "http://host/base/"] {
            assert!(with(|worker| worker.control_url = good.to_owned()), "{good}");
        }
        for bad in [
            "",
            "10.0.0.7:2080",
            "file:///etc/passwd",
            "http://u:p@host/",
            "http://host/?x=1",
            "redis://host",
        ] {
            assert!(!with(|worker| worker.control_url = bad.to_owned()), "{bad}");
        }
        for bad in ["", "a b", "a/b", "a\nb"] {
            assert!(!with(|worker| worker.public_host = bad.to_owned()), "{bad:?}");
        }
        assert!(!with(|worker| worker.max_runs = 0));
        assert!(!with(|worker| worker.capacity_millicores = 0));
    }
}

//! `GET /jobs/{id}/logs`: the last lines that a job's runs logged, also after they ended.
//!
//! The worker of the last run keeps them and is asked; what earlier runs logged on other workers lies
//! there. Transcoders write no stream key; should one stand in a line all the same, it is masked here.

use axum::Json;
use axum::extract::{RawQuery, State};
use ez_api::internal::{LogLine, MOST_LOG_LINES};
use ez_api::problem::Problem;
use ez_domain::id::{JobId, WorkerId};

use super::path::JobOfPath;
use crate::app::App;
use crate::live_job::open_stream_key;
use crate::openapi::OfJob;
use crate::refusal::Refusal;
use crate::routes::query;

/// Lines when the client does not say.
const DEFAULT_LINES: usize = 100;
/// What stands for a masked secret.
const MASK: &str = "********";

/// Answers the last lines that the job's runs logged, oldest first.
#[utoipa::path(
    get,
    path = "/jobs/{id}/logs",
    operation_id = "listJobLogs",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job."),
        ("lines" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most lines; 100 when absent.")
    ),
    responses((status = 200, description = "The lines.", body = Vec<LogLine>), OfJob)
)]
pub(crate) async fn handle(
    State(app): State<App>,
    JobOfPath(id): JobOfPath,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<LogLine>>, Refusal> {
    let [lines] = query::read(query.as_deref(), ["lines"])?;
    let lines = lines.as_deref().map_or(Ok(DEFAULT_LINES), read_lines)?;
    let job = app.store.load(id).await?.ok_or(Refusal::NoJob(id))?.job;
    let Some(worker) = job.phase.run().map(|run| run.worker).or(job.last_worker) else {
        return Ok(Json(Vec::new()));
    };
    let workers = app.store.workers().await?;
    let Some(record) = workers.into_iter().find(|record| record.id == worker) else {
        return Err(gone(id, worker).into());
    };
    let mut told = app.workers.logs(&record, id, lines).await?;
    let key = open_stream_key(&job, &app.master_key);
    if !key.expose().is_empty() {
        for line in &mut told {
            line.line = line.line.replace(key.expose().as_str(), MASK);
        }
    }
    Ok(Json(told))
}

fn read_lines(text: &str) -> Result<usize, Refusal> {
    let in_range = text.parse().ok().filter(|lines| (1..=MOST_LOG_LINES).contains(lines));
    in_range.ok_or_else(|| {
        Problem::invalid_request(format!("lines={text:?} is no whole number from 1 to {MOST_LOG_LINES}"))
            .into()
    })
}

fn gone(id: JobId, worker: WorkerId) -> Problem {
    let detail = format!(
        "the log of the last run is on worker {worker}, which is not registered any more; when it is back it \
         can be asked again, else look into logs/ of its data folder"
    );
    let instance = format!("/jobs/{id}/logs");
    Problem {
        kind: "/problems/log-gone".to_owned(),
        title: "The log is on a worker that is gone".to_owned(),
        detail,
        ..Problem::no_such_resource(&instance)
    }
}

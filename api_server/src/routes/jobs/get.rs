//! `GET /jobs/{id}`: one job, with its stream key.

use axum::Json;
use axum::extract::State;
use ez_api::job::LiveJob;

use super::path::JobOfPath;
use crate::app::App;
use crate::live_job::live_job;
use crate::refusal::Refusal;

/// Answers the job.
pub(crate) async fn handle(
    State(app): State<App>,
    JobOfPath(id): JobOfPath,
) -> Result<Json<LiveJob>, Refusal> {
    let stored = app.store.load(id).await?.ok_or(Refusal::NoJob(id))?;
    Ok(Json(live_job(&stored, &app.master_key, &app.playback)))
}

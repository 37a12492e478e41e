//! `GET /jobs/{id}`: one job, with its stream key.

use axum::Json;
use axum::extract::State;
use ez_api::job::LiveJob;

use super::path::JobOfPath;
use crate::app::App;
use crate::live_job::live_job;
use crate::openapi::OfJob;
use crate::refusal::Refusal;

/// Answers one job, its stream key included.
#[utoipa::path(
    get,
    path = "/jobs/{id}",
    operation_id = "getJob",
    tag = "jobs",
    params(("id" = String, Path, format = Uuid, description = "The job.")),
    responses((status = 200, description = "The job.", body = LiveJob), OfJob)
)]
pub(crate) async fn handle(
    State(app): State<App>,
    JobOfPath(id): JobOfPath,
) -> Result<Json<LiveJob>, Refusal> {
    let stored = app.store.load(id).await?.ok_or(Refusal::NoJob(id))?;
    Ok(Json(live_job(&stored, &app.master_key, &app.playback)))
}

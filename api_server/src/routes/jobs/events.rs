//! `GET /jobs/{id}/events`: how the job came to where it is, oldest first.

use axum::Json;
use axum::extract::State;
use ez_api::words;
use ez_domain::fault::Fault;
use ez_domain::job::PhaseName;
use serde::Serialize;
use utoipa::ToSchema;

use super::path::JobOfPath;
use crate::app::App;
use crate::openapi::OfJob;
use crate::refusal::Refusal;

/// One transition.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobEvent {
    /// When, in UTC.
    #[schema(format = DateTime)]
    at: String,
    /// The phase that was entered.
    #[schema(schema_with = words::phase)]
    phase: PhaseName,
    /// Why, in words for people.
    reason: String,
    /// Who has to act; `null` when nobody has to.
    #[schema(schema_with = words::fault_or_null, required)]
    fault: Option<Fault>,
}

/// Answers the latest changes of phase, oldest first.
#[utoipa::path(
    get,
    path = "/jobs/{id}/events",
    operation_id = "listJobEvents",
    tag = "jobs",
    params(("id" = String, Path, format = Uuid, description = "The job.")),
    responses((status = 200, description = "The changes.", body = Vec<JobEvent>), OfJob)
)]
pub(crate) async fn handle(
    State(app): State<App>,
    JobOfPath(id): JobOfPath,
) -> Result<Json<Vec<JobEvent>>, Refusal> {
    let stored = app.store.load(id).await?.ok_or(Refusal::NoJob(id))?;
    let events = stored.job.history.into_iter().map(|transition| JobEvent {
        at: i64::try_from(transition.at.millis())
            .ok()
            .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
            .unwrap_or(jiff::Timestamp::MAX)
            .to_string(),
        phase: transition.phase,
        reason: transition.reason,
        fault: transition.fault,
    });
    Ok(Json(events.collect()))
}

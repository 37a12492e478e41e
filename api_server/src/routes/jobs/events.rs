//! `GET /jobs/{id}/events`: how the job came to where it is, oldest first.

use axum::Json;
use axum::extract::State;
use ez_domain::fault::Fault;
use ez_domain::job::PhaseName;
use serde::Serialize;

use super::path::JobOfPath;
use crate::app::App;
use crate::refusal::Refusal;

/// One transition.
#[derive(Serialize)]
pub(crate) struct JobEvent {
    /// When, in UTC.
    at: String,
    /// The phase that was entered.
    phase: PhaseName,
    /// Why, in words for people.
    reason: String,
    /// Who has to act; `null` when nobody has to.
    fault: Option<Fault>,
}

/// Answers the latest transitions.
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

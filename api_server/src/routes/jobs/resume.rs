//! `PUT /jobs/{id}/resume`: on air again, at the same address. Resuming what is on changes nothing.

use axum::extract::State;
use ez_api::job::LiveJob;
use ez_domain::lifecycle::Event;

use super::path::JobOfPath;
use super::wish::{Accepted, apply_wish};
use crate::app::App;
use crate::openapi::OfChange;
use crate::refusal::Refusal;

/// Takes a stopped or failed job on air again, at the same addresses.
///
/// Resuming what is on changes nothing.
#[utoipa::path(
    put,
    path = "/jobs/{id}/resume",
    operation_id = "resumeJob",
    tag = "jobs",
    params(("id" = String, Path, format = Uuid, description = "The job.")),
    responses((status = 202, description = "The job as it is now.", body = LiveJob), OfChange)
)]
pub(crate) async fn handle(State(app): State<App>, JobOfPath(id): JobOfPath) -> Result<Accepted, Refusal> {
    apply_wish(&app, id, "resume", &Event::StartRequested).await
}

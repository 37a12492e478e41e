//! `PUT /jobs/{id}/stop`: off, with ended playlists. Stopping what is off changes nothing.

use axum::extract::State;
use ez_api::job::LiveJob;
use ez_domain::lifecycle::Event;

use super::path::JobOfPath;
use super::wish::{Accepted, apply_wish};
use crate::app::App;
use crate::openapi::OfChange;
use crate::refusal::Refusal;

/// Takes a job off air: what is on its way is published, the playlists end.
///
/// Stopping what is off changes nothing.
#[utoipa::path(
    put,
    path = "/jobs/{id}/stop",
    operation_id = "stopJob",
    tag = "jobs",
    params(("id" = String, Path, format = Uuid, description = "The job.")),
    responses((status = 202, description = "The job as it is now.", body = LiveJob), OfChange)
)]
pub(crate) async fn handle(State(app): State<App>, JobOfPath(id): JobOfPath) -> Result<Accepted, Refusal> {
    apply_wish(&app, id, "stop", &Event::StopRequested).await
}

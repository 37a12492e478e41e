//! `PUT /jobs/{id}/stop`: off, with ended playlists. Stopping what is off changes nothing.

use axum::extract::State;
use ez_domain::lifecycle::Event;

use super::path::JobOfPath;
use super::wish::{Accepted, apply_wish};
use crate::app::App;
use crate::refusal::Refusal;

/// Accepts the stop.
pub(crate) async fn handle(State(app): State<App>, JobOfPath(id): JobOfPath) -> Result<Accepted, Refusal> {
    apply_wish(&app, id, "stop", &Event::StopRequested).await
}

//! `PUT /jobs/{id}/resume`: on air again, at the same address. Resuming what is on changes nothing.

use axum::extract::State;
use ez_domain::lifecycle::Event;

use super::path::JobOfPath;
use super::wish::{Accepted, apply_wish};
use crate::app::App;
use crate::refusal::Refusal;

/// Accepts the start.
pub(crate) async fn handle(State(app): State<App>, JobOfPath(id): JobOfPath) -> Result<Accepted, Refusal> {
    apply_wish(&app, id, "resume", &Event::StartRequested).await
}

//! `DELETE /jobs/{id}`: the job, and its media unless `?keep_media=true`.

use axum::extract::{RawQuery, State};
use ez_api::problem::Problem;
use ez_domain::lifecycle::Event;

use super::path::JobOfPath;
use super::wish::{Accepted, apply_wish};
use crate::app::App;
use crate::refusal::Refusal;
use crate::routes::query;

/// Accepts the removal; a scheduler does it.
pub(crate) async fn handle(
    State(app): State<App>,
    JobOfPath(id): JobOfPath,
    RawQuery(query): RawQuery,
) -> Result<Accepted, Refusal> {
    let [keep_media] = query::read(query.as_deref(), ["keep_media"])?;
    let keep_media = match keep_media.as_deref() {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(other) => {
            let detail = format!("keep_media={other:?} is neither true nor false");
            return Err(Problem::invalid_request(detail).into());
        }
    };
    apply_wish(&app, id, "delete", &Event::DeleteRequested { keep_media }).await
}

//! `DELETE /jobs/{id}`: the job, and its media unless `?keep_media=true`.

use axum::extract::{RawQuery, State};
use ez_api::job::LiveJob;
use ez_api::problem::Problem;
use ez_domain::lifecycle::Event;

use super::path::JobOfPath;
use super::wish::{Accepted, apply_wish};
use crate::app::App;
use crate::openapi::OfChange;
use crate::refusal::Refusal;
use crate::routes::query;

/// Deletes a job that is stopped, failed or being finished, and its media.
#[utoipa::path(
    delete,
    path = "/jobs/{id}",
    operation_id = "deleteJob",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job."),
        ("keep_media" = Option<bool>, Query, description = "Leave the media in the bucket.")
    ),
    responses((status = 202, description = "The job as it is now.", body = LiveJob), OfChange)
)]
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

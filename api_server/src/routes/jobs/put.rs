//! `PUT /jobs/{id}`: another specification for a job that is stopped or failed.
//!
//! The next run takes it up: what was published ends, and the playlists go on with the new ladder.
//! Without a body it was stop and resume in the original's oldest documentation; which of the two was
//! meant cannot be told, so that is refused with the way out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ez_api::create_job;
use ez_api::job::LiveJob;
use ez_api::job_request::JobRequest;
use ez_api::problem::Problem;
use ez_domain::id::JobId;
use ez_domain::lifecycle::{Event, NewSpec};
use ez_service::http::BoundedBody;

use super::content_type::JsonOrNothing;
use super::cost::cost_millicores;
use super::dry_run;
use super::path::JobOfPath;
use super::wish::apply_wish;
use crate::app::App;
use crate::live_job::warning_line;
use crate::openapi::{OfBody, OfChange};
use crate::refusal::Refusal;

/// Gives a stopped or failed job another specification.
///
/// The next run takes it up. With `Api_test` set the document is only checked.
#[utoipa::path(
    put,
    path = "/jobs/{id}",
    operation_id = "replaceJob",
    tag = "jobs",
    params(("id" = String, Path, format = Uuid, description = "The job.")),
    request_body = JobRequest,
    responses(
        (status = 200, description = "The job; as a text, the warnings of a dry run.",
            content((LiveJob = "application/json"), (String = "text/plain"))),
        OfChange, OfBody
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    JobOfPath(id): JobOfPath,
    _: JsonOrNothing,
    BoundedBody(body): BoundedBody,
) -> Result<Response, Refusal> {
    if body.is_empty() {
        return Err(nothing_said(id).into());
    }
    let request = create_job::parse(&body).map_err(Problem::bad_request)?;
    if request.dry_run {
        return Ok(dry_run::answer(&request));
    }
    let cost_millicores = cost_millicores(&request.spec);
    let warnings = request.warnings.iter().map(warning_line).collect();
    let wanted = NewSpec { spec: request.spec, warnings, cost_millicores };
    let event = Event::SpecReplaced(Box::new(wanted));
    let (_, job) = apply_wish(&app, id, "replace", &event).await?;
    Ok((StatusCode::OK, job).into_response())
}

fn nothing_said(id: JobId) -> Problem {
    let detail = format!(
        "say what to do with the job: PUT /jobs/{id}/stop or PUT /jobs/{id}/resume; to replace its \
         specification, send the new one as the body"
    );
    Problem::invalid_request(detail).about(format!("/jobs/{id}"))
}

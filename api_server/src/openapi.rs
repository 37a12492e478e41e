//! The description of the API (`OpenAPI` 3.1): collected from the very handlers that are routed.
//!
//! Not in it: the console's files, health and metrics, which are no part of the API.

use std::collections::BTreeMap;

use ez_api::problem::Problem;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, OpenApi as _};

/// What stands around the routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "ezLiveStreaming",
        description = "Live channels: RTMP in, HLS and DASH out. Refusals are problem details (RFC 9457).",
        license(name = "MIT", identifier = "MIT")
    ),
    tags(
        (name = "jobs", description = "Channels: made, changed, started, stopped and deleted."),
        (name = "installation", description = "Where channels run.")
    ),
    components(schemas(Problem, ez_api::job_request::JobRequest))
)]
struct Frame;

/// The document before its routes.
pub(crate) fn frame() -> OpenApi {
    Frame::openapi()
}

/// Refusals that every request may get.
pub(crate) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (400, "The request or the document in it is not valid."),
            (500, "A fault of the service; its log says why."),
            (503, "Something that the service depends on is away; try again after `retry_after_seconds`."),
        ])
    }
}

/// Refusals of requests that name a job.
pub(crate) struct OfJob;

impl IntoResponses for OfJob {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = Refusals::responses();
        all.extend(problems(&[(404, "There is no such job.")]));
        all
    }
}

/// Refusals of requests that change a job.
pub(crate) struct OfChange;

impl IntoResponses for OfChange {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = OfJob::responses();
        all.extend(problems(&[(409, "The job does not allow it in its present phase.")]));
        all
    }
}

/// Refusals of requests with a body.
pub(crate) struct OfBody;

impl IntoResponses for OfBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(413, "The body is too large."), (415, "The body is not sent as JSON.")])
    }
}

/// Refusals of `POST /jobs` alone.
pub(crate) struct OfCreation;

impl IntoResponses for OfCreation {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (409, "The job that was made with this `Idempotency-Key` has been deleted."),
            (422, "The `Idempotency-Key` was sent with another body."),
            (429, "The installation holds as many jobs as it may."),
        ])
    }
}

fn problems(all: &[(u16, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let problem = |(status, when): &(u16, &str)| {
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        let response =
            ResponseBuilder::new().description(*when).content(ez_api::problem::CONTENT_TYPE, content).build();
        (status.to_string(), RefOr::T(response))
    };
    all.iter().map(problem).collect()
}

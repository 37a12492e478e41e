//! The job that an address names.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use ez_api::problem::Problem;
use ez_domain::id::JobId;

use crate::refusal::Refusal;

/// The job of `/jobs/{id}…`; what is no identifier is no job.
pub(crate) struct JobOfPath(pub(crate) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobOfPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let parameters = RawPathParams::from_request_parts(parts, state).await.ok();
        parameters
            .as_ref()
            .and_then(|parameters| parameters.iter().find(|(name, _)| *name == "id"))
            .and_then(|(_, text)| text.parse().ok())
            .map(Self)
            .ok_or_else(|| {
                let path = parts.uri.path();
                let detail = "what this address names is no job: an id looks like \
                              0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f; GET /jobs lists those there are";
                Problem { detail: detail.to_owned(), ..Problem::no_such_resource(path) }.into()
            })
    }
}

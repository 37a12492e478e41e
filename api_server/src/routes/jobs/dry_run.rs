//! `Api_test`: the document is checked and nothing is done.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use ez_api::create_job::CreateJob;
use ez_api::fault::warnings_text;

/// What is unwise in the document, as a text; empty when nothing is.
pub(super) fn answer(request: &CreateJob) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (headers, warnings_text(&request.warnings)).into_response()
}

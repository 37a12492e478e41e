//! `GET /time`: the clock for players (DASH `UTCTiming`, scheme `urn:mpeg:dash:utc:http-iso:2014`).

use axum::http::header;
use axum::response::{IntoResponse, Response};
use ez_service::clock::wall_millis;

/// Answers one `xs:dateTime` in UTC, to the millisecond.
#[utoipa::path(
    get,
    path = "/time",
    operation_id = "getTime",
    tag = "installation",
    responses((status = 200, description = "The service's clock.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn handle() -> Response {
    let instant = i64::try_from(wall_millis())
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .unwrap_or_default();
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (headers, format!("{instant:.3}")).into_response()
}

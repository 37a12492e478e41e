//! The console's page, its files and what it is told about this installation.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use ez_api::problem::Problem;
use serde::Serialize;

use crate::app::App;
use crate::console;
use crate::refusal::Refusal;

/// The page that loads all others.
const PAGE: &str = "demo.html";
/// The page of the API reference.
const REFERENCE: &str = "docs.html";

/// What the console is told.
#[derive(Serialize)]
pub(crate) struct Settings {
    /// Bucket that the form for a new channel proposes; may be empty.
    bucket: String,
    /// Version of this service.
    version: &'static str,
    /// What this installation can do.
    features: Features,
}

/// Parts of the console that depend on the installation.
#[derive(Serialize)]
struct Features {
    /// Content protection.
    drm: bool,
    /// The history of a job.
    events: bool,
}

/// `GET /console.json`.
pub(crate) async fn settings(State(app): State<App>) -> Response {
    let settings = Settings {
        bucket: app.console.bucket.clone(),
        version: env!("CARGO_PKG_VERSION"),
        features: Features { drm: true, events: true },
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(settings)).into_response()
}

/// `GET /` and `GET /demo`.
pub(crate) async fn page(State(app): State<App>, request: HeaderMap) -> Result<Response, Refusal> {
    answer(&app, PAGE, &request).ok_or(Refusal::Bug("the console has no page"))
}

/// `GET /docs`: the API reference.
pub(crate) async fn reference(State(app): State<App>, request: HeaderMap) -> Result<Response, Refusal> {
    let mut response =
        answer(&app, REFERENCE, &request).ok_or(Refusal::Bug("the API reference has no page"))?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, console::REFERENCE_POLICY);
    Ok(response)
}

/// `GET /demo/…`.
pub(crate) async fn file(
    State(app): State<App>,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    uri: Uri,
    request: HeaderMap,
) -> Result<Response, Refusal> {
    path.ok()
        .and_then(|Path(path)| answer(&app, &path, &request))
        .ok_or_else(|| Problem::no_such_resource(uri.path()).into())
}

fn answer(app: &App, path: &str, request: &HeaderMap) -> Option<Response> {
    let file = console::file(path)?;
    let hash = file.content.metadata.sha256_hash();
    let hex: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    // Weak, because the same file also goes out compressed.
    let tag = format!("W/\"{hex}\"");
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, app.console.policy.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).ok()?);
    if is_known(request, &tag) {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    Some((headers, file.content.data).into_response())
}

/// Whether the browser has this very file (RFC 9110 section 13.1.2, weak comparison).
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|candidate| candidate.trim() == "*" || opaque(candidate) == opaque(tag))
}

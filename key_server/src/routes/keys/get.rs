//! `GET /keys/{id}`: a key in clear, for the service that packages.

use axum::Json;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderName, Uri, header};
use ez_api::keys::KeyDocument;
use ez_service::telemetry::chain;

use super::key_id;
use crate::app::App;
use crate::refusal::Refusal;

type NeverKept = [(HeaderName, &'static str); 1];

/// Answers the key; nothing on the way may keep it.
pub(crate) async fn handle(
    State(app): State<App>,
    uri: Uri,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
) -> Result<(NeverKept, Json<KeyDocument>), Refusal> {
    let no_key = || Refusal::NoKey(uri.path().to_owned());
    let found = app.keys.load(&key_id(parameters).ok_or_else(no_key)?).await?;
    app.figures.looked_up(found.is_some());
    let sealed = found.ok_or_else(no_key)?;
    let key = sealed.open(&app.master_key).map_err(|error| Refusal::Cipher(chain(&error)))?;
    tracing::info!(key_id = %sealed.key_id, content_id = sealed.content_id, "content key read");
    let answer = KeyDocument {
        key,
        key_id: sealed.key_id,
        content_id: sealed.content_id,
        time_created: Some(sealed.created_at),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

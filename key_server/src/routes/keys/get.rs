//! `GET /keys/{id}`: a key in clear, for the service that packages.

use axum::Json;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderName, Uri, header};
use ez_api::keys::KeyDocument;
use ez_service::telemetry::chain;

use crate::app::App;
use crate::refusal::Refusal;

/// Hexadecimal digits of a key id.
const KEY_ID_LENGTH: usize = 32;

type NeverKept = [(HeaderName, &'static str); 1];

/// Answers the key; nothing on the way may keep it.
pub(crate) async fn handle(
    State(app): State<App>,
    uri: Uri,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
) -> Result<(NeverKept, Json<KeyDocument>), Refusal> {
    let no_key = || Refusal::NoKey(uri.path().to_owned());
    let parameters = parameters.map_err(|_| no_key())?;
    let named = parameters.iter().find(|(name, _)| *name == "id").map(|(_, text)| text);
    let key_id = named.filter(|text| is_key_id(text));
    let sealed = app.keys.load(key_id.ok_or_else(no_key)?).await?;
    app.figures.looked_up(sealed.is_some());
    let sealed = sealed.ok_or_else(no_key)?;
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

fn is_key_id(text: &str) -> bool {
    text.len() == KEY_ID_LENGTH
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

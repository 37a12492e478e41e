//! `DELETE /keys/{id}`: a key that nobody needs any more is removed for good.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;

use super::key_id;
use crate::app::App;
use crate::key_store::KeyStoreError;
use crate::refusal::Refusal;

/// 204, also for a key that is not there: the wish is fulfilled.
pub(crate) async fn handle(
    State(app): State<App>,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
) -> Result<StatusCode, Refusal> {
    let Some(key_id) = key_id(parameters) else { return Ok(StatusCode::NO_CONTENT) };
    let content_id = match app.keys.load(&key_id).await {
        Ok(Some(sealed)) => sealed.content_id,
        Ok(None) => return Ok(StatusCode::NO_CONTENT),
        // Nobody can use it any more. Its content id gets another key when it asks for one.
        Err(KeyStoreError::Damaged(_)) => String::new(),
        Err(error) => return Err(error.into()),
    };
    app.keys.forget(&key_id, &content_id).await?;
    tracing::info!(key_id, content_id, "content key removed");
    Ok(StatusCode::NO_CONTENT)
}

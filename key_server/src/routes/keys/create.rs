//! `POST /keys`: the key of a content id, made when there is none. The key itself is not in the answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ez_api::keys::{KeyInfo, NewKey};
use ez_api::problem::Problem;
use ez_service::clock::wall_millis;
use ez_service::http::{BoundedBody, ProblemResponse};
use ez_service::telemetry::chain;

use crate::app::App;
use crate::key::SealedKey;
use crate::refusal::Refusal;

/// Longest content id; a job id has 36 characters.
const LONGEST_CONTENT_ID: usize = 128;

/// 201 for a new key, 200 for the one that the content id has already.
pub(crate) async fn handle(
    State(app): State<App>,
    body: Result<BoundedBody, ProblemResponse>,
) -> Result<(StatusCode, Json<KeyInfo>), Refusal> {
    let BoundedBody(body) = body.map_err(|ProblemResponse(problem)| Refusal::from(problem))?;
    let NewKey { content_id } = serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid_request(format!("send {{\"Content_id\": \"…\"}}: {error}")))?;
    if !is_content_id(&content_id) {
        let detail = "Content_id is 1 to 128 letters, digits, dots, hyphens or underscores, such as a job id";
        return Err(Problem::invalid_request(detail).into());
    }
    let new = SealedKey::random(&content_id, wall_millis(), &app.master_key)
        .map_err(|error| Refusal::Cipher(chain(&error)))?;
    let kept = app.keys.claim(&new).await?;
    let is_new = kept.key_id == new.key_id;
    app.figures.asked(is_new);
    tracing::info!(content_id, key_id = %kept.key_id, is_new, "content key given out");
    let SealedKey { key_id, content_id, created_at, .. } = kept;
    let time_created = Some(created_at);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(KeyInfo { key_id, content_id, time_created })))
}

fn is_content_id(text: &str) -> bool {
    (1..=LONGEST_CONTENT_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

//! Content keys: the original's two verbs, and their removal.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;

use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;

/// Hexadecimal digits of a key id.
const KEY_ID_LENGTH: usize = 32;

/// The key id that an address names, if it is one.
fn key_id(parameters: Result<RawPathParams, RawPathParamsRejection>) -> Option<String> {
    let parameters = parameters.ok()?;
    let named = parameters.iter().find(|(name, _)| *name == "id").map(|(_, text)| text);
    named.filter(|text| is_key_id(text)).map(str::to_owned)
}

fn is_key_id(text: &str) -> bool {
    text.len() == KEY_ID_LENGTH
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

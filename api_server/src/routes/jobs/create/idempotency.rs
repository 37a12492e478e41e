//! `Idempotency-Key`: a request that may be sent again makes one job.
//!
//! The header is that of the IETF draft (draft-ietf-httpapi-idempotency-key-header), its value any
//! visible ASCII. The store gets hashes of key and body only.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use ez_api::problem::Problem;
use ez_store::{MasterKey, Once};

use crate::refusal::Refusal;

/// The header.
const NAME: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key; a UUID has 36 characters.
const LONGEST: usize = 255;

/// The key of the request, if it has one.
pub(crate) struct IdempotencyKey(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let mut values = parts.headers.get_all(NAME).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(Self(None)),
            (Some(value), None) => match value.to_str() {
                Ok(text) if is_key(text) => Ok(Self(Some(text.to_owned()))),
                Ok(_) | Err(_) => Err(unusable()),
            },
            (Some(_), Some(_)) => Err(unusable()),
        }
    }
}

impl IdempotencyKey {
    /// What the store tells a repeated request by.
    pub(super) fn once(&self, master_key: &MasterKey, body: &[u8]) -> Option<Once> {
        // A document that was read as JSON is UTF-8; of any other nothing would be made.
        let body = String::from_utf8_lossy(body);
        self.0.as_ref().map(|key| Once {
            key: master_key.index(&format!("idempotency key:{key}")),
            body: master_key.index(&format!("body:{body}")),
        })
    }
}

fn is_key(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn unusable() -> Refusal {
    let detail = format!(
        "Idempotency-Key is not usable: send it once, with 1 to {LONGEST} visible ASCII characters, a new \
         UUID for each job"
    );
    Problem::invalid_request(detail).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_and_bounded() {
        for good in ["a", "\"quoted\"", "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f", &"k".repeat(255)] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", " ", "a b", "a\tb", "ä", &"k".repeat(256)] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn the_store_learns_neither_key_nor_body() {
        let master_key = MasterKey::from_bytes(&[7; 32]).unwrap();
        let once = |key: &str, body: &str| {
            IdempotencyKey(Some(key.to_owned())).once(&master_key, body.as_bytes()).unwrap()
        };
        let first = once("geheim", "{}");
        assert!(!format!("{first:?}").contains("geheim"));
        assert_eq!(first, once("geheim", "{}"));
        assert_ne!(first.body, once("geheim", "{} ").body);
        assert_ne!(first.key, once("other", "{}").key);
        assert_eq!(IdempotencyKey(None).once(&master_key, b"{}"), None);
    }
}

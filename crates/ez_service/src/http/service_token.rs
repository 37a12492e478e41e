//! The token by which the services of an installation prove themselves to each other (RFC 6750).
//!
//! Hashes are compared, in a time that tells nothing about the token or its length.

use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use ez_api::problem::Problem;

use super::ProblemResponse;

/// Shorter ones are passwords, and passwords are guessed.
const SHORTEST: usize = 16;

/// The token is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has fewer than 16 characters: make one with: openssl rand -hex 32")]
pub struct TooShort;

/// The expected token, as a hash. Clones share it.
#[derive(Debug, Clone)]
pub struct ServiceToken {
    sha256: Arc<digest::Digest>,
}

impl ServiceToken {
    /// Expects `token`, however it was chosen.
    pub fn new(token: &str) -> Self {
        Self { sha256: Arc::new(sha256(token.as_bytes())) }
    }

    /// Expects `token`, if it cannot be guessed.
    ///
    /// # Errors
    /// When it has fewer than 16 characters.
    pub fn strong(token: &str) -> Result<Self, TooShort> {
        if token.len() < SHORTEST { Err(TooShort) } else { Ok(Self::new(token)) }
    }

    /// Whether a request with these headers carries the token.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let presented = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        // The scheme's name has no case (RFC 9110, 11.1).
        presented
            .and_then(|value| value.split_at_checked(7))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
            .is_some_and(|(_, token)| {
                let presented = sha256(token.trim_ascii());
                constant_time::verify_slices_are_equal(presented.as_ref(), self.sha256.as_ref().as_ref())
                    .is_ok()
            })
    }
}

fn sha256(token: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, token)
}

/// Lets only requests with the token reach `routes`, wrong methods included; without a token, all pass.
pub fn guarded(routes: Router, token: Option<ServiceToken>) -> Router {
    match token {
        Some(token) => routes.route_layer(middleware::from_fn_with_state(token, admit)),
        None => routes,
    }
}

async fn admit(State(token): State<ServiceToken>, request: Request, next: Next) -> Response {
    if token.admits(request.headers()) {
        return next.run(request).await;
    }
    let mut response = ProblemResponse(Problem::unauthorized()).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let token = ServiceToken::strong("0123456789abcdef").unwrap();
        for (value, admitted) in [
            (Some("Bearer 0123456789abcdef"), true),
            (Some("bearer 0123456789abcdef"), true),
            (Some("bearer  0123456789abcdef "), true),
            (Some("Bearer 0123456789abcdeF"), false),
            (Some("Bearer 0123456789abcde"), false),
            (Some("Bearer 0123456789abcdef0"), false),
            (Some("Bearer "), false),
            (Some("Bearer"), false),
            (Some("Basic 0123456789abcdef"), false),
            (Some("0123456789abcdef"), false),
            (Some(""), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(token.admits(&headers), admitted, "{value:?}");
        }
    }

    #[test]
    fn a_short_token_is_refused_where_a_strong_one_is_asked_for() {
        assert_eq!(ServiceToken::strong("short").err(), Some(TooShort));
    }

    #[test]
    fn debug_output_tells_no_token() {
        let shown = format!("{:?}", ServiceToken::new("0123456789abcdef"));
        assert!(!shown.contains("0123456789abcdef"), "{shown}");
    }
}

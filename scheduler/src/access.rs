//! Lets only this installation's workers in: a bearer token (RFC 6750), compared in constant time.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ez_api::problem::Problem;
use ez_domain::secret::Secret;
use ez_service::http::ProblemResponse;
use subtle::ConstantTimeEq as _;

use crate::app::Running;

/// Refuses requests without the service token; lets all pass when none is configured.
pub(crate) async fn require_token(
    State(running): State<Arc<Running>>,
    request: Request,
    next: Next,
) -> Response {
    match &running.app.service_token {
        Some(token) if !presents(request.headers(), token) => refusal(),
        Some(_) | None => next.run(request).await,
    }
}

fn presents(headers: &HeaderMap, token: &Secret<String>) -> bool {
    let presented = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    // The scheme's name has no case (RFC 9110, 11.1).
    let presented = presented
        .and_then(|value| value.split_at_checked(7))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
    presented.is_some_and(|(_, presented)| presented.ct_eq(token.expose().as_bytes()).into())
}

fn refusal() -> Response {
    let detail = "the request does not carry this installation's service token: give scheduler and workers the \
                  same Service_token_file (or EZ_SERVICE_TOKEN)";
    let problem = Problem {
        kind: "/problems/unauthorized".to_owned(),
        title: "The request is not authorised".to_owned(),
        status: 401,
        detail: detail.to_owned(),
        instance: None,
        errors: Vec::new(),
        retry_after_seconds: None,
        allow: Vec::new(),
    };
    let mut response = ProblemResponse(problem).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let token = Secret::new("a-token".to_owned());
        let cases = [
            (Some("Bearer a-token"), true),
            (Some("bearer a-token"), true),
            (Some("Bearer a-toke"), false),
            (Some("Bearer a-tokens"), false),
            (Some("Bearer "), false),
            (Some("Bearer"), false),
            (Some("Basic a-token"), false),
            (Some("a-token"), false),
            (Some(""), false),
            (None, false),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(presents(&headers, &token), expected, "{value:?}");
        }
    }
}

//! Which web pages may use the API.
//!
//! There are no accounts, so where only a browser stands between a page of anybody and a service on loopback,
//! the page's origin (RFC 6454) decides. Programs send none and are not asked.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use ez_api::problem::Problem;
use ez_service::http::ProblemResponse;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// Headers of answers that pages of other origins may read; `Date` is what players take the time from.
const EXPOSED: [HeaderName; 6] = [
    header::DATE,
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
];

/// What a player on any page asks for.
const TIME: &str = "/time";

/// The origins beside our own whose pages are let in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    any: bool,
    allowed: Vec<HeaderValue>,
}

/// An entry that is no origin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "Allowed_origins: {0:?} is no origin: write it as https://host or http://host:port, without a path, or * for all"
)]
pub struct NoOrigin(String);

impl Origins {
    /// Reads a list that is separated by commas; `*` is all of them.
    ///
    /// # Errors
    /// When one is no origin.
    pub(crate) fn read(list: &str) -> Result<Self, NoOrigin> {
        let mut origins = Self::default();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                origins.any = true;
                continue;
            }
            let wrong = || NoOrigin(entry.to_owned());
            let (scheme, authority) = entry.split_once("://").ok_or_else(wrong)?;
            let is_plain = |text: &str| !text.is_empty() && !text.contains(['/', '?', '#', '@', '*', ' ']);
            if !matches!(scheme, "http" | "https") || !is_plain(authority) {
                return Err(wrong());
            }
            // Browsers send scheme and host in lower case.
            origins.allowed.push(entry.to_ascii_lowercase().parse().map_err(|_| wrong())?);
        }
        Ok(origins)
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.any || self.allowed.contains(origin)
    }

    /// Tells browsers which pages may read what is answered.
    pub(crate) fn layer(self) -> CorsLayer {
        let allowed =
            AllowOrigin::predicate(move |origin, request| self.allows(origin) || request.uri.path() == TIME);
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers(Any)
            .expose_headers(EXPOSED)
    }
}

/// Refuses changes that a page of another origin asks for: what a browser sends without asking first (a form, a
/// request without CORS) must do nothing, whether or not the page may read the answer.
pub(crate) async fn guard(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let origin = request.headers().get(header::ORIGIN).filter(|_| is_change);
    match origin {
        Some(origin) if !is_own(origin, request.headers().get(header::HOST)) && !origins.allows(origin) => {
            ProblemResponse(foreign(origin)).into_response()
        }
        Some(_) | None => next.run(request).await,
    }
}

/// Whether the page came from the host and port that the request goes to.
fn is_own(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = host.and_then(|host| host.to_str().ok());
    authority.zip(host).is_some_and(|((_, authority), host)| authority.eq_ignore_ascii_case(host))
}

fn foreign(origin: &HeaderValue) -> Problem {
    let origin = String::from_utf8_lossy(origin.as_bytes()).into_owned();
    let detail = format!(
        "a page of {origin} may not change anything here: add that origin to Allowed_origins of the api_server \
         (EZ_ALLOWED_ORIGINS) if it should, also where a proxy sends another Host than the browser was given"
    );
    Problem {
        kind: "/problems/foreign-page".to_owned(),
        title: "The page comes from another origin".to_owned(),
        status: 403,
        ..Problem::invalid_request(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_what_is_no_origin_is_named() {
        assert_eq!(Origins::read("").unwrap(), Origins::default());
        let origins = Origins::read(" https://Console.example.com ,http://localhost:3000,").unwrap();
        for (origin, expected) in [
            ("https://console.example.com", true),
            ("http://localhost:3000", true),
            ("http://localhost", false),
            ("http://console.example.com", false),
            ("null", false),
        ] {
            assert_eq!(origins.allows(&HeaderValue::from_static(origin)), expected, "{origin}");
        }
        assert!(Origins::read("*").unwrap().allows(&HeaderValue::from_static("null")));
        for wrong in
            ["example.com", "https://", "ftp://a", "https://a/", "https://*.a", "https://a b", "https://u@a"]
        {
            assert_eq!(Origins::read(wrong).unwrap_err(), NoOrigin(wrong.to_owned()));
        }
    }

    #[test]
    fn the_own_origin_is_known_by_the_host() {
        for (origin, host, expected) in [
            ("http://127.0.0.1:1080", Some("127.0.0.1:1080"), true),
            ("https://Live.example.com", Some("live.example.com"), true),
            ("http://127.0.0.1:1081", Some("127.0.0.1:1080"), false),
            ("null", Some("127.0.0.1:1080"), false),
            ("http://127.0.0.1:1080", None, false),
        ] {
            let host = host.map(HeaderValue::from_static);
            assert_eq!(is_own(&HeaderValue::from_static(origin), host.as_ref()), expected, "{origin}");
        }
    }
}

//! Bodies that say they are no JSON are refused before they are read.
//!
//! A form of another site can send text or form data without asking, but not `application/json`, so
//! this also keeps such forms from making jobs.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use ez_api::problem::Problem;

use crate::refusal::Refusal;

/// The request has no `Content-Type`, or that of JSON.
pub(crate) struct JsonOrNothing;

impl<S: Send + Sync> FromRequestParts<S> for JsonOrNothing {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let mut values = parts.headers.get_all(header::CONTENT_TYPE).iter();
        let acceptable = match (values.next(), values.next()) {
            (None, _) => true,
            (Some(value), None) => value.to_str().is_ok_and(is_json),
            (Some(_), Some(_)) => false,
        };
        acceptable.then_some(Self).ok_or_else(|| Problem::unsupported_media_type().into())
    }
}

/// `application/json` or `application/…+json` (RFC 6839), with any parameters.
fn is_json(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || (subtype.len() > 5 && subtype.ends_with("+json")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.ez+json",
            " application/json ",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "text/json",
            "application/+json",
            "application/jsonp",
            "application/json, text/plain",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}

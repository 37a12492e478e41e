//! From the errors of the SDK to ours: by HTTP status, never by the text of a message.
//!
//! The S3 error *code* is looked at only where the status says too little: 400 covers expired
//! credentials and uploads that were too slow as well as real mistakes, 404 a missing bucket as
//! well as a missing object, and the entries of a `DeleteObjects` answer have no status at all.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::Error as DeleteError;

use crate::error::{Cause, Error};

/// An error with the status that it came with.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) status: Option<u16>,
    is_bucket_missing: bool,
}

impl Failure {
    /// Turns "there is no such object" into `None`.
    pub(super) fn none_if_absent<T>(self) -> Result<Option<T>, Error> {
        if self.status == Some(404) && !self.is_bucket_missing { Ok(None) } else { Err(self.error) }
    }
}

pub(super) fn from_sdk<E>(operation: &'static str, key: &str, error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().map(str::to_owned);
    let (cause, detail) = match (&error, status) {
        (SdkError::ServiceError(_), Some(status)) => {
            let code = code.as_deref().unwrap_or("no error code");
            let message = error.message().unwrap_or_default();
            (by_status(status, code), format!("{status} {code} {message}").trim_end().to_owned())
        }
        (SdkError::ResponseError(_), Some(status)) if status >= 300 => {
            (by_status(status, ""), format!("{status} with an unreadable body"))
        }
        (SdkError::ConstructionFailure(_), _) => (Cause::NotSent, String::new()),
        (SdkError::TimeoutError(_), _) => (Cause::Timeout, String::new()),
        (SdkError::DispatchFailure(failure), _) if failure.is_timeout() => (Cause::Timeout, String::new()),
        (SdkError::DispatchFailure(failure), _) if failure.is_user() => (Cause::NotSent, String::new()),
        _ => (Cause::Unavailable, String::new()),
    };
    Failure {
        error: Error::new(operation, key, cause, detail).caused_by(error),
        status,
        is_bucket_missing: code.as_deref() == Some("NoSuchBucket"),
    }
}

/// What an entry of a `DeleteObjects` answer means; `None` if there was nothing to delete.
pub(super) fn from_delete(entry: &DeleteError) -> Option<Error> {
    let code = entry.code().unwrap_or("no error code");
    let cause = match code {
        "NoSuchKey" => return None,
        "AccessDenied" | "MethodNotAllowed" => Cause::Refused,
        "SlowDown" => Cause::Throttled,
        // A delete can be repeated without harm, whatever stopped it.
        _ => Cause::Unavailable,
    };
    let detail = format!("{code} {}", entry.message().unwrap_or_default());
    Some(Error::new("delete", entry.key().unwrap_or_default(), cause, detail.trim_end()))
}

fn by_status(status: u16, code: &str) -> Cause {
    match (status, code) {
        (400, "RequestTimeout") => Cause::Timeout,
        (400, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => Cause::Refused,
        (301 | 302 | 307 | 308 | 401 | 403 | 404 | 405, _) => Cause::Refused,
        (501, _) => Cause::Unsupported,
        (408, _) => Cause::Timeout,
        (409, _) => Cause::Conflict,
        (412, _) => Cause::PreconditionFailed,
        (429 | 503, _) => Cause::Throttled,
        (500..=599, _) => Cause::Unavailable,
        _ => Cause::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        for (status, code, cause) in [
            (412, "PreconditionFailed", Cause::PreconditionFailed),
            (409, "ConditionalRequestConflict", Cause::Conflict),
            (429, "", Cause::Throttled),
            (503, "SlowDown", Cause::Throttled),
            (500, "InternalError", Cause::Unavailable),
            (502, "", Cause::Unavailable),
            (504, "", Cause::Unavailable),
            (403, "AccessDenied", Cause::Refused),
            (404, "NoSuchBucket", Cause::Refused),
            (301, "PermanentRedirect", Cause::Refused),
            (501, "NotImplemented", Cause::Unsupported),
            (400, "ExpiredToken", Cause::Refused),
            (400, "RequestTimeout", Cause::Timeout),
            (400, "MalformedXML", Cause::Other),
        ] {
            assert_eq!(by_status(status, code), cause, "{status} {code}");
        }
    }

    #[test]
    fn deleting_what_is_not_there_is_no_error() {
        let entry = |code: &str| DeleteError::builder().key("k").code(code).build();
        assert!(from_delete(&entry("NoSuchKey")).is_none());
        assert_eq!(from_delete(&entry("AccessDenied")).unwrap().cause, Cause::Refused);
        assert!(from_delete(&entry("InternalError")).unwrap().is_retryable());
    }
}

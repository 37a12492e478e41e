//! What can go wrong with a request to the store, sorted by what the caller has to do about it.
//!
//! Invariant: an error is ambiguous unless it is certain that the store did not apply the request.

use ez_domain::fault::Fault;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} of {key:?} {cause}{}", Detail(.detail))]
pub struct Error {
    /// The request: `put`, `get`, `head`, `delete` or `list`.
    pub operation: &'static str,
    /// The key, or the prefix for `list`.
    pub key: String,
    /// What happened, by what has to be done about it.
    pub cause: Cause,
    /// What the store or the system said, with the advice that fits.
    pub detail: String,
    /// The error below, if there is one.
    #[source]
    pub source: Option<Source>,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Cause {
    /// Another write was there first (412; for `If-Match` also 404: the object is gone).
    #[error("lost against another write")]
    PreconditionFailed,
    /// The store is busy with another conditional write to the same key (409): nothing was applied.
    #[error("met another write in progress")]
    Conflict,
    /// Too many requests (429, 503): nothing was applied.
    #[error("was throttled by the store")]
    Throttled,
    /// The store failed inside (500, 502, 504), or the connection broke: it may have been applied.
    #[error("failed in the store or on the way")]
    Unavailable,
    /// No answer within the time of one attempt: it may have been applied.
    #[error("was not answered in time")]
    Timeout,
    /// The bucket does not take it: credentials, permissions, bucket name, region
    /// (301, 307, 401, 403, 404, 405).
    #[error("was refused by the store; check bucket, region, endpoint and credentials")]
    Refused,
    /// The store does not have this feature (501).
    #[error("is not supported by the store")]
    Unsupported,
    /// It never left this host: no credentials to be had, or a request that cannot be built.
    #[error("could not be sent")]
    NotSent,
    /// The file that should be uploaded cannot be read.
    #[error("could not read the file to upload")]
    File,
    /// Anything else: a request that the store calls malformed, an answer without an `ETag`.
    #[error("failed")]
    Other,
}

impl Error {
    /// An error without an error below it.
    pub fn new(operation: &'static str, key: &str, cause: Cause, detail: impl Into<String>) -> Self {
        Self { operation, key: key.to_owned(), cause, detail: detail.into(), source: None }
    }

    /// Adds the error below.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the same request may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.cause.is_retryable()
    }

    /// Whether the store may have applied the request all the same.
    pub const fn is_ambiguous(&self) -> bool {
        self.cause.is_ambiguous()
    }

    /// Who has to act.
    pub const fn fault(&self) -> Fault {
        self.cause.fault()
    }
}

impl Cause {
    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Conflict | Self::Throttled | Self::Unavailable | Self::Timeout | Self::NotSent => true,
            Self::PreconditionFailed | Self::Refused | Self::Unsupported | Self::File | Self::Other => false,
        }
    }

    /// Whether the store may have applied the request all the same.
    pub const fn is_ambiguous(self) -> bool {
        match self {
            Self::Unavailable | Self::Timeout => true,
            Self::PreconditionFailed
            | Self::Conflict
            | Self::Throttled
            | Self::Refused
            | Self::Unsupported
            | Self::NotSent
            | Self::File
            | Self::Other => false,
        }
    }

    /// Who has to act. A lost race is the worker's: it went on after it had been replaced.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Throttled | Self::Unavailable | Self::Timeout | Self::Refused | Self::Unsupported => {
                Fault::Destination
            }
            Self::PreconditionFailed | Self::Conflict | Self::NotSent | Self::File => Fault::Worker,
            Self::Other => Fault::Bug,
        }
    }
}

struct Detail<'a>(&'a String);

impl std::fmt::Display for Detail<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_applied_may_also_be_tried_again() {
        for cause in [Cause::Unavailable, Cause::Timeout] {
            assert!(cause.is_ambiguous() && cause.is_retryable(), "{cause:?}");
            assert_eq!(cause.fault(), Fault::Destination, "{cause:?}");
        }
        for cause in
            [Cause::PreconditionFailed, Cause::Refused, Cause::Unsupported, Cause::File, Cause::Other]
        {
            assert!(!cause.is_ambiguous() && !cause.is_retryable(), "{cause:?}");
        }
    }

    #[test]
    fn the_text_says_what_where_and_how_to_mend_it() {
        let error = Error::new("put", "a/b", Cause::Refused, "403 AccessDenied");
        assert_eq!(
            error.to_string(),
            "put of \"a/b\" was refused by the store; check bucket, region, endpoint and credentials: 403 AccessDenied"
        );
    }
}

//! What a failed call says about the connection it was made on.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Redis said so, or cannot be reached.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// There was no answer in this time.
    #[error("Redis did not answer within {} ms", .0.as_millis())]
    Limit(Duration),
}

/// Whether Redis is well and refused just this call.
pub(crate) fn is_about_the_call(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ResponseError | ServerErrorKind::NoScript | ServerErrorKind::CrossSlot
        ) | ErrorKind::UnexpectedReturnType
            | ErrorKind::Extension
    )
}

/// Whether asking again, over a new connection, may help: the connection broke, or Redis is just
/// coming up or has become a replica.
pub(crate) fn is_passing(error: &RedisError) -> bool {
    (error.is_io_error() && !is_about_tls(error))
        || matches!(
            error.kind(),
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::TryAgain
                    | ServerErrorKind::ReadOnly
            )
        )
}

/// Whether the two cannot agree on a secure connection: a certificate that is not trusted, or no TLS at all. That
/// lasts until somebody mends it.
fn is_about_tls(error: &RedisError) -> bool {
    // The client library's source is not the cause itself but its shared handle.
    let cause = error.source().and_then(|cause| cause.downcast_ref::<Arc<dyn Error + Send + Sync>>());
    let cause = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_passes_and_one_that_is_not_trusted_does_not() {
        for (kind, passes) in [
            (io::ErrorKind::ConnectionReset, true),
            (io::ErrorKind::ConnectionRefused, true),
            (io::ErrorKind::InvalidData, false),
        ] {
            let error = RedisError::from(io::Error::new(kind, "told"));
            assert_eq!(is_passing(&error), passes, "{kind}");
        }
    }
}

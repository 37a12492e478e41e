//! What a failed call says about the connection it was made on.

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
    error.is_io_error()
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

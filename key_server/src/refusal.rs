//! Why a request is not granted, and the one mapping to a problem document.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use ez_api::problem::Problem;
use ez_service::http::ProblemResponse;
use ez_service::telemetry::chain;

use crate::key_store::KeyStoreError;

/// When to try again after Redis was away.
const STORE_AWAY: Duration = Duration::from_secs(2);

/// A request that is not granted.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The request itself is at fault.
    Problem(Box<Problem>),
    /// There is no such key.
    NoKey(String),
    /// The key store failed.
    Store(KeyStoreError),
    /// A key cannot be made or opened.
    Cipher(String),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<KeyStoreError> for Refusal {
    fn from(error: KeyStoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => ProblemResponse(*problem).into_response(),
            Self::NoKey(path) => ProblemResponse(Problem::no_such_resource(&path)).into_response(),
            Self::Store(error) => {
                let problem = match &error {
                    KeyStoreError::Unavailable(_) => Problem::unavailable(STORE_AWAY),
                    KeyStoreError::Damaged(_) => Problem::internal(),
                };
                tracing::warn!(error = chain(&error), "the key store failed");
                ProblemResponse(problem).into_response()
            }
            Self::Cipher(error) => {
                tracing::error!(error, "a content key cannot be made or opened");
                ProblemResponse(Problem::internal()).into_response()
            }
        }
    }
}

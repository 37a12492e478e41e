//! Why a request is not granted, and the one mapping to a problem document.
//!
//! Causes go to the log, once and here; the client is told what it can act on.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use ez_api::problem::Problem;
use ez_domain::id::JobId;
use ez_domain::lifecycle;
use ez_service::http::ProblemResponse;
use ez_service::telemetry::chain;
use ez_store::{SealError, StoreError};

/// When to try again after the store was away.
const STORE_AWAY: Duration = Duration::from_secs(2);
/// When to try again after too many others changed the same job.
const CONTENDED: Duration = Duration::from_secs(1);

/// A request that is not granted.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The request itself is at fault.
    Problem(Box<Problem>),
    /// There is no such job.
    NoJob(JobId),
    /// The life cycle does not allow it now.
    LifeCycle(JobId, lifecycle::Refusal),
    /// The store failed before anything was changed.
    Store(StoreError),
    /// The store failed while the change was being written: nobody knows whether it was.
    StoreInWrite(StoreError),
    /// A stream key cannot be sealed.
    Seal(SealError),
    /// Something that cannot be.
    Bug(&'static str),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ProblemResponse> for Refusal {
    fn from(ProblemResponse(problem): ProblemResponse) -> Self {
        problem.into()
    }
}

impl Refusal {
    /// For a store that failed while a change was being written.
    pub(crate) fn in_write(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::Timeout { .. } => Self::StoreInWrite(error),
            StoreError::Contended(_) | StoreError::Damaged { .. } => Self::Store(error),
        }
    }

    fn problem(self) -> Problem {
        match self {
            Self::Problem(problem) => *problem,
            Self::NoJob(id) => Problem::not_found(id),
            Self::LifeCycle(id, why) => Problem::conflict(id, why.to_string()),
            Self::Store(error) => store_problem(&error),
            Self::StoreInWrite(error) => {
                let problem = store_problem(&error);
                let detail = "the state store was lost while it wrote; the change is there whole or not at all: \
                              look with GET /jobs before trying again";
                Problem { detail: detail.to_owned(), ..problem }
            }
            Self::Seal(error) => {
                tracing::error!(error = chain(&error), "a stream key cannot be sealed");
                Problem::internal()
            }
            Self::Bug(what) => {
                tracing::error!(what, "this cannot be");
                Problem::internal()
            }
        }
    }
}

fn store_problem(error: &StoreError) -> Problem {
    match error {
        StoreError::Unavailable { .. } | StoreError::Timeout { .. } => {
            tracing::warn!(error = chain(error), "the state store is away");
            Problem::unavailable(STORE_AWAY)
        }
        StoreError::Contended(_) => {
            tracing::warn!(error = chain(error), "a change was given up");
            Problem::unavailable(CONTENDED)
        }
        StoreError::Damaged { .. } => {
            tracing::error!(error = chain(error), "a record cannot be read");
            Problem::internal()
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        ProblemResponse(self.problem()).into_response()
    }
}

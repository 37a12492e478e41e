//! One file for each resource.

pub(crate) mod heartbeat;
pub(crate) mod workers;

use std::time::Duration;

use ez_api::problem::Problem;
use ez_service::http::ProblemResponse;
use ez_service::telemetry::chain;
use ez_store::StoreError;

use crate::troubles::is_away;

/// When to come again while the store is away: one heartbeat later.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The answer to a body that is not what it should be.
fn unreadable(error: &serde_json::Error) -> ProblemResponse {
    Problem::invalid_request(format!("the body cannot be read: {error}")).into()
}

/// The answer when the store failed. Being away is logged by the sweeper, once and not per request.
fn refused(error: &StoreError) -> ProblemResponse {
    if is_away(error) {
        tracing::debug!(error = chain(error), "refused a request: the store is away");
        Problem::unavailable(RETRY_AFTER).into()
    } else {
        tracing::error!(error = chain(error), "a request failed");
        Problem::internal().into()
    }
}

//! The planner found no place.

use crate::job::{Job, Phase};
use crate::lifecycle::{Outcome, moved};

/// Keeps the reason where the user sees it.
pub(crate) fn apply(job: &Job, why: &str) -> Outcome {
    match &job.phase {
        Phase::Pending { since, waiting_for } => {
            if waiting_for.as_deref() == Some(why) {
                return Outcome::Unchanged;
            }
            let mut next = job.clone();
            next.phase = Phase::Pending { since: *since, waiting_for: Some(why.to_owned()) };
            moved(next, Vec::new())
        }
        Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. }
        | Phase::Stopping { .. }
        | Phase::Finishing { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. }
        | Phase::Deleting { .. } => Outcome::Stale,
    }
}

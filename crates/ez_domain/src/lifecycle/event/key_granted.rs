//! The key server gave the content key of a job.

use crate::content_key::SealedContentKey;
use crate::job::{Job, Phase};
use crate::lifecycle::{Effect, Outcome, moved};

/// Keeps the key. A job has one for life: its older segments stay readable, and a second scheduler
/// that asked at the same time changes nothing.
pub(crate) fn apply(job: &Job, key: &SealedContentKey) -> Outcome {
    if job.spec.protection.is_none() {
        return Outcome::Stale;
    }
    if job.content_key.is_some() {
        return Outcome::Unchanged;
    }
    let mut next = job.clone();
    next.content_key = Some(key.clone());
    let effects = match &job.phase {
        Phase::Pending { since, .. } => {
            next.phase = Phase::Pending { since: *since, waiting_for: None };
            vec![Effect::RequestPlacement]
        }
        Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. }
        | Phase::Stopping { .. }
        | Phase::Finishing { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. } => Vec::new(),
        Phase::Deleting { .. } => return Outcome::Stale,
    };
    moved(next, effects)
}

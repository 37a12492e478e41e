//! A scheduler ended the playlists of a job without a run, or found that it cannot.

use crate::fault::Failure;
use crate::id::Epoch;
use crate::job::{Job, Phase};
use crate::lifecycle::{Outcome, enter, enter_failed, moved};
use crate::units::Timestamp;

/// A bucket that refuses does not keep a job from being off: the reason says what is left in it.
pub(crate) fn apply(job: &Job, epoch: Epoch, failure: Option<&Failure>, now: Timestamp) -> Outcome {
    match &job.phase {
        Phase::Finishing { epoch: present, .. } if *present == epoch => {
            let stopped = Phase::Stopped { since: now };
            let next = match failure {
                None => enter(job, stopped, "stopped by the user", now),
                Some(failure) => enter_failed(job, stopped, failure, now),
            };
            moved(next, Vec::new())
        }
        Phase::Pending { .. }
        | Phase::Assigned { .. }
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

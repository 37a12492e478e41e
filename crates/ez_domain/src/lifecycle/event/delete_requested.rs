//! The user wants the job gone.

use crate::job::{Desired, Job, Phase};
use crate::lifecycle::{Effect, Outcome, Refusal, enter, moved};
use crate::units::Timestamp;

/// Only an ended job can be deleted, so that nobody loses a channel on air by one slip.
pub(crate) fn apply(job: &Job, keep_media: bool, now: Timestamp) -> Outcome {
    match &job.phase {
        Phase::Finishing { .. } | Phase::Stopped { .. } | Phase::Failed { .. } => {
            let mut next = enter(job, Phase::Deleting { keep_media, since: now }, "deleted by the user", now);
            next.desired = Desired::Deleted { keep_media };
            next.generation += 1;
            next.admitted = next.generation;
            moved(next, vec![Effect::RequestChore])
        }
        Phase::Deleting { keep_media: wished, .. } if *wished == keep_media => Outcome::Unchanged,
        // On second thought: also the way out where the bucket is gone for good.
        Phase::Deleting { since, .. } => {
            let mut next = job.clone();
            next.phase = Phase::Deleting { keep_media, since: *since };
            next.desired = Desired::Deleted { keep_media };
            moved(next, vec![Effect::RequestChore])
        }
        Phase::Pending { .. }
        | Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. }
        | Phase::Stopping { .. }
        | Phase::Backoff { .. } => Outcome::Refused(Refusal::NotEnded(job.phase.name())),
    }
}

//! The user wants the job on air.

use crate::job::{Desired, Job, Phase};
use crate::lifecycle::{Outcome, Refusal, enter, moved};
use crate::units::Timestamp;

/// A second start is no second run: only an ended job goes back to the queue.
pub(crate) fn apply(job: &Job, now: Timestamp) -> Outcome {
    match &job.phase {
        // A scheduler that is still ending the playlists is fenced off by the new run's higher epoch.
        Phase::Finishing { .. } | Phase::Stopped { .. } | Phase::Failed { .. } => {
            let mut next =
                enter(job, Phase::Pending { since: now, waiting_for: None }, "resumed by the user", now);
            next.desired = Desired::Running;
            next.generation += 1;
            next.failures = 0;
            next.restarts = 0;
            next.last_failure = None;
            next.avoid = None;
            moved(next, Vec::new())
        }
        Phase::Stopping { .. } => {
            if job.desired == Desired::Running {
                return Outcome::Unchanged;
            }
            // The old run ends its playlists first; the new one goes on in them.
            let mut next = job.clone();
            next.desired = Desired::Running;
            next.generation += 1;
            moved(next, Vec::new())
        }
        Phase::Pending { .. }
        | Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. }
        | Phase::Backoff { .. } => Outcome::Unchanged,
        Phase::Deleting { .. } => Outcome::Refused(Refusal::BeingDeleted),
    }
}

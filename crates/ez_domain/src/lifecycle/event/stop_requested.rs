//! The user wants the job off.

use crate::job::{Desired, Job, Phase};
use crate::lifecycle::{Effect, Outcome, Refusal, STOP_TIMEOUT_MS, enter, moved, switched_off};
use crate::units::Timestamp;

/// A run is ended by its worker; a job without one by a scheduler, at once if nothing was ever published.
pub(crate) fn apply(job: &Job, now: Timestamp) -> Outcome {
    match &job.phase {
        // What a failed job has published is still waiting for a next segment.
        Phase::Pending { .. } | Phase::Backoff { .. } | Phase::Failed { .. } => {
            let (mut next, effects) = switched_off(job, now);
            next.desired = Desired::Stopped;
            next.generation += 1;
            // Nothing is left to be done for this command, so it needs no outbox.
            next.admitted = next.generation;
            moved(next, effects)
        }
        Phase::Assigned { run, .. }
        | Phase::Listening { run, .. }
        | Phase::Streaming { run, .. }
        | Phase::Interrupted { run, .. } => {
            let stopping = Phase::Stopping { run: run.clone(), deadline: now.plus_millis(STOP_TIMEOUT_MS) };
            let mut next = enter(job, stopping, "stopped by the user", now);
            next.desired = Desired::Stopped;
            next.generation += 1;
            moved(next, vec![Effect::TellWorker(run.worker)])
        }
        Phase::Stopping { .. } => {
            if job.desired == Desired::Stopped {
                return Outcome::Unchanged;
            }
            let mut next = job.clone();
            next.desired = Desired::Stopped;
            next.generation += 1;
            moved(next, Vec::new())
        }
        Phase::Finishing { .. } | Phase::Stopped { .. } => Outcome::Unchanged,
        Phase::Deleting { .. } => Outcome::Refused(Refusal::BeingDeleted),
    }
}

//! The user wants the job off.

use crate::job::{Desired, Job, Phase};
use crate::lifecycle::{Effect, Outcome, Refusal, STOP_TIMEOUT_MS, enter, moved};
use crate::units::Timestamp;

/// A job without a run stops at once; a run is ended by its worker.
pub(crate) fn apply(job: &Job, now: Timestamp) -> Outcome {
    match &job.phase {
        Phase::Pending { .. } | Phase::Backoff { .. } => {
            let mut next = enter(job, Phase::Stopped { since: now }, "stopped by the user", now);
            next.desired = Desired::Stopped;
            next.generation += 1;
            // Nothing is left to be done for this command, so it needs no outbox.
            next.admitted = next.generation;
            moved(next, Vec::new())
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
        Phase::Stopped { .. } | Phase::Failed { .. } => Outcome::Unchanged,
        Phase::Deleting { .. } => Outcome::Refused(Refusal::BeingDeleted),
    }
}

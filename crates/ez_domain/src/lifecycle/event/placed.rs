//! The planner chose a worker.

use crate::id::{Incarnation, WorkerId};
use crate::job::{Job, Phase, Run};
use crate::lifecycle::{ASSIGN_TIMEOUT_MS, Effect, Outcome, enter, moved};
use crate::units::Timestamp;

/// Gives the next epoch to a run on `worker`.
///
/// Only a queued job takes a placement: with several schedulers, or after a stop, the plan may
/// be older than the record. A job that is to be protected never runs in clear.
pub(crate) fn apply(job: &Job, worker: WorkerId, incarnation: Incarnation, now: Timestamp) -> Outcome {
    match &job.phase {
        Phase::Pending { .. } => {
            if !job.is_queued() || job.lacks_key() {
                return Outcome::Stale;
            }
            let epoch = job.last_epoch.next();
            let run = Run { epoch, worker, incarnation, ingest: None };
            let assigned = Phase::Assigned { run, deadline: now.plus_millis(ASSIGN_TIMEOUT_MS) };
            let mut next = enter(job, assigned, "a worker was chosen", now);
            next.last_epoch = epoch;
            next.assigned_at = Some(now);
            next.last_worker = Some(worker);
            moved(next, vec![Effect::TellWorker(worker)])
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

//! A deadline of the phase may have passed.

use super::run_ended::{self, Showing};
use crate::fault::{Failure, Fault};
use crate::job::{Job, Phase};
use crate::lifecycle::{Effect, Outcome, enter, moved};
use crate::units::Timestamp;

pub(crate) fn apply(job: &Job, now: Timestamp) -> Outcome {
    if job.phase.wakes_at().is_none_or(|deadline| now < deadline) {
        return Outcome::Unchanged;
    }
    match &job.phase {
        Phase::Assigned { run, .. } => {
            let failure =
                Failure::retryable(Fault::Worker, "the chosen worker did not take the run up in time");
            run_ended::failed(job, run, &failure, Showing::Nothing, now)
        }
        Phase::Stopping { run, .. } => run_ended::stopped_or_restarted(job, run, false, now),
        Phase::Backoff { .. } => {
            let pending = Phase::Pending { since: now, waiting_for: None };
            moved(enter(job, pending, "trying again", now), vec![Effect::RequestPlacement])
        }
        Phase::Pending { .. }
        | Phase::Finishing { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. }
        | Phase::Deleting { .. } => Outcome::Unchanged,
    }
}

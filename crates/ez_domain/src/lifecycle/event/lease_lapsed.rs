//! Nobody has renewed the lease of a run.

use super::run_ended::{self, Showing};
use crate::fault::{Failure, Fault};
use crate::id::Epoch;
use crate::job::{Job, Phase};
use crate::lifecycle::Outcome;
use crate::units::Timestamp;

/// Gives the run up. The next one has a higher epoch, so whatever the old one still does is fenced.
pub(crate) fn apply(job: &Job, epoch: Epoch, now: Timestamp) -> Outcome {
    let failure = Failure::retryable(
        Fault::Worker,
        "the worker that ran the job was not heard of any more; another one goes on",
    );
    match &job.phase {
        Phase::Assigned { run, .. } if run.epoch == epoch => {
            run_ended::failed(job, run, &failure, Showing::Nothing, now)
        }
        Phase::Listening { run, .. } if run.epoch == epoch => {
            run_ended::failed(job, run, &failure, Showing::Idle, now)
        }
        Phase::Streaming { run, .. } | Phase::Interrupted { run, .. } if run.epoch == epoch => {
            run_ended::failed(job, run, &failure, Showing::Media, now)
        }
        Phase::Stopping { run, .. } if run.epoch == epoch => {
            run_ended::stopped_or_restarted(job, run, false, now)
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

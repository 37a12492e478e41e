//! A scheduler has taken up a command from the queue or the outbox.

use crate::job::{Job, Phase};
use crate::lifecycle::{Effect, Outcome, moved};
use crate::units::Timestamp;

/// Takes the job out of the outbox. An older command is void, a repeated one changes nothing.
pub(crate) fn apply(job: &Job, generation: u64, now: Timestamp) -> Outcome {
    if generation < job.generation {
        return Outcome::Stale;
    }
    if job.admitted >= generation {
        return Outcome::Unchanged;
    }
    let mut next = job.clone();
    next.admitted = job.generation;
    next.admitted_at = next.admitted_at.or(Some(now));
    let effects = match &job.phase {
        Phase::Pending { .. } => vec![Effect::RequestPlacement],
        Phase::Assigned { run, .. }
        | Phase::Listening { run, .. }
        | Phase::Streaming { run, .. }
        | Phase::Interrupted { run, .. }
        | Phase::Stopping { run, .. } => vec![Effect::TellWorker(run.worker)],
        Phase::Backoff { .. } | Phase::Stopped { .. } | Phase::Failed { .. } => Vec::new(),
        Phase::Finishing { .. } | Phase::Deleting { .. } => vec![Effect::RequestChore],
    };
    moved(next, effects)
}

//! The worker tells how a run is.

use super::run_ended;
use crate::id::Epoch;
use crate::job::{Ingest, Job, Phase, Run};
use crate::lifecycle::{Outcome, RunState, enter, moved};
use crate::units::Timestamp;

/// Follows the worker's word about the present run; a word about another run is stale.
pub(crate) fn apply(job: &Job, epoch: Epoch, state: &RunState, now: Timestamp) -> Outcome {
    let Some(run) = job.phase.run() else {
        return Outcome::Stale;
    };
    if run.epoch != epoch {
        return Outcome::Stale;
    }
    match state {
        RunState::Starting | RunState::Stopping => Outcome::Unchanged,
        RunState::Listening { ingest, reason } => on_listening(job, run, ingest, reason, now),
        RunState::Streaming { ingest } => on_streaming(job, run, ingest, now),
        RunState::Interrupted { ingest, reason } => on_interrupted(job, run, ingest, reason, now),
        RunState::Exited { outcome, committed_segments } => {
            run_ended::apply(job, run, outcome, *committed_segments, now)
        }
    }
}

fn with_ingest(run: &Run, ingest: &Ingest) -> Run {
    Run { ingest: Some(ingest.clone()), ..run.clone() }
}

fn on_listening(job: &Job, run: &Run, ingest: &Ingest, reason: &str, now: Timestamp) -> Outcome {
    match &job.phase {
        Phase::Listening { .. } if job.reason() == reason => Outcome::Unchanged,
        Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. } => {
            let listening = Phase::Listening { run: with_ingest(run, ingest), since: now };
            moved(enter(job, listening, reason, now), Vec::new())
        }
        Phase::Stopping { .. } => Outcome::Unchanged,
        Phase::Pending { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. }
        | Phase::Deleting { .. } => Outcome::Stale,
    }
}

fn on_streaming(job: &Job, run: &Run, ingest: &Ingest, now: Timestamp) -> Outcome {
    match &job.phase {
        Phase::Streaming { .. } | Phase::Stopping { .. } => Outcome::Unchanged,
        Phase::Assigned { .. } | Phase::Listening { .. } | Phase::Interrupted { .. } => {
            let streaming = Phase::Streaming { run: with_ingest(run, ingest), since: now };
            moved(enter(job, streaming, "media is being published", now), Vec::new())
        }
        Phase::Pending { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. }
        | Phase::Deleting { .. } => Outcome::Stale,
    }
}

fn on_interrupted(job: &Job, run: &Run, ingest: &Ingest, reason: &str, now: Timestamp) -> Outcome {
    match &job.phase {
        Phase::Interrupted { .. } | Phase::Stopping { .. } => Outcome::Unchanged,
        Phase::Assigned { .. } | Phase::Listening { .. } | Phase::Streaming { .. } => {
            let interrupted = Phase::Interrupted { run: with_ingest(run, ingest), since: now };
            moved(enter(job, interrupted, reason, now), Vec::new())
        }
        Phase::Pending { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. }
        | Phase::Deleting { .. } => Outcome::Stale,
    }
}

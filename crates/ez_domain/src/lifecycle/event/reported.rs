//! The worker tells how a run is.

use super::run_ended;
use crate::fault::{Failure, Fault};
use crate::id::Epoch;
use crate::job::{Ingest, Job, Phase, Run};
use crate::lifecycle::{Outcome, PROOF_OF_LIFE_SEGMENTS, RunState, STOP_TIMEOUT_MS, enter_because, moved};
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
        RunState::Starting => Outcome::Unchanged,
        RunState::Stopping => on_stopping(job, run, now),
        RunState::Listening { ingest, reason, fault } => {
            on_listening(job, run, ingest, (reason, *fault), now)
        }
        RunState::Streaming { ingest, trouble } => on_streaming(job, run, ingest, trouble.as_ref(), now),
        RunState::Interrupted { ingest, reason, fault } => {
            on_interrupted(job, run, ingest, (reason, *fault), now)
        }
        RunState::Exited { outcome, committed_segments } => {
            run_ended::apply(job, run, outcome, *committed_segments, now)
        }
    }
}

fn with_ingest(run: &Run, ingest: &Ingest) -> Run {
    Run { ingest: Some(ingest.clone()), ..run.clone() }
}

/// Whether the record says so already: a transcoder that is started again may have had to take another port.
fn is_known(job: &Job, run: &Run, ingest: &Ingest, reason: &str) -> bool {
    job.reason() == reason && run.ingest.as_ref() == Some(ingest)
}

/// `next`, which follows `job`; where that had media for long enough, earlier failures are forgotten.
fn proven(job: &Job, mut next: Job, now: Timestamp) -> Job {
    let segment_ms = u64::from(job.spec.segment_seconds).saturating_mul(1000);
    if let Phase::Streaming { since, .. } = &job.phase
        && now.millis_since(*since) >= segment_ms.saturating_mul(PROOF_OF_LIFE_SEGMENTS)
    {
        next.failures = 0;
    }
    next
}

/// A worker that is still draining gets more time: the store may be away.
fn on_stopping(job: &Job, run: &Run, now: Timestamp) -> Outcome {
    let soon = now.plus_millis(STOP_TIMEOUT_MS / 2);
    if !matches!(&job.phase, Phase::Stopping { deadline, .. } if *deadline < soon) {
        return Outcome::Unchanged;
    }
    let mut next = job.clone();
    next.phase = Phase::Stopping { run: run.clone(), deadline: now.plus_millis(STOP_TIMEOUT_MS) };
    moved(next, Vec::new())
}

fn on_listening(
    job: &Job,
    run: &Run,
    ingest: &Ingest,
    (reason, fault): (&str, Option<Fault>),
    now: Timestamp,
) -> Outcome {
    match &job.phase {
        Phase::Listening { .. } if is_known(job, run, ingest, reason) => Outcome::Unchanged,
        Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. } => {
            let listening = Phase::Listening { run: with_ingest(run, ingest), since: now };
            moved(proven(job, enter_because(job, listening, reason, fault, now), now), Vec::new())
        }
        Phase::Stopping { .. } => Outcome::Unchanged,
        Phase::Pending { .. }
        | Phase::Finishing { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. }
        | Phase::Deleting { .. } => Outcome::Stale,
    }
}

fn on_streaming(job: &Job, run: &Run, ingest: &Ingest, trouble: Option<&Failure>, now: Timestamp) -> Outcome {
    let (reason, fault) = trouble
        .map_or(("media is being published", None), |failure| (failure.reason.as_str(), Some(failure.fault)));
    match &job.phase {
        Phase::Stopping { .. } => Outcome::Unchanged,
        Phase::Streaming { .. } if is_known(job, run, ingest, reason) => Outcome::Unchanged,
        Phase::Streaming { since, .. } => {
            let streaming = Phase::Streaming { run: with_ingest(run, ingest), since: *since };
            moved(enter_because(job, streaming, reason, fault, now), Vec::new())
        }
        Phase::Assigned { .. } | Phase::Listening { .. } | Phase::Interrupted { .. } => {
            let streaming = Phase::Streaming { run: with_ingest(run, ingest), since: now };
            moved(enter_because(job, streaming, reason, fault, now), Vec::new())
        }
        Phase::Pending { .. }
        | Phase::Finishing { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. }
        | Phase::Deleting { .. } => Outcome::Stale,
    }
}

fn on_interrupted(
    job: &Job,
    run: &Run,
    ingest: &Ingest,
    (reason, fault): (&str, Option<Fault>),
    now: Timestamp,
) -> Outcome {
    match &job.phase {
        Phase::Stopping { .. } => Outcome::Unchanged,
        Phase::Interrupted { .. } if is_known(job, run, ingest, reason) => Outcome::Unchanged,
        Phase::Interrupted { since, .. } => {
            let interrupted = Phase::Interrupted { run: with_ingest(run, ingest), since: *since };
            moved(enter_because(job, interrupted, reason, fault, now), Vec::new())
        }
        Phase::Assigned { .. } | Phase::Listening { .. } | Phase::Streaming { .. } => {
            let interrupted = Phase::Interrupted { run: with_ingest(run, ingest), since: now };
            moved(proven(job, enter_because(job, interrupted, reason, fault, now), now), Vec::new())
        }
        Phase::Pending { .. }
        | Phase::Finishing { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. }
        | Phase::Deleting { .. } => Outcome::Stale,
    }
}

//! A run is over: reported by its worker, or given up because its lease lapsed.

use crate::fault::{Failure, Fault};
use crate::job::{Desired, Job, Phase, Run};
use crate::lifecycle::{
    Effect, FAILURE_BUDGET, Outcome, PROOF_OF_LIFE_SEGMENTS, RunOutcome, enter, enter_failed, moved,
    switched_off,
};
use crate::units::Timestamp;

/// Waits between tries: none, then doubling from one second, at most this long.
const LONGEST_BACKOFF_MS: u64 = 30_000;

/// What a run that failed had to show for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Showing {
    /// It published: the failures before it are forgotten.
    Media,
    /// It listened, and nobody published: its end says nothing of the job.
    Idle,
    /// Too little.
    Nothing,
}

impl Showing {
    const fn of(committed_segments: u64) -> Self {
        if committed_segments >= PROOF_OF_LIFE_SEGMENTS { Self::Media } else { Self::Nothing }
    }
}

pub(crate) fn apply(
    job: &Job,
    run: &Run,
    outcome: &RunOutcome,
    committed_segments: u64,
    now: Timestamp,
) -> Outcome {
    if matches!(job.phase, Phase::Stopping { .. }) {
        let mut job = job.clone();
        if let RunOutcome::Fenced { seen } = outcome {
            job.last_epoch = job.last_epoch.max(*seen);
        }
        return stopped_or_restarted(&job, run, *outcome == RunOutcome::Stopped, now);
    }
    match outcome {
        RunOutcome::Stopped | RunOutcome::Left => {
            // A worker that drains leaves its runs unasked; the job goes on elsewhere.
            let mut next = requeued_job(job, run, "the worker gave the run up", now);
            if Showing::of(committed_segments) == Showing::Media {
                next.failures = 0;
            }
            moved(next, vec![Effect::RequestPlacement])
        }
        RunOutcome::Rejected { reason } => {
            let failure = Failure::retryable(Fault::Worker, format!("the worker refused the run: {reason}"));
            failed(job, run, &failure, Showing::Nothing, now)
        }
        RunOutcome::Failed { failure } => failed(job, run, failure, Showing::of(committed_segments), now),
        RunOutcome::Fenced { seen } => {
            let mut next = requeued_job(
                job,
                run,
                format!("the bucket already holds epoch {seen}; the next run gets a higher one"),
                now,
            );
            next.last_epoch = next.last_epoch.max(*seen);
            moved(next, vec![Effect::RequestPlacement])
        }
    }
}

/// The end of a run that was to be ended; `has_ended_playlists` is whether it came that far.
pub(crate) fn stopped_or_restarted(
    job: &Job,
    run: &Run,
    has_ended_playlists: bool,
    now: Timestamp,
) -> Outcome {
    match job.desired {
        Desired::Running => requeued(job, run, "resumed by the user", now),
        Desired::Stopped | Desired::Deleted { .. } => {
            let (next, mut effects) = if has_ended_playlists {
                (enter(job, Phase::Stopped { since: now }, "stopped by the user", now), Vec::new())
            } else {
                switched_off(job, now)
            };
            effects.push(Effect::TellWorker(run.worker));
            moved(next, effects)
        }
    }
}

/// A failed run: tried again after a pause, unless the budget is spent or trying is pointless.
///
/// What refuses one worker may take another's media: that one's clock or credentials can be the cause. So a
/// refusal of the bucket is believed when the next run, elsewhere where there is another worker, meets it too.
pub(crate) fn failed(job: &Job, run: &Run, failure: &Failure, showing: Showing, now: Timestamp) -> Outcome {
    let failures = match showing {
        Showing::Media => 1,
        Showing::Idle => job.failures,
        Showing::Nothing => job.failures.saturating_add(1),
    };
    let is_first_refusal =
        failure.fault == Fault::Destination && (showing == Showing::Media || !was_refused(job));
    let is_pointless = !failure.retryable && !is_first_refusal;
    let phase = if is_pointless || failures >= FAILURE_BUDGET {
        Phase::Failed { since: now }
    } else {
        Phase::Backoff { until: now.plus_millis(backoff_ms(failures)) }
    };
    let mut next = enter_failed(job, phase, failure, now);
    next.failures = failures;
    next.restarts = next.restarts.saturating_add(1);
    next.avoid = Some(run.worker);
    moved(next, vec![Effect::TellWorker(run.worker)])
}

/// Whether the run before ended with a refusal of the bucket.
fn was_refused(job: &Job) -> bool {
    let last = job.last_failure.as_ref().filter(|_| job.failures > 0);
    last.is_some_and(|last| last.failure.fault == Fault::Destination && !last.failure.retryable)
}

fn requeued(job: &Job, run: &Run, reason: &str, now: Timestamp) -> Outcome {
    moved(requeued_job(job, run, reason, now), vec![Effect::RequestPlacement])
}

fn requeued_job(job: &Job, run: &Run, reason: impl Into<String>, now: Timestamp) -> Job {
    let mut next = enter(job, Phase::Pending { since: now, waiting_for: None }, reason, now);
    next.avoid = Some(run.worker);
    next.restarts = next.restarts.saturating_add(1);
    next
}

/// 0, 1, 2, 4 … 30 seconds.
const fn backoff_ms(failures: u32) -> u64 {
    if failures <= 1 {
        return 0;
    }
    let doubled = 1000_u64.saturating_mul(1 << if failures < 10 { failures - 2 } else { 8 });
    if doubled < LONGEST_BACKOFF_MS { doubled } else { LONGEST_BACKOFF_MS }
}

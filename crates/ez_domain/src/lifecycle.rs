//! The life cycle of a job: one function, [`step`], that answers every event in every phase.
//!
//! Events come from the user, the planner, the worker that holds the run, the lease and the
//! clock. The function only computes; the store commits what it answers by compare-and-set
//! and derives its indexes (queue, leases, timers, outbox, worker load) from the new record,
//! so everything durable is in the record. Effects are hints that make things faster: a lost
//! one is made up for by the next heartbeat or sweep.
//!
//! Invariants, held by the property tests:
//! - a run holds capacity exactly while its phase names it;
//! - the epoch of a job never falls, and each run has a higher one than the run before;
//! - a report or a lapsed lease that carries another epoch than the present run changes nothing;
//! - a job that is to be protected has no run before it has its key;
//! - a job that is to be stopped and whose worker is gone ends in `Stopped`, after a scheduler has
//!   ended its playlists under an epoch of their own.

#![deny(clippy::wildcard_enum_match_arm)]

mod event;

use serde::{Deserialize, Serialize};

use crate::content_key::SealedContentKey;
use crate::fault::{Failure, Fault};
use crate::id::{Epoch, Incarnation, WorkerId};
use crate::job::{DatedFailure, HISTORY_LENGTH, Ingest, Job, Phase, PhaseName, Transition};
use crate::spec::JobSpec;
use crate::units::Timestamp;

/// How long a chosen worker has to take a run up.
pub const ASSIGN_TIMEOUT_MS: u64 = 10_000;
/// How long a worker has to end a run: uploads drained, playlists ended.
pub const STOP_TIMEOUT_MS: u64 = 60_000;
/// Failures in a row, each with too few committed segments, that end a job.
pub const FAILURE_BUDGET: u32 = 5;
/// Committed segments that prove that a run worked.
pub const PROOF_OF_LIFE_SEGMENTS: u64 = 3;

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The user wants the job on air.
    StartRequested,
    /// The user wants it off.
    StopRequested,
    /// The user wants it gone.
    DeleteRequested {
        /// Leave the media in the bucket.
        keep_media: bool,
    },
    /// The user wants something else to come out of it.
    SpecReplaced(Box<NewSpec>),
    /// A scheduler has taken up the command with this generation.
    Admitted {
        /// Generation that the command carried.
        generation: u64,
    },
    /// The planner chose a worker.
    Placed {
        /// The host.
        worker: WorkerId,
        /// Its present life.
        incarnation: Incarnation,
    },
    /// The planner found no place.
    Unplaced {
        /// Why, in words for people.
        why: String,
    },
    /// The key server gave the content key.
    KeyGranted {
        /// The key, sealed.
        key: SealedContentKey,
    },
    /// The worker tells how a run is.
    Reported {
        /// The run's epoch.
        epoch: Epoch,
        /// Its state.
        state: RunState,
    },
    /// Nobody has renewed the lease of this run.
    LeaseLapsed {
        /// The run's epoch.
        epoch: Epoch,
    },
    /// A deadline of the phase may have passed.
    Tick,
    /// A scheduler ended the playlists, or found that it cannot.
    PlaylistsEnded {
        /// The epoch under which it did.
        epoch: Epoch,
        /// Why they could not be ended.
        failure: Option<Failure>,
    },
    /// The media of a deleted job has been removed.
    MediaRemoved,
}

/// What a job is to put out from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSpec {
    /// What comes out.
    pub spec: JobSpec,
    /// What is worth a second look in it.
    pub warnings: Vec<String>,
    /// Estimated cost while it runs, in thousandths of a core.
    pub cost_millicores: u32,
}

/// How a run is, as its worker tells it. Reports are states, so repeating one is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// The transcoder process is coming up.
    Starting,
    /// The listener is bound and nobody publishes.
    Listening {
        /// Where publishers reach it.
        ingest: Ingest,
        /// What it waits for, in words for people.
        reason: String,
        /// Who has to act, when somebody has to.
        #[serde(default)]
        fault: Option<Fault>,
    },
    /// Segments are being committed.
    Streaming {
        /// Where publishers reach it.
        ingest: Ingest,
        /// What is wrong though the channel goes on.
        #[serde(default)]
        trouble: Option<Failure>,
    },
    /// Nothing new of the publisher is shown for the time being; the channel goes on.
    Interrupted {
        /// Where publishers reach it.
        ingest: Ingest,
        /// Why, in words for people.
        reason: String,
        /// Who has to act, when somebody has to.
        #[serde(default)]
        fault: Option<Fault>,
    },
    /// Uploads are being drained and the playlists ended.
    Stopping,
    /// The run is over and nothing of it is left on the worker.
    Exited {
        /// How it ended.
        outcome: RunOutcome,
        /// Segments that this run committed.
        committed_segments: u64,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RunOutcome {
    /// As ordered; the playlists are ended.
    Stopped,
    /// As ordered, or because the worker leaves; the playlists rest as they are.
    Left,
    /// The worker could not take it.
    Rejected {
        /// Why.
        reason: String,
    },
    /// It could not go on.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The store holds objects of a higher epoch: this run is not, or no longer, the owner.
    Fenced {
        /// The epoch that was seen.
        seen: Epoch,
    },
}

/// A hint for whoever committed a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The job can be placed: wake the planner.
    RequestPlacement,
    /// The set of runs of this worker changed: make it ask for the new one.
    TellWorker(WorkerId),
    /// The job's bucket can be tidied: playlists ended, or media removed.
    RequestChore,
}

/// The answer to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The new record, and what would be good to do at once.
    Moved(Box<Job>, Vec<Effect>),
    /// Nothing to do: the record already says so.
    Unchanged,
    /// The event is about a run or command that is no longer the present one.
    Stale,
    /// The user's wish cannot be granted in this phase.
    Refused(Refusal),
    /// The record can be dropped; only the epoch is kept.
    Removed,
}

/// Why a wish was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Delete of a job that still runs or waits to run.
    #[error("the job is {}: stop it first (PUT /jobs/{{id}}/stop), then delete it", .0.as_str())]
    NotEnded(PhaseName),
    /// Another specification for a job that still runs, waits to run or is being ended.
    #[error("the job is {}: stop it first (PUT /jobs/{{id}}/stop) and wait until it is stopped", .0.as_str())]
    NotAtRest(PhaseName),
    /// Another bucket for a job that has run.
    #[error(
        "a job that has run keeps its bucket, because what it published lies there: leave \
         Output.S3_output.Bucket as it is, or make a new job"
    )]
    BucketFixed,
    /// Any command for a job that is being deleted.
    #[error("the job is being deleted")]
    BeingDeleted,
}

/// Applies one event to a job.
pub fn step(job: &Job, event: &Event, now: Timestamp) -> Outcome {
    match event {
        Event::StartRequested => event::start_requested::apply(job, now),
        Event::StopRequested => event::stop_requested::apply(job, now),
        Event::DeleteRequested { keep_media } => event::delete_requested::apply(job, *keep_media, now),
        Event::SpecReplaced(wanted) => event::spec_replaced::apply(job, wanted, now),
        Event::Admitted { generation } => event::admitted::apply(job, *generation, now),
        Event::Placed { worker, incarnation } => event::placed::apply(job, *worker, *incarnation, now),
        Event::Unplaced { why } => event::unplaced::apply(job, why),
        Event::KeyGranted { key } => event::key_granted::apply(job, key),
        Event::Reported { epoch, state } => event::reported::apply(job, *epoch, state, now),
        Event::LeaseLapsed { epoch } => event::lease_lapsed::apply(job, *epoch, now),
        Event::Tick => event::tick::apply(job, now),
        Event::PlaylistsEnded { epoch, failure } => {
            event::playlists_ended::apply(job, *epoch, failure.as_ref(), now)
        }
        Event::MediaRemoved => event::media_removed::apply(job),
    }
}

/// The job in a new phase, with the transition in its history.
fn enter(job: &Job, phase: Phase, reason: impl Into<String>, now: Timestamp) -> Job {
    let mut next = job.clone();
    record(&mut next, &phase, reason.into(), None, now);
    next.phase = phase;
    next
}

/// The job in a new phase, and who has to act.
fn enter_because(job: &Job, phase: Phase, reason: &str, fault: Option<Fault>, now: Timestamp) -> Job {
    let mut next = job.clone();
    record(&mut next, &phase, reason.to_owned(), fault, now);
    next.phase = phase;
    next
}

/// A job without a run that shall be off: what it has published must be ended first.
fn switched_off(job: &Job, now: Timestamp) -> (Job, Vec<Effect>) {
    if job.last_epoch == Epoch::default() {
        return (enter(job, Phase::Stopped { since: now }, "stopped by the user", now), Vec::new());
    }
    let epoch = job.last_epoch.next();
    let finishing = Phase::Finishing { epoch, since: now };
    let mut next = enter(job, finishing, "stopped by the user; the playlists are being ended", now);
    next.last_epoch = epoch;
    (next, vec![Effect::RequestChore])
}

/// The job in a new phase because of a failure.
fn enter_failed(job: &Job, phase: Phase, failure: &Failure, now: Timestamp) -> Job {
    let mut next = job.clone();
    record(&mut next, &phase, failure.reason.clone(), Some(failure.fault), now);
    next.phase = phase;
    next.last_failure = Some(DatedFailure { at: now, failure: failure.clone() });
    next
}

fn record(job: &mut Job, phase: &Phase, reason: String, fault: Option<Fault>, now: Timestamp) {
    job.history.push(Transition { at: now, phase: phase.name(), reason, fault });
    let surplus = job.history.len().saturating_sub(HISTORY_LENGTH);
    job.history.drain(..surplus);
}

fn moved(job: Job, effects: Vec<Effect>) -> Outcome {
    Outcome::Moved(Box::new(job), effects)
}

#[cfg(test)]
mod tests;

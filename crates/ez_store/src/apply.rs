//! The compare-and-set loop around the life cycle: load, decide, commit, and again after a conflict.
//!
//! The only ways in which services change a job. It does not carry out effects: they are hints,
//! handed back to the caller.

use std::time::Duration;

use ez_domain::id::JobId;
use ez_domain::job::Job;
use ez_domain::lifecycle::{Effect, Event, Outcome, Refusal, step};

use crate::store::{CommitGuard, Store, StoreError, Stored};

/// How often a change is tried while others change the same record.
pub const ATTEMPTS: u32 = 10;

/// What became of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// The record was changed.
    Moved {
        /// The record as it is now.
        job: Box<Job>,
        /// What would be good to do at once; losing them only costs time.
        effects: Vec<Effect>,
    },
    /// The record already said so.
    Unchanged(Box<Job>),
    /// The event is about a run or command that is no longer the present one.
    Stale,
    /// The user's wish cannot be granted in the present phase.
    Refused(Refusal),
    /// The record was dropped.
    Removed,
    /// There is no such job.
    NotFound,
    /// The record would have been changed, but the guard does not hold.
    GuardFailed,
}

/// Applies one event to a job, whatever others do to it at the same time.
///
/// # Errors
/// [`StoreError::Contended`] after [`ATTEMPTS`] lost races; otherwise what the store says. After
/// a time-out the event may have been applied: applying it again is harmless.
pub async fn apply(
    store: &dyn Store,
    id: JobId,
    event: &Event,
    guard: CommitGuard,
) -> Result<Applied, StoreError> {
    change(store, id, None, event, guard).await
}

/// As [`apply`], from a record that was read a moment ago: one call less when nobody has changed it since.
/// The step is dated by that reading, so it must be fresh beside every deadline of a phase.
///
/// # Errors
/// As those of [`apply`].
pub async fn apply_to(
    store: &dyn Store,
    read: Stored,
    event: &Event,
    guard: CommitGuard,
) -> Result<Applied, StoreError> {
    // Only a commit finds out whether the record is still the present one; any other answer needs a new one.
    let moves = matches!(step(&read.job, event, read.now), Outcome::Moved(..));
    change(store, read.job.id, moves.then_some(read), event, guard).await
}

async fn change(
    store: &dyn Store,
    id: JobId,
    mut read: Option<Stored>,
    event: &Event,
    guard: CommitGuard,
) -> Result<Applied, StoreError> {
    let mut lost_at = None;
    for attempt in 0..ATTEMPTS {
        let present = match read.take() {
            Some(read) => Some(read),
            None => store.load(id).await?,
        };
        let Some(stored) = present else {
            return Ok(Applied::NotFound);
        };
        if guard != CommitGuard::Version && lost_at == Some(stored.version) {
            // Nobody changed the record, so it was the guard that refused.
            return Ok(Applied::GuardFailed);
        }
        let done = match step(&stored.job, event, stored.now) {
            Outcome::Moved(next, effects) => {
                let moved = store.commit(&stored.job, stored.version, &next, guard).await?;
                moved.then_some(Applied::Moved { job: next, effects })
            }
            Outcome::Removed => store.remove(&stored.job, stored.version).await?.then_some(Applied::Removed),
            Outcome::Unchanged => Some(Applied::Unchanged(Box::new(stored.job))),
            Outcome::Stale => Some(Applied::Stale),
            Outcome::Refused(why) => Some(Applied::Refused(why)),
        };
        if let Some(applied) = done {
            return Ok(applied);
        }
        lost_at = Some(stored.version);
        tokio::time::sleep(pause(attempt)).await;
    }
    Err(StoreError::Contended(id))
}

/// Up to 2, 4, 8 … 64 ms, by chance, so that rivals do not meet again.
fn pause(attempt: u32) -> Duration {
    let longest_us = 2_000_u64 << attempt.min(5);
    let [chance, ..] = crate::seal::random_bytes::<1>();
    Duration::from_micros(longest_us * u64::from(chance) / 256)
}

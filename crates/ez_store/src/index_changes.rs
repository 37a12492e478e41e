//! Which indexes move when a record changes: one pure function of the record before and after.
//!
//! An index holds nothing that is not in the record, save what only the store's clock knows: when a
//! lease ends and since when a command has waited. The commit script applies the changes; it decides
//! nothing.

use ez_domain::id::{Epoch, WorkerId};
use ez_domain::job::{Job, Phase, Run};
use ez_domain::units::Timestamp;

/// One move of one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexChange {
    /// Enters the listing, or leaves it.
    Listed(Option<Timestamp>),
    /// Publishers can be found by this keyed hash.
    StreamKeyAdded(String),
    /// They no longer can.
    StreamKeyRemoved(String),
    /// The highest epoch rose.
    Epoch(Epoch),
    /// Waits for a worker since then, or no longer waits.
    Queued(Option<Timestamp>),
    /// A new command may be on its way (counted from the store's now), or has arrived.
    Outbox(bool),
    /// The phase has this deadline, or none.
    Timer(Option<Timestamp>),
    /// The bucket waits for a chore since then, or no longer does.
    Chore(Option<Timestamp>),
    /// A run no longer holds capacity, a lease and figures.
    RunEnded {
        /// Where it was.
        worker: WorkerId,
        /// What it was estimated to cost.
        millicores: u32,
    },
    /// A run holds capacity, and a lease that begins now.
    RunBegan {
        /// The run.
        run: Run,
        /// What it is estimated to cost.
        millicores: u32,
    },
}

/// The index moves that belong to a change from `old` to `new`; `None` is a record that is not there.
pub fn index_changes(old: Option<&Job>, new: Option<&Job>) -> Vec<IndexChange> {
    let mut changes = Vec::new();
    identity_changes(old, new, &mut changes);
    if let Some(moved) = changed(old, new, queued_since) {
        changes.push(IndexChange::Queued(moved));
    }
    if let Some(moved) = changed(old, new, outbox_command) {
        changes.push(IndexChange::Outbox(moved.is_some()));
    }
    if let Some(moved) = changed(old, new, |job| job.phase.wakes_at()) {
        changes.push(IndexChange::Timer(moved));
    }
    if let Some(moved) = changed(old, new, chore_since) {
        changes.push(IndexChange::Chore(moved));
    }
    run_changes(old, new, &mut changes);
    changes
}

fn identity_changes(old: Option<&Job>, new: Option<&Job>, changes: &mut Vec<IndexChange>) {
    if let Some(moved) = changed(old, new, |job| Some(job.created_at)) {
        changes.push(IndexChange::Listed(moved));
    }
    let index = |job: &Job| Some(job.credentials.stream_key_index.clone());
    if let Some(added) = changed(old, new, index) {
        changes.extend(old.and_then(index).map(IndexChange::StreamKeyRemoved));
        changes.extend(added.map(IndexChange::StreamKeyAdded));
    }
    let epoch = |job: &Job| Some(job.last_epoch).filter(|epoch| *epoch > Epoch::default());
    changes.extend(changed(old, new, epoch).flatten().map(IndexChange::Epoch));
}

/// A run that only changed its phase keeps its capacity and its lease.
fn run_changes(old: Option<&Job>, new: Option<&Job>, changes: &mut Vec<IndexChange>) {
    let holding =
        |job: &Job| job.phase.run().map(|run| (run.worker, run.incarnation, run.epoch, job.cost_millicores));
    let Some(moved) = changed(old, new, holding) else {
        return;
    };
    if let Some((worker, _, _, millicores)) = old.and_then(holding) {
        changes.push(IndexChange::RunEnded { worker, millicores });
    }
    if let (Some((.., millicores)), Some(run)) = (moved, new.and_then(|job| job.phase.run())) {
        changes.push(IndexChange::RunBegan { run: run.clone(), millicores });
    }
}

/// The new value of `place`, when it is another one than before.
fn changed<T: PartialEq>(
    old: Option<&Job>,
    new: Option<&Job>,
    place: impl Fn(&Job) -> Option<T>,
) -> Option<Option<T>> {
    let (before, after) = (old.and_then(&place), new.and_then(&place));
    (before != after).then_some(after)
}

fn queued_since(job: &Job) -> Option<Timestamp> {
    match &job.phase {
        Phase::Pending { since, .. } if job.is_queued() => Some(*since),
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
        | Phase::Deleting { .. } => None,
    }
}

/// A newer command waits anew, so the command's number is part of the place.
fn outbox_command(job: &Job) -> Option<u64> {
    job.is_in_outbox().then_some(job.generation)
}

fn chore_since(job: &Job) -> Option<Timestamp> {
    match &job.phase {
        Phase::Finishing { since, .. } | Phase::Deleting { since, .. } => Some(*since),
        Phase::Pending { .. }
        | Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. }
        | Phase::Stopping { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests;

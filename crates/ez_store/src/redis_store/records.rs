//! From what Redis answers to values, and from changes to what the scripts take.

use ez_domain::id::{Epoch, JobId};
use ez_domain::job::{Job, Run};
use ez_domain::units::Timestamp;

use crate::index_changes::IndexChange;
use crate::keys::Keys;
use crate::store::{FIRST_LEASE_MS, StoreError, Stored};

/// A record as scripts answer it: id, version, JSON, figures.
pub(super) type RawRecord = (String, u64, String, String);
/// Records with the store's clock.
pub(super) type RawRecords = (u64, Vec<RawRecord>);

pub(super) fn stored(now: u64, raw: &RawRecord) -> Result<Stored, StoreError> {
    let (id, version, record, figures) = raw;
    let job: Job = serde_json::from_str(record)
        .map_err(|source| StoreError::Damaged { key: format!("{id} in jobs"), source })?;
    let latest = job.phase.run().map_or(job.last_epoch, |run| run.epoch);
    let statistics = split_figures(figures)
        .filter(|(epoch, ..)| *epoch == latest)
        .map(|(_, received, json)| (received, json.to_owned()));
    Ok(Stored { job, version: *version, statistics, now: Timestamp::from_millis(now) })
}

/// All records that can be read. One that cannot is left out with an error in the log: it must not keep
/// the others from being served.
pub(super) fn readable((now, raw): &RawRecords) -> Vec<Stored> {
    let mut read = Vec::with_capacity(raw.len());
    for record in raw {
        match stored(*now, record) {
            Ok(stored) => read.push(stored),
            Err(error) => tracing::error!(job = record.0, error = chain(&error), "a job is left out"),
        }
    }
    read
}

/// An id from an index; one that cannot be read is left out with an error in the log.
pub(super) fn job_id(text: &str) -> Option<JobId> {
    let id = text.parse().ok();
    if id.is_none() {
        tracing::error!(text, "an index holds something that is no job id");
    }
    id
}

pub(super) fn json<T: serde::Serialize>(key: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Damaged { key: key.to_owned(), source })
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// `epoch|received ms|JSON`.
fn split_figures(figures: &str) -> Option<(Epoch, Timestamp, &str)> {
    let (epoch, rest) = figures.split_once('|')?;
    let (received, json) = rest.split_once('|')?;
    Some((Epoch::new(epoch.parse().ok()?), Timestamp::from_millis(received.parse().ok()?), json))
}

/// A run as it stands in `runs`.
pub(super) fn run_text(run: &Run) -> String {
    format!("{}|{}|{}", run.worker, run.incarnation, run.epoch)
}

/// The epoch of a run as it stands in `runs`.
pub(super) fn epoch_of_run(text: &str) -> Option<Epoch> {
    text.rsplit('|').next()?.parse().ok().map(Epoch::new)
}

/// The changes as arguments of `apply_changes` in the scripts; sets of workers that they touch are
/// added to `extra_keys`.
pub(super) fn encode(changes: &[IndexChange], keys: &Keys, extra_keys: &mut Vec<String>) -> Vec<String> {
    let mut arguments = Vec::new();
    for change in changes {
        let (name, values) = parts(change, keys, extra_keys);
        arguments.push(name.to_owned());
        arguments.push(values.len().to_string());
        arguments.extend(values);
    }
    arguments
}

fn parts(change: &IndexChange, keys: &Keys, extra: &mut Vec<String>) -> (&'static str, Vec<String>) {
    let score = |at: &Option<Timestamp>| vec![at.map_or_else(String::new, |at| at.millis().to_string())];
    let mut key_number = |worker| {
        extra.push(keys.worker_jobs(worker));
        extra.len().to_string()
    };
    match change {
        IndexChange::Listed(at) => ("listed", score(at)),
        IndexChange::Queued(at) => ("queued", score(at)),
        IndexChange::Timer(at) => ("timer", score(at)),
        IndexChange::Chore(at) => ("chore", score(at)),
        IndexChange::Outbox(waits) => ("outbox", vec![if *waits { "1".to_owned() } else { String::new() }]),
        IndexChange::Epoch(epoch) => ("epoch", vec![epoch.to_string()]),
        IndexChange::StreamKeyAdded(index) => ("stream_key_added", vec![index.clone()]),
        IndexChange::StreamKeyRemoved(index) => ("stream_key_removed", vec![index.clone()]),
        IndexChange::RunEnded { worker, millicores } => {
            ("run_ended", vec![key_number(*worker), worker.to_string(), millicores.to_string()])
        }
        IndexChange::RunBegan { run, millicores } => (
            "run_began",
            vec![
                key_number(run.worker),
                run.worker.to_string(),
                millicores.to_string(),
                run_text(run),
                FIRST_LEASE_MS.to_string(),
            ],
        ),
    }
}

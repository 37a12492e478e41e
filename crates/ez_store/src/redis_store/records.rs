//! From what Redis answers to values, and from changes to what the scripts take.

use ez_domain::id::{Epoch, JobId};
use ez_domain::job::{Job, Run};
use ez_domain::units::Timestamp;

use crate::index_changes::IndexChange;
use crate::keys::Keys;
use crate::store::{FIRST_LEASE_MS, StoreError, Stored, Totals};

/// A record as scripts answer it: id, version, JSON, figures.
pub(super) type RawRecord = (String, u64, String, String);
/// Records with the store's clock.
pub(super) type RawRecords = (u64, Vec<RawRecord>);

pub(super) fn stored(now: u64, raw: &RawRecord) -> Result<Stored, StoreError> {
    let (id, version, record, figures) = raw;
    let job: Job = serde_json::from_str(record)
        .map_err(|source| StoreError::Damaged { key: format!("{id} in jobs"), source })?;
    let latest = job.phase.run().map_or(job.last_epoch, |run| run.epoch);
    let figures = split_figures(figures);
    let totals = figures.as_ref().map(|figures| figures.totals).unwrap_or_default();
    let statistics = figures
        .filter(|figures| figures.epoch == latest)
        .map(|figures| (figures.received, figures.json.to_owned()));
    Ok(Stored { job, version: *version, statistics, totals, now: Timestamp::from_millis(now) })
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

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What `job_stats` holds of a job.
struct Figures<'text> {
    epoch: Epoch,
    received: Timestamp,
    totals: Totals,
    json: &'text str,
}

/// `epoch|received ms|totals before the last transcoder|totals of it|JSON`.
fn split_figures(text: &str) -> Option<Figures<'_>> {
    let mut parts = text.splitn(5, '|');
    let epoch = Epoch::new(parts.next()?.parse().ok()?);
    let received = Timestamp::from_millis(parts.next()?.parse().ok()?);
    let (before, last) = (totals(parts.next()?)?, totals(parts.next()?)?);
    let totals = Totals {
        bytes_ingested: before.bytes_ingested.saturating_add(last.bytes_ingested),
        up_seconds: before.up_seconds.saturating_add(last.up_seconds),
        active_seconds: before.active_seconds.saturating_add(last.active_seconds),
    };
    Some(Figures { epoch, received, totals, json: parts.next()? })
}

/// `bytes,seconds up,seconds active`.
fn totals(text: &str) -> Option<Totals> {
    let mut counts = text.splitn(3, ',').map(|count| count.parse().ok());
    Some(Totals {
        bytes_ingested: counts.next()??,
        up_seconds: counts.next()??,
        active_seconds: counts.next()??,
    })
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

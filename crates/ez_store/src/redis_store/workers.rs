//! Operations on workers.

use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::placement::Standing;
use ez_domain::units::Timestamp;

use super::RedisStore;
use super::records::{self, RawRecord};
use crate::store::{BeatReply, LEASE_GRACE_MS, StoreError, Stored, Totals, WorkerRecord};

/// A job that a worker holds as the script answers it: id, epoch of the run, version, record (empty for a known one),
/// digest of the record.
type RawHeld = (String, u64, u64, String, String);
/// A worker as the script answers it: id, record, state, load, last beat, runs.
type RawWorker = (String, String, String, u32, u64, Vec<String>);

impl RedisStore {
    pub(super) async fn put_worker(&self, worker: &WorkerRecord) -> Result<(), StoreError> {
        let record = records::json(&format!("{} in workers", worker.id), worker)?;
        let arguments = [
            worker.id.to_string(),
            worker.incarnation.to_string(),
            record,
            worker.max_runs.to_string(),
            digit(worker.standing),
            worker.used_millicores.to_string(),
        ];
        let _done: bool =
            self.run("register a worker", &self.inner.scripts.register_worker, &[], &arguments).await?;
        Ok(())
    }

    /// A record that cannot be read is told apart: the worker must not end that run, nor any other of its runs,
    /// because we cannot read what it is.
    pub(super) async fn take_beat(
        &self,
        worker: WorkerId,
        incarnation: Incarnation,
        standing: Standing,
        used_millicores: u32,
        runs: &[(JobId, Epoch)],
        lease_ms: u64,
    ) -> Result<BeatReply, StoreError> {
        let mut arguments = vec![
            worker.to_string(),
            incarnation.to_string(),
            digit(standing),
            used_millicores.to_string(),
            lease_ms.saturating_add(LEASE_GRACE_MS).to_string(),
        ];
        for (job, epoch) in runs {
            arguments.extend([job.to_string(), epoch.to_string(), self.inner.known.digest(*job)]);
        }
        let extra = [self.inner.keys.worker_jobs(worker)];
        let (known, now, raw): (bool, u64, Vec<RawHeld>) =
            self.run("take a heartbeat", &self.inner.scripts.beat, &extra, &arguments).await?;
        let (mut jobs, mut unreadable) = (Vec::with_capacity(raw.len()), Vec::new());
        for (id, epoch, version, record, digest) in raw {
            let Some(job) = records::job_id(&id) else { continue };
            match self.held(now, (id, version, record, String::new()), &digest).await {
                Ok(held) => jobs.extend(held),
                Err(error @ StoreError::Damaged { .. }) => {
                    let error = records::chain(&error);
                    tracing::error!(%job, epoch, error, "the record of a run cannot be read: the run is left alone");
                    unreadable.push((job, Epoch::new(epoch)));
                }
                Err(error) => return Err(error),
            }
        }
        for (told, _) in runs {
            if !jobs.iter().any(|stored| stored.job.id == *told) {
                self.inner.known.forget(*told);
            }
        }
        Ok(BeatReply { known, jobs, unreadable })
    }

    /// A job that a worker holds: the known record, or the one that came in its place.
    async fn held(&self, now: u64, raw: RawRecord, digest: &str) -> Result<Option<Stored>, StoreError> {
        let (id, version, record, _) = &raw;
        if !record.is_empty() {
            let stored = records::stored(now, &raw)?;
            self.inner.known.keep(digest, &stored.job);
            return Ok(Some(stored));
        }
        let Some(id) = records::job_id(id) else { return Ok(None) };
        match self.inner.known.job(id, digest) {
            Some(job) => {
                let now = Timestamp::from_millis(now);
                Ok(Some(Stored { job, version: *version, statistics: None, totals: Totals::default(), now }))
            }
            // Forgotten while the question was under way.
            None => self.load_job(id).await,
        }
    }

    pub(super) async fn all_workers(&self) -> Result<Vec<WorkerRecord>, StoreError> {
        let prefix = [self.inner.keys.worker_jobs_prefix()];
        let raw: Vec<RawWorker> =
            self.run("read the workers", &self.inner.scripts.workers, &[], &prefix).await?;
        let mut workers = Vec::with_capacity(raw.len());
        for worker in &raw {
            match read_worker(worker) {
                Ok(worker) => workers.push(worker),
                Err(error) => tracing::error!(worker = worker.0, error = %error, "a worker is left out"),
            }
        }
        workers.sort_by_key(|worker| worker.id);
        Ok(workers)
    }

    pub(super) async fn drop_worker(&self, worker: WorkerId) -> Result<(), StoreError> {
        let arguments = [worker.to_string()];
        let _done: bool =
            self.run("forget a worker", &self.inner.scripts.forget_worker, &[], &arguments).await?;
        Ok(())
    }
}

/// The record as it was written, with what the store knows better.
fn read_worker((id, record, state, load, beat, runs): &RawWorker) -> Result<WorkerRecord, StoreError> {
    let mut worker: WorkerRecord = serde_json::from_str(record)
        .map_err(|source| StoreError::Damaged { key: format!("{id} in workers"), source })?;
    let mut fields = state.split('|').skip(1);
    let registered = fields.next().and_then(|text| text.parse().ok());
    worker.registered_at = Timestamp::from_millis(registered.unwrap_or(0));
    // Skipped: the number of runs stands in the record, too.
    worker.standing = match fields.nth(1) {
        Some("0") => Standing::Open,
        Some("2") => Standing::DiskFull,
        _ => Standing::Draining,
    };
    worker.used_millicores = fields.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    worker.last_beat_at = Timestamp::from_millis(*beat);
    worker.load_millicores = *load;
    worker.runs = runs.iter().filter_map(|id| records::job_id(id)).collect();
    worker.runs.sort_unstable();
    Ok(worker)
}

/// The scripts place runs on a worker whose digit is 0.
fn digit(standing: Standing) -> String {
    match standing {
        Standing::Open => "0",
        Standing::Draining => "1",
        Standing::DiskFull => "2",
    }
    .to_owned()
}

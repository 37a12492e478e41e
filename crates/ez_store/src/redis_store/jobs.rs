//! Operations on jobs.

use std::collections::BTreeSet;

use ez_domain::id::JobId;
use ez_domain::job::{Job, PhaseName};
use ez_domain::units::Timestamp;

use super::RedisStore;
use super::records::{self, RawRecord, RawRecords};
use crate::cursor::Cursor;
use crate::index_changes::index_changes;
use crate::selection::Selection;
use crate::store::{CommitGuard, Page, RunFigures, StoreError, Stored, Totals};

/// More than this is never read in one call, whatever the caller asks for.
const MOST_AT_ONCE: usize = 10_000;

impl RedisStore {
    pub(super) async fn load_job(&self, id: JobId) -> Result<Option<Stored>, StoreError> {
        let (now, raw): RawRecords =
            self.run("read a job", &self.inner.scripts.load, &[], &[id.to_string()]).await?;
        raw.first().map(|record| records::stored(now, record)).transpose()
    }

    pub(super) async fn select_jobs(
        &self,
        selection: &Selection,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let (created_at, id) = match cursor.map(str::parse::<Cursor>) {
            None => (String::new(), String::new()),
            Some(Ok(after)) => (after.created_at.millis().to_string(), after.id.to_string()),
            // An end, rather than the first page again and again.
            Some(Err(_)) => return Ok(Page { jobs: Vec::new(), next: None }),
        };
        let phases = selection.phases.as_ref().map_or_else(String::new, phase_list);
        let extra: Vec<_> =
            selection.worker.iter().map(|worker| self.inner.keys.worker_jobs(*worker)).collect();
        let is_of_worker = if extra.is_empty() { "0" } else { "1" };
        let arguments = [
            bounded(limit.max(1)),
            created_at,
            id,
            MOST_AT_ONCE.to_string(),
            phases,
            is_of_worker.to_owned(),
        ];
        let (now, raw, created_at, id): (u64, Vec<RawRecord>, String, String) =
            self.run("list the jobs", &self.inner.scripts.list, &extra, &arguments).await?;
        let next = match (created_at.parse(), id.parse()) {
            (Ok(millis), Ok(id)) => {
                Some(Cursor { created_at: Timestamp::from_millis(millis), id }.to_string())
            }
            _ => None,
        };
        let mut jobs = records::readable(&(now, raw));
        jobs.retain(|stored| selection.fits(&stored.job));
        Ok(Page { jobs, next })
    }

    pub(super) async fn commit_job(
        &self,
        old: &Job,
        version: u64,
        new: &Job,
        guard: CommitGuard,
    ) -> Result<bool, StoreError> {
        let mut extra = Vec::new();
        let guard = match guard {
            CommitGuard::Version => ["version".to_owned(), String::new(), String::new(), String::new()],
            CommitGuard::LeaseStillLapsed => {
                ["lease_still_lapsed".to_owned(), String::new(), String::new(), String::new()]
            }
            CommitGuard::WorkerHasRoom { worker, incarnation, load_limit } => {
                extra.push(self.inner.keys.worker_jobs(worker));
                let limit = load_limit.map_or_else(String::new, |limit| limit.to_string());
                ["worker_has_room".to_owned(), worker.to_string(), incarnation.to_string(), limit]
            }
        };
        let changes = records::encode(&index_changes(Some(old), Some(new)), &self.inner.keys, &mut extra);
        let mut arguments = vec![new.id.to_string(), version.to_string(), record_of(new)?, phase_of(new)];
        arguments.extend(guard);
        arguments.extend(changes);
        self.run("change a job", &self.inner.scripts.commit, &extra, &arguments).await
    }

    pub(super) async fn remove_job(&self, job: &Job, version: u64) -> Result<bool, StoreError> {
        let mut extra = Vec::new();
        let changes = records::encode(&index_changes(Some(job), None), &self.inner.keys, &mut extra);
        let mut arguments = vec![job.id.to_string(), version.to_string(), job.last_epoch.to_string()];
        arguments.extend(changes);
        self.run("remove a job", &self.inner.scripts.remove, &extra, &arguments).await
    }

    pub(super) async fn queued_jobs(&self, skip: usize, limit: usize) -> Result<Vec<Stored>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let arguments = [skip.to_string(), bounded(limit)];
        let raw: RawRecords =
            self.run("read the queued jobs", &self.inner.scripts.queued, &[], &arguments).await?;
        Ok(records::readable(&raw))
    }

    /// Members of a time-ordered index whose time passed at least `age_ms` ago, with their runs.
    pub(super) async fn ripe(
        &self,
        context: &'static str,
        index: &str,
        age_ms: u64,
        limit: usize,
    ) -> Result<Vec<(JobId, String)>, StoreError> {
        let arguments = [index.to_owned(), age_ms.to_string(), bounded(limit)];
        let ripe: Vec<(String, String)> =
            self.run(context, &self.inner.scripts.ripe, &[], &arguments).await?;
        Ok(ripe.into_iter().filter_map(|(id, run)| Some((records::job_id(&id)?, run))).collect())
    }

    pub(super) async fn waiting_chores(&self, limit: usize) -> Result<Vec<JobId>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let last = limit.min(MOST_AT_ONCE) - 1;
        let key = &self.inner.keys.named("chores");
        let ids: Vec<String> = self
            .inner
            .connection
            .query("read the chores", |mut manager| async move {
                redis::cmd("ZRANGE").arg(key).arg(0).arg(last).query_async(&mut manager).await
            })
            .await?;
        Ok(ids.iter().filter_map(|id| records::job_id(id)).collect())
    }

    pub(super) async fn put_figures(&self, figures: &[RunFigures]) -> Result<(), StoreError> {
        if figures.is_empty() {
            return Ok(());
        }
        let mut arguments = Vec::with_capacity(figures.len() * 6);
        for RunFigures { job, epoch, counted, json } in figures {
            let Totals { bytes_ingested, up_seconds, active_seconds } = counted;
            arguments.extend([job.to_string(), epoch.to_string(), json.clone()]);
            arguments.extend([bytes_ingested, up_seconds, active_seconds].map(u64::to_string));
        }
        let _done: bool =
            self.run("keep figures of runs", &self.inner.scripts.put_statistics, &[], &arguments).await?;
        Ok(())
    }
}

fn bounded(limit: usize) -> String {
    limit.min(MOST_AT_ONCE).to_string()
}

/// `,a,b,`: each name with a comma on both sides; nothing is in no phase.
fn phase_list(phases: &BTreeSet<PhaseName>) -> String {
    let mut list = ",".to_owned();
    for phase in phases {
        list.push_str(phase.as_str());
        list.push(',');
    }
    list
}

pub(super) fn record_of(job: &Job) -> Result<String, StoreError> {
    records::json(&format!("{} in jobs", job.id), job)
}

pub(super) fn phase_of(job: &Job) -> String {
    job.phase.name().as_str().to_owned()
}

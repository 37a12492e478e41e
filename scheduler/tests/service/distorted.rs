//! A store that shows something else than is the case. Everything else is the real store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::job::Job;
use ez_domain::placement::Standing;
use ez_domain::units::Timestamp;
use ez_store::{
    BeatReply, Census, CommitGuard, CreateError, Created, Once, Page, RedisStore, RunFigures, Selection,
    Store, StoreError, Stored, WorkerRecord,
};

pub(crate) struct Distorted {
    store: RedisStore,
    looks_empty: bool,
    clock_ahead_ms: Arc<AtomicU64>,
}

impl Distorted {
    /// Its listing of workers is out of date: every worker looks empty, as it did to a scheduler that read it just
    /// before its rival committed.
    pub(crate) fn looking_empty(store: RedisStore) -> Self {
        Self { store, looks_empty: true, clock_ahead_ms: Arc::default() }
    }

    /// Its clock is ahead of that of the scripts by so much.
    pub(crate) fn with_clock_ahead_by(store: RedisStore, clock_ahead_ms: &Arc<AtomicU64>) -> Self {
        Self { store, looks_empty: false, clock_ahead_ms: Arc::clone(clock_ahead_ms) }
    }
}

#[async_trait]
impl Store for Distorted {
    async fn workers(&self) -> Result<Vec<WorkerRecord>, StoreError> {
        let mut workers = self.store.workers().await?;
        for worker in workers.iter_mut().filter(|_| self.looks_empty) {
            worker.load_millicores = 0;
            worker.runs.clear();
        }
        Ok(workers)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.store.now().await
    }
    async fn pulse(&self) -> Result<Timestamp, StoreError> {
        let ahead = self.clock_ahead_ms.load(Ordering::SeqCst);
        Ok(self.store.pulse().await?.plus_millis(ahead))
    }
    async fn create_once(&self, job: &Job, once: Option<&Once>) -> Result<Created, CreateError> {
        self.store.create_once(job, once).await
    }
    async fn created_with(&self, once: &Once) -> Result<Option<JobId>, CreateError> {
        self.store.created_with(once).await
    }
    async fn load(&self, id: JobId) -> Result<Option<Stored>, StoreError> {
        self.store.load(id).await
    }
    async fn select(
        &self,
        selection: &Selection,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.store.select(selection, cursor, limit).await
    }
    async fn commit(
        &self,
        old: &Job,
        version: u64,
        new: &Job,
        guard: CommitGuard,
    ) -> Result<bool, StoreError> {
        self.store.commit(old, version, new, guard).await
    }
    async fn remove(&self, job: &Job, version: u64) -> Result<bool, StoreError> {
        self.store.remove(job, version).await
    }
    async fn queued(&self, skip: usize, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.store.queued(skip, limit).await
    }
    async fn in_outbox(&self, min_age_ms: u64, limit: usize) -> Result<Vec<JobId>, StoreError> {
        self.store.in_outbox(min_age_ms, limit).await
    }
    async fn due(&self, limit: usize) -> Result<Vec<JobId>, StoreError> {
        self.store.due(limit).await
    }
    async fn lapsed(&self, limit: usize) -> Result<Vec<(JobId, Epoch)>, StoreError> {
        self.store.lapsed(limit).await
    }
    async fn chores(&self, limit: usize) -> Result<Vec<JobId>, StoreError> {
        self.store.chores(limit).await
    }
    async fn register_worker(&self, worker: &WorkerRecord) -> Result<(), StoreError> {
        self.store.register_worker(worker).await
    }
    async fn beat(
        &self,
        worker: WorkerId,
        incarnation: Incarnation,
        standing: Standing,
        used_millicores: u32,
        runs: &[(JobId, Epoch)],
        lease_ms: u64,
    ) -> Result<BeatReply, StoreError> {
        self.store.beat(worker, incarnation, standing, used_millicores, runs, lease_ms).await
    }
    async fn forget_worker(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.store.forget_worker(worker).await
    }
    async fn census(&self) -> Result<Census, StoreError> {
        self.store.census().await
    }
    async fn put_statistics(&self, figures: &[RunFigures]) -> Result<(), StoreError> {
        self.store.put_statistics(figures).await
    }
}

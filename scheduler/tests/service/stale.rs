//! A store whose listing of workers is out of date: every worker looks empty, as it did to a
//! scheduler that read it just before its rival committed. Everything else is the real store.

use async_trait::async_trait;
use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::job::Job;
use ez_domain::placement::Standing;
use ez_domain::units::Timestamp;
use ez_store::{
    BeatReply, Census, CommitGuard, CreateError, Created, Once, Page, RedisStore, RunFigures, Selection,
    Store, StoreError, Stored, WorkerRecord,
};

pub(crate) struct LooksEmpty(pub(crate) RedisStore);

#[async_trait]
impl Store for LooksEmpty {
    async fn workers(&self) -> Result<Vec<WorkerRecord>, StoreError> {
        let mut workers = self.0.workers().await?;
        for worker in &mut workers {
            worker.load_millicores = 0;
            worker.runs.clear();
        }
        Ok(workers)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.0.ping().await
    }
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.0.now().await
    }
    async fn create_once(&self, job: &Job, once: Option<&Once>) -> Result<Created, CreateError> {
        self.0.create_once(job, once).await
    }
    async fn created_with(&self, once: &Once) -> Result<Option<JobId>, CreateError> {
        self.0.created_with(once).await
    }
    async fn load(&self, id: JobId) -> Result<Option<Stored>, StoreError> {
        self.0.load(id).await
    }
    async fn select(
        &self,
        selection: &Selection,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.0.select(selection, cursor, limit).await
    }
    async fn commit(
        &self,
        old: &Job,
        version: u64,
        new: &Job,
        guard: CommitGuard,
    ) -> Result<bool, StoreError> {
        self.0.commit(old, version, new, guard).await
    }
    async fn remove(&self, job: &Job, version: u64) -> Result<bool, StoreError> {
        self.0.remove(job, version).await
    }
    async fn queued(&self, skip: usize, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.0.queued(skip, limit).await
    }
    async fn in_outbox(&self, min_age_ms: u64, limit: usize) -> Result<Vec<JobId>, StoreError> {
        self.0.in_outbox(min_age_ms, limit).await
    }
    async fn due(&self, limit: usize) -> Result<Vec<JobId>, StoreError> {
        self.0.due(limit).await
    }
    async fn lapsed(&self, limit: usize) -> Result<Vec<(JobId, Epoch)>, StoreError> {
        self.0.lapsed(limit).await
    }
    async fn chores(&self, limit: usize) -> Result<Vec<JobId>, StoreError> {
        self.0.chores(limit).await
    }
    async fn register_worker(&self, worker: &WorkerRecord) -> Result<(), StoreError> {
        self.0.register_worker(worker).await
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
        self.0.beat(worker, incarnation, standing, used_millicores, runs, lease_ms).await
    }
    async fn forget_worker(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.0.forget_worker(worker).await
    }
    async fn census(&self) -> Result<Census, StoreError> {
        self.0.census().await
    }
    async fn put_statistics(&self, figures: &[RunFigures]) -> Result<(), StoreError> {
        self.0.put_statistics(figures).await
    }
}

//! The store on Redis.
//!
//! Each operation is one script, so it is atomic and costs one round trip. Files: `connection` (failures
//! in our words), `scripts` (the Lua texts), `records` (what comes back), `creation`, `jobs` and
//! `workers` (the operations), `known` (what a heartbeat need not bring again), `census` (counts), `audit` (do the indexes agree with the records?).

mod audit;
mod census;
mod connection;
mod creation;
mod jobs;
mod known;
mod records;
mod scripts;
mod workers;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::job::Job;
use ez_domain::placement::Standing;
use ez_domain::units::Timestamp;
use ez_redis::Access;

use self::connection::Connection;
use self::known::Known;
use self::scripts::Scripts;
use crate::keys::{Keys, PULSE};
use crate::once::{Created, Once};
use crate::selection::Selection;
use crate::store::{
    BeatReply, Census, CommitGuard, CreateError, Page, RunFigures, Store, StoreError, Stored, WorkerRecord,
};

/// The state of an installation in Redis. Clones share the connection.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Connection,
    keys: Keys,
    scripts: Scripts,
    known: Known,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisStore").field("keys", &self.inner.keys).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Prepares the connection; it is made at the first call, so that a service can start before Redis
    /// does. [`Store::ping`] tells whether Redis answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the address cannot be read.
    pub fn connect(config: &Access) -> Result<Self, StoreError> {
        let connection = Connection::prepare(config)?;
        let inner = Inner {
            connection,
            keys: Keys::new(&config.prefix),
            scripts: Scripts::new(),
            known: Known::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs a script with all fixed keys, `extra` keys behind them, and `arguments`.
    async fn run<T>(
        &self,
        context: &'static str,
        script: &redis::Script,
        extra: &[String],
        arguments: &[String],
    ) -> Result<T, StoreError>
    where
        T: redis::FromRedisValue + Send,
    {
        let mut invocation = script.prepare_invoke();
        for key in self.inner.keys.fixed().iter().chain(extra) {
            invocation.key(key);
        }
        for argument in arguments {
            invocation.arg(argument);
        }
        let invocation = &invocation;
        self.inner
            .connection
            .query(context, |mut manager| async move { invocation.invoke_async(&mut manager).await })
            .await
    }
}

/// The answer to `TIME`: seconds and microseconds.
fn read_time((seconds, micros): (u64, u64)) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000))
}

#[async_trait]
impl Store for RedisStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let pong = |mut manager| async move { redis::cmd("PING").query_async(&mut manager).await };
        self.inner.connection.query("ping", pong).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        let time = |mut manager| async move { redis::cmd("TIME").query_async(&mut manager).await };
        let time = self.inner.connection.query("read the clock", time).await?;
        Ok(read_time(time))
    }

    async fn pulse(&self) -> Result<Timestamp, StoreError> {
        let mut commands = redis::pipe();
        commands.atomic().set(self.inner.keys.named(PULSE.name), 1).ignore().cmd("TIME");
        let commands = &commands;
        let write = |mut manager| async move { commands.query_async(&mut manager).await };
        let (time,) = self.inner.connection.query("write a pulse", write).await?;
        Ok(read_time(time))
    }

    async fn create_once(&self, job: &Job, once: Option<&Once>) -> Result<Created, CreateError> {
        self.create_job(job, once).await
    }

    async fn created_with(&self, once: &Once) -> Result<Option<JobId>, CreateError> {
        self.made_with(once).await
    }

    async fn load(&self, id: JobId) -> Result<Option<Stored>, StoreError> {
        self.load_job(id).await
    }

    async fn select(
        &self,
        selection: &Selection,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.select_jobs(selection, cursor, limit).await
    }

    async fn commit(
        &self,
        old: &Job,
        version: u64,
        new: &Job,
        guard: CommitGuard,
    ) -> Result<bool, StoreError> {
        self.commit_job(old, version, new, guard).await
    }

    async fn remove(&self, job: &Job, version: u64) -> Result<bool, StoreError> {
        self.remove_job(job, version).await
    }

    async fn queued(&self, skip: usize, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.queued_jobs(skip, limit).await
    }

    async fn in_outbox(&self, min_age_ms: u64, limit: usize) -> Result<Vec<JobId>, StoreError> {
        let ripe = self.ripe("read the outbox", "outbox", min_age_ms, limit).await?;
        Ok(ripe.into_iter().map(|(id, _)| id).collect())
    }

    async fn due(&self, limit: usize) -> Result<Vec<JobId>, StoreError> {
        let ripe = self.ripe("read the timers", "timers", 0, limit).await?;
        Ok(ripe.into_iter().map(|(id, _)| id).collect())
    }

    async fn lapsed(&self, limit: usize) -> Result<Vec<(JobId, Epoch)>, StoreError> {
        let ripe = self.ripe("read the leases", "leases", 0, limit).await?;
        Ok(ripe.into_iter().filter_map(|(id, run)| Some((id, records::epoch_of_run(&run)?))).collect())
    }

    async fn chores(&self, limit: usize) -> Result<Vec<JobId>, StoreError> {
        self.waiting_chores(limit).await
    }

    async fn register_worker(&self, worker: &WorkerRecord) -> Result<(), StoreError> {
        self.put_worker(worker).await
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
        self.take_beat(worker, incarnation, standing, used_millicores, runs, lease_ms).await
    }

    async fn workers(&self) -> Result<Vec<WorkerRecord>, StoreError> {
        self.all_workers().await
    }

    async fn forget_worker(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.drop_worker(worker).await
    }

    async fn census(&self) -> Result<Census, StoreError> {
        self.count().await
    }

    async fn put_statistics(&self, figures: &[RunFigures]) -> Result<(), StoreError> {
        self.put_figures(figures).await
    }
}

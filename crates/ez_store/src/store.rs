//! What the services ask of a store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::job::Job;
use ez_domain::lifecycle::ASSIGN_TIMEOUT_MS;
use ez_domain::placement::Standing;
use ez_domain::units::Timestamp;
use serde::{Deserialize, Serialize};

use crate::once::{Created, Once};
use crate::selection::Selection;

/// Time after a worker's last answered heartbeat for which its leases hold.
pub const LEASE_MS: u64 = 6_000;
/// What the store adds to a lease before it counts as lapsed, so that a worker always stops first.
pub const LEASE_GRACE_MS: u64 = 1_000;
/// The lease of a run that its worker has not named yet: it is given up by the deadline of its phase,
/// so the lease only has to outlast that.
pub const FIRST_LEASE_MS: u64 = ASSIGN_TIMEOUT_MS + LEASE_GRACE_MS;

/// A record as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The job.
    pub job: Job,
    /// Raised by each commit; a commit names the version it replaces.
    pub version: u64,
    /// The latest figures of the present run, or of the last one when there is none, as JSON text
    /// (`ez_api::job::Statistics`) with the time they came in; kept beside the record because they
    /// change every second.
    pub statistics: Option<(Timestamp, String)>,
    /// What all its runs counted.
    pub totals: Totals,
    /// The store's clock when it was read.
    pub now: Timestamp,
}

/// What transcoders count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes received from publishers.
    pub bytes_ingested: u64,
    /// Seconds on a worker.
    pub up_seconds: u64,
    /// Of these, seconds with a publisher.
    pub active_seconds: u64,
}

/// A page of a listing, newest job first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The jobs.
    pub jobs: Vec<Stored>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// A worker as it registered, and what is known of it since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerRecord {
    /// Which worker.
    pub id: WorkerId,
    /// Its present life.
    pub incarnation: Incarnation,
    /// Base URL for pokes.
    pub control_url: String,
    /// Host under which publishers reach it.
    pub public_host: String,
    /// What it can carry, in thousandths of a core.
    pub capacity_millicores: u32,
    /// Runs for which it has ingest ports.
    pub max_runs: u32,
    /// When it registered.
    pub registered_at: Timestamp,
    /// When it was last heard of; kept by the store, not by the writer.
    pub last_beat_at: Timestamp,
    /// Whether it takes new runs, and if not, why.
    #[serde(default)]
    pub standing: Standing,
    /// Sum of the estimates of the runs it holds; kept by the store.
    pub load_millicores: u32,
    /// Measured use of its cores, in thousandths of a core.
    pub used_millicores: u32,
    /// Runs it holds; kept by the store.
    pub runs: Vec<JobId>,
}

/// A condition that the store checks in the same script as the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitGuard {
    /// None beyond the version.
    Version,
    /// The job's lease has still lapsed by the store's clock.
    LeaseStillLapsed,
    /// The worker is registered with this life, takes runs, and has room: its load is at most
    /// `load_limit`, or it holds no run (the only way when `load_limit` is `None`).
    WorkerHasRoom {
        /// Which worker.
        worker: WorkerId,
        /// The life that the plan was made for.
        incarnation: Incarnation,
        /// Load above which the commit is refused.
        load_limit: Option<u32>,
    },
}

/// The latest figures of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFigures {
    /// Of which job.
    pub job: JobId,
    /// Which run; dropped silently when it is not the present one.
    pub epoch: Epoch,
    /// What the run's transcoder counted since its start: counts that begin again are another
    /// transcoder's, and add to those before.
    pub counted: Totals,
    /// All of them as JSON text (`ez_api::job::Statistics`).
    pub json: String,
}

/// What a heartbeat brought back.
#[derive(Debug, Clone, PartialEq)]
pub struct BeatReply {
    /// Whether this worker and life are registered.
    pub known: bool,
    /// The present records of all jobs whose run belongs to this life of this worker, without figures.
    pub jobs: Vec<Stored>,
    /// Runs of this life of this worker whose jobs' records cannot be read: another version wrote them, or they are
    /// damaged.
    pub unreadable: Vec<(JobId, Epoch)>,
}

/// How many jobs there are and what they wait for, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// The store's clock.
    pub now: Timestamp,
    /// Jobs by the name of their phase. A record that an earlier version wrote is missing here until it
    /// changes.
    pub phases: BTreeMap<String, u64>,
    /// All jobs that have a record.
    pub jobs: u64,
    /// Jobs that wait for a worker.
    pub queued: u64,
    /// Since when the first of them does.
    pub oldest_queued: Option<Timestamp>,
    /// Jobs with a command that no scheduler has taken up.
    pub in_outbox: u64,
    /// Since when the first of them has.
    pub oldest_command: Option<Timestamp>,
    /// Jobs whose bucket waits for a chore.
    pub chores: u64,
    /// Runs that hold capacity on a worker.
    pub runs: u64,
    /// Of them, those whose lease has lapsed.
    pub lapsed: u64,
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis cannot be reached, does not answer in time, or answers with an error.
    #[error("the state store does not answer: {context}")]
    Unavailable {
        /// What was being done.
        context: &'static str,
        /// The cause.
        #[source]
        source: redis::RedisError,
    },
    /// The store did not answer in time.
    #[error("the state store did not answer within {limit_ms} ms: {context}")]
    Timeout {
        /// What was being done.
        context: &'static str,
        /// The limit.
        limit_ms: u64,
    },
    /// A record cannot be read.
    #[error("the record {key} cannot be read: it was written by another version, or damaged")]
    Damaged {
        /// Which record.
        key: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// Too many others changed the record at the same time.
    #[error("the job {0} is being changed by too many at once; try again")]
    Contended(JobId),
}

/// Why a job could not be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The id or the stream key is in use.
    #[error("a job with this id or stream key exists already")]
    Exists,
    /// The key was used for a request with another body.
    #[error("the key was used for another request")]
    OtherBody,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The state of an installation.
#[async_trait]
pub trait Store: Send + Sync {
    /// Whether the store answers; for readiness.
    async fn ping(&self) -> Result<(), StoreError>;

    /// The store's clock.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// Writes something that means nothing, and answers the store's clock: a store can answer every question and
    /// take no write (a full disk, a lost replica, a memory limit).
    async fn pulse(&self) -> Result<Timestamp, StoreError>;

    /// Writes a new job with its indexes. Repeating it with the equal record succeeds.
    async fn create(&self, job: &Job) -> Result<(), CreateError> {
        self.create_once(job, None).await.map(drop)
    }

    /// As [`Store::create`], but nothing is written when a job was made with the same key within the
    /// last 24 hours. The key is remembered in the same step that makes the job.
    async fn create_once(&self, job: &Job, once: Option<&Once>) -> Result<Created, CreateError>;

    /// The job that was made with this key and body within the last 24 hours; it may be gone.
    async fn created_with(&self, once: &Once) -> Result<Option<JobId>, CreateError>;

    /// Reads a job.
    async fn load(&self, id: JobId) -> Result<Option<Stored>, StoreError>;

    /// Lists all jobs, as [`Store::select`] does.
    async fn list(&self, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.select(&Selection::default(), cursor, limit).await
    }

    /// Lists the jobs that fit, newest first, from `cursor` on (`None`: the newest). A text that is no
    /// [`Cursor`](crate::cursor::Cursor) answers an empty last page. A page may be short, and even empty,
    /// though there is a next one: one call looks at a bounded number of jobs.
    async fn select(
        &self,
        selection: &Selection,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError>;

    /// Replaces `old` (read at `version`) by `new` and moves the indexes: queue, lease, timers,
    /// outbox, chores, the worker's load and runs. `Ok(false)` when the version or the guard does
    /// not hold; the caller reads again. A new run's lease begins here.
    async fn commit(
        &self,
        old: &Job,
        version: u64,
        new: &Job,
        guard: CommitGuard,
    ) -> Result<bool, StoreError>;

    /// Drops the record of a deleted job and keeps its epoch. `Ok(false)` when the version changed.
    async fn remove(&self, job: &Job, version: u64) -> Result<bool, StoreError>;

    /// Jobs that wait for a worker, oldest first, without the first `skip`. One that cannot be read is left out.
    async fn queued(&self, skip: usize, limit: usize) -> Result<Vec<Stored>, StoreError>;

    /// Jobs whose newest command has been in the outbox for at least `min_age_ms`.
    async fn in_outbox(&self, min_age_ms: u64, limit: usize) -> Result<Vec<JobId>, StoreError>;

    /// Jobs with a deadline that has passed.
    async fn due(&self, limit: usize) -> Result<Vec<JobId>, StoreError>;

    /// Jobs and epochs whose lease has lapsed.
    async fn lapsed(&self, limit: usize) -> Result<Vec<(JobId, Epoch)>, StoreError>;

    /// Jobs whose bucket waits for a chore: playlists to end, or media to remove.
    async fn chores(&self, limit: usize) -> Result<Vec<JobId>, StoreError>;

    /// Registers a worker, or its new life. Runs of an older life keep their leases and lapse.
    /// `load`, `runs` and the times of the record are the store's own and ignored.
    async fn register_worker(&self, worker: &WorkerRecord) -> Result<(), StoreError>;

    /// Marks the worker as alive, renews the leases of the runs it names that are really its own
    /// (same worker, life and epoch) by `lease_ms` plus grace, and answers what it must hold. Runs of an
    /// older life are not in the answer: their processes are gone, and their leases lapse.
    async fn beat(
        &self,
        worker: WorkerId,
        incarnation: Incarnation,
        standing: Standing,
        used_millicores: u32,
        runs: &[(JobId, Epoch)],
        lease_ms: u64,
    ) -> Result<BeatReply, StoreError>;

    /// All registered workers.
    async fn workers(&self) -> Result<Vec<WorkerRecord>, StoreError>;

    /// Forgets a worker that said good-bye or has not been heard of for long.
    async fn forget_worker(&self, worker: WorkerId) -> Result<(), StoreError>;

    /// Counts the jobs; one call, whose cost grows with the number of jobs but not with their records.
    async fn census(&self) -> Result<Census, StoreError>;

    /// Keeps the latest figures of runs, those of one heartbeat at once.
    async fn put_statistics(&self, figures: &[RunFigures]) -> Result<(), StoreError>;
}

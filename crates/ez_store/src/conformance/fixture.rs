//! Jobs, workers and short ways of the suite.

use std::time::Duration;

use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::job::{Credentials, Job, Phase};
use ez_domain::lifecycle::{Event, Outcome, step};
use ez_domain::placement::Standing;
use ez_domain::spec::{BucketName, Delivery, JobSpec};
use ez_domain::units::Timestamp;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::store::{CommitGuard, RunFigures, Store, Stored, Totals, WorkerRecord};

/// A worker's identity.
pub const WORKER: WorkerId = WorkerId::from_uuid(Uuid::from_u128(0x77));
/// Its life.
pub const LIFE: Incarnation = Incarnation::from_uuid(Uuid::from_u128(0x11FE));
/// What each job of the suite costs.
pub(super) const COST: u32 = 500;

/// Figures of a run whose transcoder has counted nothing yet.
pub fn figures(job: JobId, epoch: Epoch, json: &str) -> RunFigures {
    RunFigures { job, epoch, counted: Totals::default(), json: json.to_owned() }
}

/// A job that nobody has taken up yet; different numbers are different jobs.
pub fn new_job(number: u128, created_at: Timestamp) -> Job {
    let spec = JobSpec {
        delivery: Delivery::HlsAndDash,
        segment_seconds: 4,
        gop_seconds: 2,
        low_latency: false,
        window_seconds: 60,
        reconnect_seconds: 60,
        protection: None,
        bucket: BucketName::new("bucket").expect("a bucket name"),
        video: Vec::new(),
        audio: Vec::new(),
    };
    let credentials = Credentials {
        sealed_stream_key: format!("sealed {number}"),
        stream_key_index: format!("index {number}"),
    };
    Job::new(job_id(number), spec, Vec::new(), COST, credentials, created_at)
}

pub(super) const fn job_id(number: u128) -> JobId {
    JobId::from_uuid(Uuid::from_u128(number))
}

/// A worker as it registers.
pub fn worker(id: WorkerId, incarnation: Incarnation) -> WorkerRecord {
    WorkerRecord {
        id,
        incarnation,
        control_url: "http://127.0.0.1:2080".to_owned(),
        public_host: "worker.example".to_owned(),
        capacity_millicores: 4_000,
        max_runs: 16,
        registered_at: Timestamp::from_millis(0),
        last_beat_at: Timestamp::from_millis(0),
        standing: Standing::Open,
        load_millicores: 0,
        used_millicores: 0,
        runs: Vec::new(),
    }
}

/// Looks again and again until `look` answers something, at most ten seconds.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

pub(super) async fn created(store: &dyn Store, number: u128) -> Stored {
    let now = store.now().await.expect("the clock");
    let job = new_job(number, now);
    store.create(&job).await.expect("create");
    loaded(store, job.id).await
}

pub(super) async fn loaded(store: &dyn Store, id: JobId) -> Stored {
    store.load(id).await.expect("load").expect("a job that was created")
}

/// Changes a record by hand.
pub(super) async fn changed(store: &dyn Store, id: JobId, change: impl Fn(&mut Job)) -> Stored {
    let before = loaded(store, id).await;
    let mut next = before.job.clone();
    change(&mut next);
    assert!(store.commit(&before.job, before.version, &next, CommitGuard::Version).await.expect("commit"));
    loaded(store, id).await
}

/// A job that a scheduler has taken up.
pub(super) async fn queued(store: &dyn Store, number: u128) -> Stored {
    let job = created(store, number).await.job;
    changed(store, job.id, |job| job.admitted = job.generation).await
}

/// Where `Placed` brings a job.
pub(super) fn placed(stored: &Stored, worker: WorkerId, incarnation: Incarnation) -> Job {
    match step(&stored.job, &Event::Placed { worker, incarnation }, stored.now) {
        Outcome::Moved(next, _) => *next,
        other => panic!("a queued job takes a placement: {other:?}"),
    }
}

/// A job whose run is on a worker.
pub(super) async fn running(
    store: &dyn Store,
    number: u128,
    worker: WorkerId,
    incarnation: Incarnation,
) -> (Stored, Epoch) {
    let before = queued(store, number).await;
    let next = placed(&before, worker, incarnation);
    assert!(store.commit(&before.job, before.version, &next, CommitGuard::Version).await.expect("commit"));
    let after = loaded(store, before.job.id).await;
    let epoch = after.job.phase.run().expect("a run").epoch;
    (after, epoch)
}

/// A job whose run is over.
pub(super) async fn ended(store: &dyn Store, id: JobId) -> Stored {
    changed(store, id, |job| job.phase = Phase::Stopped { since: job.created_at }).await
}

pub(super) async fn registered(store: &dyn Store) {
    store.register_worker(&worker(WORKER, LIFE)).await.expect("register");
}

pub(super) async fn the_worker(store: &dyn Store) -> WorkerRecord {
    let workers = store.workers().await.expect("workers");
    workers.into_iter().find(|worker| worker.id == WORKER).expect("a registered worker")
}

//! An installation for one test: Redis, buckets, a master key, and schedulers on port 0.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ez_domain::id::JobId;
use ez_domain::job::{Credentials, Job};
use ez_domain::lifecycle::Event;
use ez_domain::placement::Policy;
use ez_domain::secret::Secret;
use ez_domain::spec::{BucketName, Delivery, JobSpec};
use ez_objects::ObjectStore;
use ez_objects::dice::Dice;
use ez_objects::memory::MemoryStore;
use ez_objects::unreliable::{Faults, Unreliable};
use ez_queue::{Command, CommandQueue as _, RedisStreamQueue};
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_store::{Applied, CommitGuard, MasterKey, RedisStore, Store as _, Stored, apply};
use ez_testkit::redis::RedisServer;
use ez_testkit::wait::eventually;
use scheduler::buckets::Buckets;
use scheduler::key_source::NoKeyServer;
use scheduler::{App, Timing};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longest wait for anything that should happen at once; generous, because the machine is shared.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// What workers present.
pub(crate) const TOKEN: &str = "token-of-the-test";

/// Limit of a call of the services; not below that of a real one, as a shared machine stands still for a moment.
const ASKED_MS: u64 = 2_000;
/// Limit of a call of the test itself.
const PATIENT_MS: u64 = 20_000;

/// Short bounds, so that tests do not wait; in the proportions of the real ones.
pub(crate) fn quick() -> Timing {
    Timing {
        heartbeat: Duration::from_millis(500),
        lease: Duration::from_millis(1500),
        suspect_after: Duration::from_millis(750),
        forgotten_after: Duration::from_secs(60),
        plan_every: Duration::from_millis(200),
        sweep_every: Duration::from_millis(100),
        outbox_every: Duration::from_millis(100),
        // Beyond any test, unless it is about the outbox.
        outbox_age: Duration::from_secs(3600),
        chores_every: Duration::from_millis(200),
        jobs_a_look: 500,
    }
}

pub(crate) struct Cluster {
    pub(crate) redis: RedisServer,
    /// Apart from the store's, so that one can be away without the other.
    pub(crate) queue_redis: RedisServer,
    pub(crate) store: RedisStore,
    pub(crate) queue: Arc<RedisStreamQueue>,
    pub(crate) buckets: Arc<MemoryBuckets>,
    pub(crate) master_key: Arc<MasterKey>,
    schedulers: TaskGroup,
}

pub(crate) struct Scheduler {
    pub(crate) url: String,
    stop: CancellationToken,
    ended: tokio::sync::oneshot::Receiver<anyhow::Result<()>>,
}

impl Scheduler {
    /// Ends it and answers what `run` answered.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        tokio::time::timeout(SOON, self.ended).await.expect("the scheduler drains in time").unwrap()
    }
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let redis = RedisServer::start().await.unwrap();
        let queue_redis = RedisServer::start().await.unwrap();
        let store =
            ez_store::Config { url: redis.url(), command_timeout_ms: PATIENT_MS, ..Default::default() };
        let queue = ez_queue::redis_stream::Config {
            url: queue_redis.url(),
            visibility_ms: 500,
            command_timeout_ms: ASKED_MS,
            ..Default::default()
        };
        Self {
            store: RedisStore::connect(&store).unwrap(),
            queue: Arc::new(RedisStreamQueue::connect(&queue).unwrap()),
            redis,
            queue_redis,
            buckets: Arc::default(),
            master_key: Arc::new(MasterKey::from_bytes(&[7; 32]).unwrap()),
            schedulers: TaskGroup::new(CancellationToken::new()),
        }
    }

    pub(crate) fn app(&self, timing: Timing) -> App {
        let asked =
            ez_store::Config { url: self.redis.url(), command_timeout_ms: ASKED_MS, ..Default::default() };
        App {
            store: Arc::new(RedisStore::connect(&asked).unwrap()),
            queue: Arc::clone(&self.queue) as _,
            buckets: Arc::clone(&self.buckets) as _,
            keys: Arc::new(NoKeyServer),
            master_key: Arc::clone(&self.master_key),
            service_token: Some(Secret::new(TOKEN.to_owned())),
            policy: Policy::default(),
            timing,
        }
    }

    pub(crate) async fn scheduler(&self, timing: Timing) -> Scheduler {
        self.serve(self.app(timing)).await
    }

    pub(crate) async fn serve(&self, app: App) -> Scheduler {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let (tell, ended) = tokio::sync::oneshot::channel();
        let running = scheduler::run(app, listener, stop.clone());
        self.schedulers.spawn("scheduler", OnFailure::Log, async move {
            drop(tell.send(running.await));
            Ok(())
        });
        Scheduler { url, stop, ended }
    }

    /// A job as the API makes one, not yet announced to anybody.
    pub(crate) async fn create(&self, cost_millicores: u32) -> JobId {
        self.create_of(spec(), cost_millicores).await
    }

    /// Puts another text in the place of a job's record; answers what was there.
    pub(crate) async fn replace_record(&self, job: JobId, text: &str) -> String {
        let mut connection = self.redis.connection().await.unwrap();
        let mut ask = redis::pipe();
        ask.atomic().cmd("HGET").arg("jobs").arg(job.to_string());
        ask.cmd("HSET").arg("jobs").arg(job.to_string()).arg(text).ignore();
        let (before,): (String,) = ask.query_async(&mut connection).await.unwrap();
        before
    }

    pub(crate) async fn create_of(&self, spec: JobSpec, cost_millicores: u32) -> JobId {
        let id = JobId::from_uuid(Uuid::now_v7());
        let sealed_stream_key = self.master_key.seal(&stream_key(id), &format!("stream-key:{id}")).unwrap();
        let credentials =
            Credentials { sealed_stream_key, stream_key_index: self.master_key.index(&stream_key(id)) };
        let now = self.store.now().await.unwrap();
        let job = Job::new(id, spec, Vec::new(), cost_millicores, credentials, now);
        self.store.create(&job).await.unwrap();
        id
    }

    pub(crate) async fn announce(&self, job: JobId) {
        let generation = self.job(job).await.generation;
        self.queue.send(Command { job, generation }).await.unwrap();
    }

    pub(crate) async fn create_and_announce(&self, cost_millicores: u32) -> JobId {
        let id = self.create(cost_millicores).await;
        self.announce(id).await;
        id
    }

    /// Does what the API does at a user's wish.
    pub(crate) async fn wish(&self, job: JobId, event: Event) {
        let applied = apply(&self.store, job, &event, CommitGuard::Version).await.unwrap();
        assert!(matches!(applied, Applied::Moved { .. }), "{applied:?}");
    }

    pub(crate) async fn stored(&self, job: JobId) -> Stored {
        self.store.load(job).await.unwrap().expect("the job is there")
    }

    pub(crate) async fn job(&self, job: JobId) -> Job {
        self.stored(job).await.job
    }

    /// Waits until the record is as it should be.
    pub(crate) async fn until(&self, job: JobId, what: &str, holds: impl Fn(&Job) -> bool) -> Job {
        eventually(SOON, what, || async {
            let job = self.job(job).await;
            if holds(&job) { Ok(job) } else { Err(format!("{:?}", job.phase)) }
        })
        .await
        .unwrap()
    }

    /// The indexes agree with the records.
    pub(crate) async fn audit(&self) {
        assert_eq!(self.store.audit().await.unwrap(), Vec::<String>::new());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.schedulers.shutdown().cancel();
    }
}

/// The stream key of a job.
pub(crate) fn stream_key(job: JobId) -> String {
    format!("key-of-{job}")
}

pub(crate) fn spec() -> JobSpec {
    JobSpec {
        delivery: Delivery::Hls,
        segment_seconds: 2,
        gop_seconds: 1,
        low_latency: false,
        window_seconds: 60,
        reconnect_seconds: 60,
        protection: None,
        bucket: BucketName::new("media-of-the-test").unwrap(),
        video: Vec::new(),
        audio: Vec::new(),
    }
}

/// Buckets in memory that can be made to fail.
#[derive(Default)]
pub(crate) struct MemoryBuckets {
    buckets: Mutex<HashMap<BucketName, Arc<Unreliable<MemoryStore>>>>,
}

impl MemoryBuckets {
    pub(crate) fn bucket(&self, name: &BucketName) -> Arc<Unreliable<MemoryStore>> {
        let new = || Arc::new(Unreliable::new(MemoryStore::new(), Faults::default(), Dice::from_seed(1)));
        Arc::clone(self.buckets.lock().unwrap().entry(name.clone()).or_insert_with(new))
    }
}

#[async_trait]
impl Buckets for MemoryBuckets {
    async fn open(&self, bucket: &BucketName) -> Arc<dyn ObjectStore> {
        self.bucket(bucket)
    }
}

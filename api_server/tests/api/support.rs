//! A running service with a Redis of its own, and short ways to ask it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api_server::{App, Config};
use async_trait::async_trait;
use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::job::Ingest;
use ez_domain::lifecycle::{Event, RunOutcome, RunState};
use ez_queue::{Command, CommandQueue, Delivery, QueueError, RedisStreamQueue};
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_store::{Applied, CommitGuard, RedisStore, Store, WorkerRecord, apply};
use ez_testkit::redis::RedisServer;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
pub(crate) const PROBLEM: &str = "application/problem+json";
/// An identity that no job of a test has.
pub(crate) const NOBODY: &str = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f";

pub(crate) struct Api {
    pub(crate) base: String,
    pub(crate) redis: RedisServer,
    pub(crate) store: RedisStore,
    pub(crate) queue: Arc<FailingQueue>,
    client: reqwest::Client,
    tasks: TaskGroup,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.tasks.shutdown().cancel();
    }
}

/// The real queue until it is told to fail.
pub(crate) struct FailingQueue {
    real: RedisStreamQueue,
    pub(crate) fails: AtomicBool,
}

#[async_trait]
impl CommandQueue for FailingQueue {
    async fn send(&self, command: Command) -> Result<(), QueueError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(QueueError { action: "send a command", detail: "told to fail".to_owned() });
        }
        self.real.send(command).await
    }
    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        self.real.receive(wait).await
    }
    async fn acknowledge(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.real.acknowledge(delivery).await
    }
    async fn park(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        self.real.park(delivery, reason).await
    }
    async fn waiting(&self) -> Result<u64, QueueError> {
        self.real.waiting().await
    }
    async fn parked(&self) -> Result<u64, QueueError> {
        self.real.parked().await
    }
}

pub(crate) fn config(redis: &RedisServer) -> Config {
    let mut config = Config { master_key: MASTER_KEY.to_owned(), ..Config::default() };
    config.redis.url = redis.url();
    config.playback.endpoint = "http://127.0.0.1:9000".to_owned();
    config.console.bucket = "ezlive".to_owned();
    config
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let redis = RedisServer::start().await.unwrap();
        let mut config = config(&redis);
        change(&mut config);
        let store = RedisStore::connect(&config.redis.access()).unwrap();
        let real = RedisStreamQueue::connect(&config.queue.redis_stream(&config.redis)).unwrap();
        let queue = Arc::new(FailingQueue { real, fails: AtomicBool::new(false) });
        let app = App::new(&config, Arc::new(store.clone()), Arc::clone(&queue) as _).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let tasks = TaskGroup::new(CancellationToken::new());
        let shutdown = tasks.shutdown().clone();
        tasks.spawn("api_server", OnFailure::Log, api_server::run(app, listener, shutdown));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { base, redis, store, queue, client, tasks }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn send(&self, method: &str, path: &str) -> Answer {
        Answer::of(self.request(method, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request("POST", "/jobs").header("content-type", "application/json").body(body);
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path).await
    }

    /// Makes a job and gives its answer.
    pub(crate) async fn create(&self) -> Value {
        let answer = self.post(spec().to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()
    }

    pub(crate) async fn create_id(&self) -> JobId {
        id_of(&self.create().await)
    }

    /// Applies an event as a scheduler would.
    pub(crate) async fn apply(&self, id: JobId, event: Event) -> Applied {
        apply(&self.store, id, &event, CommitGuard::Version).await.unwrap()
    }

    /// Puts the job on a worker that listens, as scheduler and worker would.
    pub(crate) async fn listen(&self, id: JobId) -> Epoch {
        let worker = WorkerId::from_uuid(uuid::Uuid::from_u128(7));
        let incarnation = Incarnation::from_uuid(uuid::Uuid::from_u128(8));
        let record = WorkerRecord {
            id: worker,
            incarnation,
            control_url: "http://127.0.0.1:1/".to_owned(),
            public_host: "203.0.113.7".to_owned(),
            capacity_millicores: 4000,
            max_runs: 16,
            registered_at: Default::default(),
            last_beat_at: Default::default(),
            standing: ez_domain::placement::Standing::Open,
            load_millicores: 0,
            used_millicores: 0,
            runs: Vec::new(),
        };
        self.store.register_worker(&record).await.unwrap();
        let generation = self.store.load(id).await.unwrap().unwrap().job.generation;
        self.apply(id, Event::Admitted { generation }).await;
        let Applied::Moved { job, .. } = self.apply(id, Event::Placed { worker, incarnation }).await else {
            panic!("the job was not placed");
        };
        let epoch = job.last_epoch;
        let ingest = Ingest { host: "203.0.113.7".to_owned(), port: 1936 };
        let state = RunState::Listening { ingest, reason: "waits for a publisher".to_owned(), fault: None };
        self.apply(id, Event::Reported { epoch, state }).await;
        epoch
    }

    /// The worker says that the run is over as ordered.
    pub(crate) async fn exit(&self, id: JobId, epoch: Epoch) {
        let state = RunState::Exited { outcome: RunOutcome::Stopped, committed_segments: 3 };
        self.apply(id, Event::Reported { epoch, state }).await;
    }

    /// Every command in the queue right now.
    pub(crate) async fn commands(&self) -> Vec<Command> {
        let mut commands = Vec::new();
        loop {
            let deliveries = self.queue.receive(Duration::from_millis(1)).await.unwrap();
            if deliveries.is_empty() {
                return commands;
            }
            for delivery in deliveries {
                self.queue.acknowledge(&delivery).await.unwrap();
                commands.push(delivery.command);
            }
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The problem document, after checking its form.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), PROBLEM);
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        problem
    }
}

pub(crate) fn id_of(job: &Value) -> JobId {
    job["Id"].as_str().unwrap().parse().unwrap()
}

/// A small job.
pub(crate) fn spec() -> Value {
    json!({"Output": {
        "Stream_type": "hls+dash", "Segment_duration": 2, "S3_output": {"Bucket": "ezlive"},
        "Video_outputs": [{"Label": "low", "Codec": "h264", "Framerate": 30, "Width": 640, "Height": 360,
            "Bitrate": "600k", "Max_bitrate": "800k", "Buf_size": "800k", "Preset": "veryfast", "Threads": 2}],
        "Audio_outputs": [{"Label": "sound", "Codec": "aac", "Bitrate": "128k"}]}})
}

/// A file of the repository.
pub(crate) fn repository_file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

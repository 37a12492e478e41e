//! Everything that a request needs: the clients, the keys and the addresses.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use ez_domain::job::Job;
use ez_queue::sqs::HalfAccessKey;
use ez_queue::{Command, CommandQueue, QueueError, RedisStreamQueue, SqsQueue};
use ez_store::{MasterKey, RedisStore, Store, StoreError};

use crate::config::{Config, MasterKeyError, TokenError};
use crate::console::policy;
use crate::figures::Figures;
use crate::origins::{NoOrigin, Origins};
use crate::playback::{Playback, PlaybackError};
use crate::workers::Workers;

/// Longest wait for the queue before an answer goes out without it.
const QUEUE_LIMIT: Duration = Duration::from_secs(1);

/// Why the service cannot be put together; but for the client always the configuration's fault.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// There is no usable service token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The client for workers cannot be made.
    #[error("the client for workers cannot be made")]
    Client(#[source] reqwest::Error),
    /// Playback addresses cannot be made.
    #[error(transparent)]
    Playback(#[from] PlaybackError),
    /// The address of the state store cannot be read.
    #[error("the address of Redis (Redis.Url or Redis.RedisIp) cannot be used")]
    Store(#[source] StoreError),
    /// The address of the queue cannot be read.
    #[error("the address of the queue (Queue.Url) cannot be used")]
    Queue(#[source] QueueError),
    /// SQS cannot be reached as configured.
    #[error(transparent)]
    Sqs(HalfAccessKey),
    /// What pages may use the API cannot be read.
    #[error(transparent)]
    Origins(#[from] NoOrigin),
}

/// The parts of the service, shared by all requests.
#[derive(Clone)]
pub struct App {
    /// The state of the installation.
    pub(crate) store: Arc<dyn Store>,
    queue: Arc<dyn CommandQueue>,
    pub(crate) master_key: Arc<MasterKey>,
    pub(crate) playback: Arc<Playback>,
    pub(crate) console: Arc<Console>,
    /// The workers' own routes.
    pub(crate) workers: Workers,
    /// Most jobs that may exist, when there is a limit.
    pub(crate) max_jobs: Option<usize>,
    /// The pages that may use the API.
    pub(crate) origins: Origins,
    /// Whether `/metrics` is served.
    pub(crate) tells_metrics: bool,
    pub(crate) figures: Figures,
}

/// What the console is served with.
pub(crate) struct Console {
    /// Bucket that the form for a new channel proposes.
    pub(crate) bucket: String,
    /// Its Content-Security-Policy.
    pub(crate) policy: HeaderValue,
}

impl App {
    /// Puts the service together; connections are made when they are needed.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(config: &Config) -> Result<Self, BuildError> {
        let store = RedisStore::connect(&config.redis.access()).map_err(BuildError::Store)?;
        let queue: Arc<dyn CommandQueue> = match config.sqs.config().map_err(BuildError::Sqs)? {
            Some(sqs) => Arc::new(SqsQueue::new(sqs)),
            None => {
                let queue = RedisStreamQueue::connect(&config.queue.redis_stream(&config.redis));
                Arc::new(queue.map_err(BuildError::Queue)?)
            }
        };
        Self::new(config, Arc::new(store), queue)
    }

    /// Puts the service together with a given store and queue.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn new(
        config: &Config,
        store: Arc<dyn Store>,
        queue: Arc<dyn CommandQueue>,
    ) -> Result<Self, BuildError> {
        let playback = Playback::new(&config.playback)?;
        let console = Console { bucket: config.console.bucket.clone(), policy: policy(playback.origin()) };
        Ok(Self {
            store,
            queue,
            master_key: Arc::new(config.master_key()?),
            playback: Arc::new(playback),
            console: Arc::new(console),
            workers: Workers::new(config.service_token()?).map_err(BuildError::Client)?,
            max_jobs: Some(config.max_jobs).filter(|&limit| limit > 0),
            origins: Origins::read(&config.allowed_origins)?,
            tells_metrics: config.metrics,
            figures: Figures::default(),
        })
    }

    /// Tells the schedulers that the job has a new command, when it has one.
    ///
    /// The record is stored already and the job is in the outbox, so a queue that fails costs some
    /// seconds, not the command.
    pub(crate) async fn announce(&self, job: &Job) {
        if !job.is_in_outbox() {
            return;
        }
        let command = Command { job: job.id, generation: job.generation };
        let error = match tokio::time::timeout(QUEUE_LIMIT, self.queue.send(command)).await {
            Ok(Ok(())) => return self.figures.announced(true),
            Ok(Err(error)) => ez_service::telemetry::chain(&error),
            Err(_) => format!("no answer within {} ms", QUEUE_LIMIT.as_millis()),
        };
        self.figures.announced(false);
        tracing::warn!(job = %job.id, generation = job.generation, error, "command not queued; it waits in the outbox");
    }
}

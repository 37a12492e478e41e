//! Several schedulers and API servers on one Redis and one bucket.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use ez_domain::secret::Secret;
use ez_local::launch::{BUCKET, Options, Ports, S3_ACCESS_KEY, Scope, Stack};
use ez_testkit::sqs::{ACCESS_KEY, REGION};
use ez_testkit::tools::free_port;
use tempfile::TempDir;

use super::service::Service;

/// The queue's name on SQS.
const QUEUE: &str = "commands.fifo";
/// Where commands that cannot be used go.
const PARKED: &str = "commands_parked.fifo";
/// Commands that a killed scheduler had taken are delivered again after this time.
const VISIBILITY: &str = "Queue.Visibility_ms=2000";

/// How many of each, and on which queue.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// Schedulers.
    pub schedulers: usize,
    /// API servers.
    pub apis: usize,
    /// Address of a server that speaks SQS; a Redis stream without one.
    pub sqs: Option<String>,
}

/// The services, and what they share.
pub struct Plane {
    /// The schedulers.
    pub schedulers: Vec<Service>,
    /// The API servers.
    pub apis: Vec<Service>,
    /// Redis and the bucket.
    pub storage: Storage,
}

/// Redis and a bucket, and the secrets that services are given for them.
pub struct Storage {
    stack: Stack,
    /// What services of workers present.
    pub token: Secret<String>,
    s3_secret_key: String,
    data: TempDir,
}

impl Storage {
    /// Starts both on free ports.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn start() -> Result<Self> {
        let data = tempfile::tempdir().context("make a data folder")?;
        let options = Options { scope: Scope::Storage, ..Options::new(data.path(), Ports::free(1)?) };
        let stack = Stack::start(options).await?;
        let secret = |name: &str| std::fs::read_to_string(stack.layout().secrets().join(name));
        let token = Secret::new(secret("service_token").context("read the token")?);
        let s3_secret_key = secret("s3_secret_key").context("read the key of the bucket")?;
        Ok(Self { stack, token, s3_secret_key, data })
    }

    /// The address of Redis.
    pub fn redis(&self) -> String {
        self.stack.endpoints().redis
    }

    /// The process of Redis.
    ///
    /// # Errors
    /// When it does not run.
    pub fn redis_pid(&self) -> Result<nix::unistd::Pid> {
        Ok(nix::unistd::Pid::from_raw(i32::try_from(self.stack.endpoints().pids.redis)?))
    }

    /// The base URL of the bucket's store.
    pub fn s3(&self) -> String {
        self.stack.endpoints().s3
    }

    /// The folder in which services work.
    pub fn folder(&self) -> PathBuf {
        self.data.path().to_owned()
    }

    /// The file of a secret.
    pub fn secret_file(&self, name: &str) -> PathBuf {
        self.stack.layout().secrets().join(name)
    }

    /// Leaves the data folder for whoever wants to know what happened.
    pub fn keep(&mut self) -> PathBuf {
        self.data.disable_cleanup(true);
        self.folder()
    }

    /// A scheduler on the given Redis, not started yet.
    ///
    /// # Errors
    /// When it was not built.
    pub fn scheduler(&self, name: &str, redis: &str) -> Result<Service> {
        let port = free_port()?;
        let service = Service::new(name, "scheduler", &self.folder(), port)?
            .with("EZ_SCHEDULER_PORT", port.to_string())
            .with("EZ_REDIS_URL", redis)
            .with("EZ_S3_ENDPOINT", self.s3())
            .with("EZ_S3_ACCESS_KEY_ID", S3_ACCESS_KEY)
            .with("EZ_S3_SECRET_ACCESS_KEY", &self.s3_secret_key)
            .with("EZ_SERVICE_TOKEN_FILE", self.secret_file("service_token"))
            .with("EZ_MASTER_KEY_FILE", self.secret_file("master_key"));
        Ok(service.set(VISIBILITY))
    }

    /// An API server on the given Redis, not started yet.
    ///
    /// # Errors
    /// When it was not built.
    pub fn api(&self, name: &str, redis: &str) -> Result<Service> {
        let port = free_port()?;
        Ok(Service::new(name, "api_server", &self.folder(), port)?
            .with("EZ_API_PORT", port.to_string())
            .with("EZ_REDIS_URL", redis)
            .with("EZ_PLAYBACK_ENDPOINT", self.s3())
            .with("EZ_CONSOLE_BUCKET", BUCKET)
            .with("EZ_MASTER_KEY_FILE", self.secret_file("master_key")))
    }

    /// A key server on the given Redis, not started yet.
    ///
    /// # Errors
    /// When it was not built.
    pub fn key_server(&self, redis: &str) -> Result<Service> {
        let port = free_port()?;
        Ok(Service::new("key_server", "key_server", &self.folder(), port)?
            .with("EZ_KEY_PORT", port.to_string())
            .with("EZ_REDIS_URL", redis)
            .with("EZ_KEY_TOKEN_FILE", self.secret_file("key_token"))
            .with("EZ_MASTER_KEY_FILE", self.secret_file("master_key")))
    }

    /// Key and secret by which a worker's media goes to the bucket, as its environment.
    pub fn worker_keys(&self) -> [(&'static str, String); 2] {
        [("EZ_S3_ACCESS_KEY_ID", S3_ACCESS_KEY.to_owned()), ("EZ_S3_SECRET_KEY", self.s3_secret_key.clone())]
    }
}

impl Plane {
    /// Prepares the services of a shape; storage runs, they do not yet.
    ///
    /// # Errors
    /// When storage does not come up.
    pub async fn prepare(shape: &Shape) -> Result<Self> {
        let storage = Storage::start().await?;
        let redis = storage.redis();
        let mut schedulers = Vec::new();
        for number in 0..shape.schedulers {
            schedulers.push(storage.scheduler(&format!("scheduler_{number}"), &redis)?);
        }
        let mut apis = Vec::new();
        for number in 0..shape.apis {
            apis.push(storage.api(&format!("api_server_{number}"), &redis)?);
        }
        if let Some(endpoint) = &shape.sqs {
            make_queues(endpoint).await?;
            let on_sqs = |service: Service| {
                service
                    .with("EZ_SQS_QUEUE_NAME", QUEUE)
                    .with("EZ_SQS_REGION", REGION)
                    .with("EZ_SQS_ENDPOINT", endpoint)
                    .with("EZ_SQS_ACCESS_KEY_ID", ACCESS_KEY.0)
                    .with("EZ_SQS_SECRET_ACCESS_KEY", ACCESS_KEY.1)
            };
            schedulers = schedulers.into_iter().map(on_sqs).collect();
            apis = apis.into_iter().map(on_sqs).collect();
        }
        Ok(Self { schedulers, apis, storage })
    }

    /// Starts all services of a shape and waits until they are ready.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn start(shape: &Shape) -> Result<Self> {
        let mut plane = Self::prepare(shape).await?;
        plane.start_all().await?;
        Ok(plane)
    }

    /// Starts all services and waits until they are ready.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn start_all(&mut self) -> Result<()> {
        for service in self.schedulers.iter_mut().chain(&mut self.apis) {
            service.start().await?;
        }
        for service in self.schedulers.iter_mut().chain(&mut self.apis) {
            service.until_ready().await?;
        }
        Ok(())
    }

    /// Base URLs of the schedulers.
    pub fn scheduler_urls(&self) -> Vec<String> {
        self.schedulers.iter().map(Service::url).collect()
    }

    /// Base URLs of the API servers.
    pub fn api_urls(&self) -> Vec<String> {
        self.apis.iter().map(Service::url).collect()
    }
}

/// Makes both queues, FIFO as the commands' order deserves.
async fn make_queues(endpoint: &str) -> Result<()> {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY.0, ACCESS_KEY.1, None, None, "test"))
        .endpoint_url(endpoint);
    let client = Client::from_conf(config.build());
    for name in [QUEUE, PARKED] {
        let fifo = aws_sdk_sqs::types::QueueAttributeName::FifoQueue;
        client
            .create_queue()
            .queue_name(name)
            .attributes(fifo, "true")
            .send()
            .await
            .context("make a queue")?;
    }
    Ok(())
}

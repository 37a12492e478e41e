//! The settings of the queue on SQS.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Builder, Credentials, Region};
use ez_domain::secret::Secret;

/// How long a connection may take: a little over the 3 s after which TCP repeats a lost SYN for the
/// second time.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// How the queue is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of the queue.
    pub queue_name: String,
    /// Name of the queue for what is put aside. Empty: the queue's own name with `_parked` behind it.
    pub parked_queue_name: String,
    /// Region. Default `us-east-1`.
    pub region: String,
    /// URL of a server other than AWS.
    pub endpoint: Option<String>,
    /// The access key; without one the usual AWS chain is asked (environment, profile, role).
    pub access_key: Option<AccessKey>,
    /// Time in seconds after which a message that was not acknowledged is delivered again. Default 30.
    pub visibility_seconds: u64,
    /// Limit of one call in milliseconds, the wait for messages not counted. Default 2000.
    pub command_timeout_ms: u64,
}

/// An explicit access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: Secret<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queue_name: String::new(),
            parked_queue_name: String::new(),
            region: "us-east-1".to_owned(),
            endpoint: None,
            access_key: None,
            visibility_seconds: 30,
            command_timeout_ms: 2_000,
        }
    }
}

impl Config {
    /// The name of the second queue, whose kind is that of the first.
    pub(super) fn parked_queue_name(&self) -> String {
        if !self.parked_queue_name.is_empty() {
            return self.parked_queue_name.clone();
        }
        match self.queue_name.strip_suffix(".fifo") {
            Some(name) => format!("{name}_parked.fifo"),
            None => format!("{}_parked", self.queue_name),
        }
    }

    pub(super) async fn client(&self) -> Client {
        let region = Region::new(self.region.clone());
        let mut builder = if let Some(key) = &self.access_key {
            // Nothing of the chain is loaded: it would ask the instance metadata service.
            let credentials =
                Credentials::new(key.id.clone(), key.secret.expose().clone(), None, None, "configuration");
            Builder::new().credentials_provider(credentials)
        } else {
            let shared =
                aws_config::defaults(BehaviorVersion::v2026_01_12()).region(region.clone()).load().await;
            Builder::from(&shared)
        };
        builder = builder
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region)
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        Client::from_conf(builder.build())
    }
}

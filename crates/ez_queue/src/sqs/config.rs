//! The settings of the queue on SQS.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use ez_aws::{AccessKey, CONNECT_TIMEOUT};

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
        let shared = ez_aws::sdk_config(&self.region, self.access_key.as_ref(), CONNECT_TIMEOUT).await;
        let mut builder = Builder::from(&shared);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        Client::from_conf(builder.build())
    }
}

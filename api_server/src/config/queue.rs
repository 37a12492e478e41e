//! How the command queue is reached.

use ez_redis::RedisConfig;
use ez_redis::config::without_password;
use serde::{Deserialize, Serialize};

/// `Queue` of the configuration: a Redis stream, by default in the Redis of the state store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// Address of another Redis for the queue. Default empty: that of the state store.
    #[serde(rename = "Url", serialize_with = "without_password")]
    pub url: String,
    /// Limit of one call in milliseconds, reconnecting included. Default 1000: an answer waits for the
    /// queue at most this long, and goes out all the same.
    #[serde(rename = "Command_timeout_ms")]
    pub command_timeout_ms: u64,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { url: String::new(), command_timeout_ms: 1_000 }
    }
}

impl QueueConfig {
    /// What the queue is told.
    pub fn redis_stream(&self, state: &RedisConfig) -> ez_queue::redis_stream::Config {
        ez_queue::redis_stream::Config {
            url: if self.url.is_empty() { state.address() } else { self.url.clone() },
            prefix: state.prefix.clone(),
            command_timeout_ms: self.command_timeout_ms,
            ..ez_queue::redis_stream::Config::default()
        }
    }
}

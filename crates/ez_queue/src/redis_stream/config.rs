//! The settings of the queue on a Redis stream.

use std::fmt;

use ez_redis::Access;
use serde::{Deserialize, Serialize};

/// How the queue is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address, such as `redis://user:password@host:6379/0`. Default `redis://127.0.0.1:6379/`.
    pub url: String,
    /// Stands before each key name. Default empty; `{ez}:` keeps all keys in one slot of a cluster.
    pub prefix: String,
    /// Time in milliseconds after which a message that was not acknowledged is delivered again.
    /// Default 30000.
    pub visibility_ms: u64,
    /// Name of this consumer, unique among those that run. Default: a random one.
    pub consumer: String,
    /// Limit of one call in milliseconds, reconnecting included, the wait for messages not. Default 2000.
    pub command_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379/".to_owned(),
            prefix: String::new(),
            visibility_ms: 30_000,
            consumer: uuid::Uuid::new_v4().to_string(),
            command_timeout_ms: 2_000,
        }
    }
}

impl Config {
    /// What the connections are told.
    pub(super) fn access(&self) -> Access {
        Access {
            url: self.url.clone(),
            prefix: self.prefix.clone(),
            command_timeout_ms: self.command_timeout_ms,
            ..Access::default()
        }
    }
}

impl fmt::Debug for Config {
    /// Leaves the address out: it may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("prefix", &self.prefix)
            .field("visibility_ms", &self.visibility_ms)
            .field("consumer", &self.consumer)
            .field("command_timeout_ms", &self.command_timeout_ms)
            .finish_non_exhaustive()
    }
}

//! Where a Redis is, and how patiently it is asked.

use std::fmt;
use std::time::Duration;

use redis::aio::ConnectionManagerConfig;
use redis::{AsyncConnectionConfig, Client};
use serde::{Deserialize, Serialize};

use crate::CallError;

/// First pause between two attempts to connect.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// Attempts to connect after which the reason is told; the call begins again then.
const RETRIES: usize = 2;

/// How a Redis is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Address, such as `redis://user:password@host:6379/0`, or `rediss://…` for TLS. Default `redis://127.0.0.1:6379/`.
    pub url: String,
    /// Stands before each key name. Default empty; `{ez}:` keeps all keys in one slot of a cluster.
    pub prefix: String,
    /// Limit of one call in milliseconds, reconnecting included. Default 2000.
    pub command_timeout_ms: u64,
    /// Limit of one attempt to connect in milliseconds. Default 1000.
    pub connect_timeout_ms: u64,
    /// Longest pause between two attempts to connect in milliseconds. Default 500.
    pub reconnect_max_delay_ms: u64,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379/".to_owned(),
            prefix: String::new(),
            command_timeout_ms: 2_000,
            connect_timeout_ms: 1_000,
            reconnect_max_delay_ms: 500,
        }
    }
}

impl fmt::Debug for Access {
    /// Leaves the address out: it may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Access")
            .field("prefix", &self.prefix)
            .field("command_timeout_ms", &self.command_timeout_ms)
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .field("reconnect_max_delay_ms", &self.reconnect_max_delay_ms)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Reads the address. Nothing is sent yet.
    pub(crate) fn client(&self) -> Result<Client, CallError> {
        if self.url.starts_with("rediss:") {
            // The client asks the process for its cryptography. An error means that it has one already.
            drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        }
        Client::open(self.url.as_str()).map_err(CallError::Redis)
    }

    /// Limit of one call, reconnecting included.
    pub(crate) const fn call_limit(&self) -> Duration {
        Duration::from_millis(self.command_timeout_ms)
    }

    /// For a connection that is shared and makes itself again. It has no response limit of its own:
    /// the call's limit counts the reconnect, which that one does not.
    pub(crate) fn shared(&self) -> ConnectionManagerConfig {
        ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(self.connect_timeout_ms)))
            .set_response_timeout(None)
            .set_number_of_retries(RETRIES)
            .set_min_delay(SHORTEST_PAUSE)
            .set_max_delay(Duration::from_millis(self.reconnect_max_delay_ms))
    }

    /// For a connection that waits in blocking commands.
    pub(crate) fn blocking(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(self.connect_timeout_ms)))
            .set_response_timeout(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_address() {
        let access = Access { url: "redis://user:hunter2@host/".to_owned(), ..Access::default() };
        let text = format!("{access:?}");
        assert!(!text.contains("hunter2") && text.contains("command_timeout_ms"), "{text}");
    }
}

//! One connection that reconnects by itself, and a limit for each call.
//!
//! Traps this file is for: a connection manager's call waits inside the reconnect, whatever its
//! response limit; the first call after a crash fails at once; a connection whose set-up was refused
//! by Redis (still loading, user not yet known) is kept as refused for good; a machine that vanished without
//! a word leaves a connection that looks alive for minutes. So each call is bounded from outside, is
//! repeated within its limit (every script may be), and a connection that failed is thrown away.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::time::{sleep, timeout};

use super::Config;
use crate::store::StoreError;

/// Pause before a call is repeated.
const REPEAT_PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Connection {
    client: Client,
    settings: ConnectionManagerConfig,
    limit: Duration,
    current: Mutex<Numbered>,
}

/// The connection in use; its number tells whether somebody else has replaced it meanwhile.
#[derive(Clone)]
struct Numbered {
    number: u64,
    manager: ConnectionManager,
}

impl Connection {
    /// Reads the address. Nothing is sent yet.
    pub(super) fn prepare(config: &Config) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Unavailable { context: "read the address of Redis", source };
        let client = Client::open(config.url.as_str()).map_err(unusable)?;
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(config.connect_timeout_ms)))
            .set_response_timeout(None)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(config.reconnect_max_delay_ms));
        let manager =
            ConnectionManager::new_lazy_with_config(client.clone(), settings.clone()).map_err(unusable)?;
        Ok(Self {
            client,
            settings,
            limit: Duration::from_millis(config.command_timeout_ms),
            current: Mutex::new(Numbered { number: 0, manager }),
        })
    }

    /// Asks Redis, and again while the answer is lost, until the limit is reached.
    pub(super) async fn query<T, F, Fut>(&self, context: &'static str, ask: F) -> Result<T, StoreError>
    where
        F: Fn(ConnectionManager) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        let repeated = async {
            loop {
                let used = self.current();
                let error = match ask(used.manager).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                if is_about_the_call(&error) {
                    return Err(error);
                }
                self.replace(used.number);
                if !is_passing(&error) {
                    return Err(error);
                }
                tracing::debug!(context, error = %error, "asking Redis again");
                sleep(REPEAT_PAUSE).await;
            }
        };
        let number = self.current().number;
        match timeout(self.limit, repeated).await {
            Ok(answer) => answer.map_err(|source| StoreError::Unavailable { context, source }),
            Err(_) => {
                self.replace(number);
                let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
                Err(StoreError::Timeout { context, limit_ms })
            }
        }
    }

    fn current(&self) -> Numbered {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Throws the connection with this number away; the next call makes a new one.
    fn replace(&self, number: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number != number {
            return;
        }
        match ConnectionManager::new_lazy_with_config(self.client.clone(), self.settings.clone()) {
            Ok(manager) => *current = Numbered { number: number + 1, manager },
            Err(error) => tracing::error!(error = %error, "a new connection to Redis cannot be prepared"),
        }
    }
}

/// Whether Redis is well and refused just this call.
fn is_about_the_call(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ResponseError | ServerErrorKind::NoScript | ServerErrorKind::CrossSlot
        ) | ErrorKind::UnexpectedReturnType
            | ErrorKind::Extension
    )
}

/// Whether asking again, over a new connection, may help: the connection broke, or Redis is just
/// coming up or has become a replica.
fn is_passing(error: &RedisError) -> bool {
    error.is_io_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::TryAgain
                    | ServerErrorKind::ReadOnly
            )
        )
}

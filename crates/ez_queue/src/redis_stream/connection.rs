//! The queue's two connections: one that all quick calls share, and one of its own for the blocking read.
//!
//! A blocking command holds up whatever else is on its connection, so it never shares one, and the
//! usual response limit would cut it off, so it has a limit that follows its wait. As in the state store,
//! each call is bounded from outside, and a connection that failed is thrown away.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::time::{sleep, timeout};

use crate::QueueError;

/// Pause before a call is repeated.
const REPEAT_PAUSE: Duration = Duration::from_millis(20);
/// Limit of one attempt to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// Longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Why a call failed.
pub(super) enum CallError {
    /// Redis said so, or cannot be reached.
    Redis(RedisError),
    /// There was no answer in this time.
    Limit(Duration),
}

impl CallError {
    /// Whether Redis has lost the stream or its consumer group (`UNBLOCKED`: during a blocking read).
    pub(super) fn is_missing_group(&self) -> bool {
        matches!(self, Self::Redis(error) if matches!(error.code(), Some("NOGROUP" | "UNBLOCKED")))
    }

    pub(super) fn into_queue_error(self, action: &'static str) -> QueueError {
        let detail = match self {
            Self::Redis(error) => error.to_string(),
            Self::Limit(limit) => format!("Redis did not answer within {} ms", limit.as_millis()),
        };
        QueueError { action, detail }
    }
}

fn open(url: &str) -> Result<Client, QueueError> {
    Client::open(url).map_err(|error| CallError::Redis(error).into_queue_error("read the address of Redis"))
}

/// The shared connection.
pub(super) struct Connection {
    client: Client,
    limit: Duration,
    /// The connection in use and its number.
    current: Mutex<(u64, ConnectionManager)>,
}

impl Connection {
    pub(super) fn prepare(url: &str, limit: Duration) -> Result<Self, QueueError> {
        let client = open(url)?;
        let manager = manager(&client)
            .map_err(|error| CallError::Redis(error).into_queue_error("prepare a connection to Redis"))?;
        Ok(Self { client, limit, current: Mutex::new((0, manager)) })
    }

    /// As [`Connection::ask`], with the error as the queue's users see it.
    pub(super) async fn query<T, F, Fut>(&self, action: &'static str, ask: F) -> Result<T, QueueError>
    where
        F: Fn(ConnectionManager) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        self.ask(&ask).await.map_err(|error| error.into_queue_error(action))
    }

    /// Asks Redis, and again while the answer is lost, until the limit is reached.
    pub(super) async fn ask<T, F, Fut>(&self, ask: &F) -> Result<T, CallError>
    where
        F: Fn(ConnectionManager) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        let repeated = async {
            loop {
                let (number, manager) = self.current();
                let error = match ask(manager).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                if is_about_the_call(&error) {
                    return Err(CallError::Redis(error));
                }
                self.replace(number);
                if !is_passing(&error) {
                    return Err(CallError::Redis(error));
                }
                sleep(REPEAT_PAUSE).await;
            }
        };
        let (number, _) = self.current();
        timeout(self.limit, repeated).await.unwrap_or_else(|_| {
            self.replace(number);
            Err(CallError::Limit(self.limit))
        })
    }

    fn current(&self) -> (u64, ConnectionManager) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Throws the connection with this number away; the next call makes a new one.
    fn replace(&self, number: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != number {
            return;
        }
        match manager(&self.client) {
            Ok(manager) => *current = (number + 1, manager),
            Err(error) => tracing::error!(error = %error, "a new connection to Redis cannot be prepared"),
        }
    }
}

fn manager(client: &Client) -> RedisResult<ConnectionManager> {
    let settings = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_LIMIT))
        .set_response_timeout(None)
        .set_min_delay(Duration::from_millis(50))
        .set_max_delay(LONGEST_PAUSE);
    ConnectionManager::new_lazy_with_config(client.clone(), settings)
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

/// Whether asking again, over a new connection, may help.
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

/// The connection of the blocking read. Calls take turns; one that fails, or is dropped in the middle,
/// leaves no half-read connection behind.
pub(super) struct BlockingReader {
    client: Client,
    /// For all but the wait.
    limit: Duration,
    idle: tokio::sync::Mutex<Option<MultiplexedConnection>>,
}

impl BlockingReader {
    pub(super) fn prepare(url: &str, limit: Duration) -> Result<Self, QueueError> {
        Ok(Self { client: open(url)?, limit, idle: tokio::sync::Mutex::new(None) })
    }

    /// Runs a command that blocks for `wait` at most.
    pub(super) async fn query<T: redis::FromRedisValue>(
        &self,
        command: &redis::Cmd,
        wait: Duration,
    ) -> Result<T, CallError> {
        let mut idle = self.idle.lock().await;
        let limit = wait + self.limit;
        let kept = idle.take();
        let outcome = timeout(limit, async {
            if let Some(mut connection) = kept {
                match command.query_async(&mut connection).await {
                    // It broke while it was idle, or Redis was restarted during the read.
                    Err(error) if is_passing(&error) => {}
                    answer => return answer.map(|answer| (connection, answer)),
                }
            }
            let mut connection = self.connect().await?;
            let answer = command.query_async(&mut connection).await;
            answer.map(|answer| (connection, answer))
        })
        .await;
        match outcome {
            Ok(Ok((connection, answer))) => {
                *idle = Some(connection);
                Ok(answer)
            }
            Ok(Err(error)) => Err(CallError::Redis(error)),
            Err(_) => Err(CallError::Limit(limit)),
        }
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(None);
        self.client.get_multiplexed_async_connection_with_config(&settings).await
    }
}

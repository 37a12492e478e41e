//! A connection of its own for commands that block.
//!
//! A blocking command holds up whatever else is on its connection, so it never shares one, and the
//! usual response limit would cut it off, so it has a limit that follows its wait.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use tokio::time::timeout;

use crate::failure::is_passing;
use crate::{Access, CallError};

/// The connection of a blocking read. Calls take turns; one that fails, or is dropped in the middle,
/// leaves no half-read connection behind.
pub struct BlockingReader {
    client: Client,
    settings: AsyncConnectionConfig,
    /// For all but the wait.
    limit: Duration,
    idle: tokio::sync::Mutex<Option<MultiplexedConnection>>,
}

impl BlockingReader {
    /// Reads the address. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn prepare(access: &Access) -> Result<Self, CallError> {
        let (client, settings) = (access.client()?, access.blocking());
        Ok(Self { client, settings, limit: access.call_limit(), idle: tokio::sync::Mutex::new(None) })
    }

    /// Runs a command that blocks for `wait` at most.
    ///
    /// # Errors
    /// When Redis refuses the command, or does not answer in `wait` and the limit of a call.
    pub async fn query<T: redis::FromRedisValue>(
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
            let mut connection =
                self.client.get_multiplexed_async_connection_with_config(&self.settings).await?;
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
}

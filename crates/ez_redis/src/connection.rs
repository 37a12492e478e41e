//! One connection that reconnects by itself, and a limit for each call.
//!
//! Traps this file is for: a connection manager's call waits inside the reconnect, whatever its
//! response limit; the first call after a crash fails at once; a connection whose set-up was refused
//! by Redis (still loading, user not yet known) is kept as refused for good; a machine that vanished without
//! a word leaves a connection that looks alive for minutes. So each call is bounded from outside, is
//! repeated within its limit (whatever is asked must bear that), and a connection that failed is thrown away.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};
use tokio::time::{sleep, timeout};

use crate::failure::{is_about_the_call, is_passing};
use crate::{Access, CallError};

/// Pause before a call is repeated.
const REPEAT_PAUSE: Duration = Duration::from_millis(20);

/// The connection that all quick calls share.
pub struct Connection {
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
    /// Reads the address. Nothing is sent yet, so that a service can start before Redis does.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn prepare(access: &Access) -> Result<Self, CallError> {
        let (client, settings) = (access.client()?, access.shared());
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), settings.clone())?;
        let current = Mutex::new(Numbered { number: 0, manager });
        Ok(Self { client, settings, limit: access.call_limit(), current })
    }

    /// Asks Redis, and again while the answer is lost, until the limit is reached. `context` is for logs.
    ///
    /// # Errors
    /// When Redis refuses the call, or does not answer in time.
    pub async fn query<T, F, Fut>(&self, context: &'static str, ask: F) -> Result<T, CallError>
    where
        F: Fn(ConnectionManager) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        let last = Mutex::new(None);
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
                *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                sleep(REPEAT_PAUSE).await;
            }
        };
        let number = self.current().number;
        match timeout(self.limit, repeated).await {
            Ok(answer) => answer.map_err(CallError::Redis),
            Err(_) => {
                self.replace(number);
                // What failed again and again tells more than that time is over.
                let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
                Err(last.map_or(CallError::Limit(self.limit), CallError::Redis))
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

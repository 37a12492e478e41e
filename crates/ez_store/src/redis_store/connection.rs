//! The connection of `ez_redis`, with failures as the store's users see them.

use ez_redis::{Access, CallError};
use redis::RedisResult;
use redis::aio::ConnectionManager;

use crate::store::StoreError;

pub(super) struct Connection {
    redis: ez_redis::Connection,
}

impl Connection {
    /// Reads the address. Nothing is sent yet.
    pub(super) fn prepare(access: &Access) -> Result<Self, StoreError> {
        let redis = ez_redis::Connection::prepare(access)
            .map_err(|error| store_error("read the address of Redis", error))?;
        Ok(Self { redis })
    }

    /// Asks Redis, and again while the answer is lost, until the limit is reached; every script may be
    /// repeated.
    pub(super) async fn query<T, F, Fut>(&self, context: &'static str, ask: F) -> Result<T, StoreError>
    where
        F: Fn(ConnectionManager) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        self.redis.query(context, ask).await.map_err(|error| store_error(context, error))
    }
}

fn store_error(context: &'static str, error: CallError) -> StoreError {
    match error {
        CallError::Redis(source) => StoreError::Unavailable { context, source },
        CallError::Limit(limit) => {
            let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            StoreError::Timeout { context, limit_ms }
        }
    }
}

//! Sealed keys in Redis: the hash `drm_keys` (key id → record) and `drm_key_ids` (content id → key id).
//!
//! One script claims a content id and writes its key, so that any number of requests at once get the
//! same key. A repeated script changes nothing. Keys are asked for a few times in the life of a channel, so
//! each call has a connection of its own: there is none that could be broken without being noticed.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, RedisResult, Script};

use crate::config::RedisConfig;
use crate::key::SealedKey;

/// KEYS: records by key id, key ids by content id. ARGV: content id, key id, record.
/// Answers the record that the content id has now. A key id whose record is lost is given up.
const CLAIM: &str = r"
local known = redis.call('HGET', KEYS[2], ARGV[1])
if known then
  local record = redis.call('HGET', KEYS[1], known)
  if record then return record end
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return ARGV[3]
";
/// A failure of the key store.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// Redis cannot be reached or answers with an error.
    #[error("the key store does not answer")]
    Unavailable(#[from] RedisError),
    /// Redis did not answer in time.
    #[error("the key store did not answer within {0} ms")]
    Timeout(u64),
    /// A record cannot be read.
    #[error("a key record cannot be read: it was written by another version, or damaged")]
    Damaged(#[from] serde_json::Error),
}

/// The keys of an installation.
pub(crate) struct KeyStore {
    client: Client,
    by_key_id: String,
    by_content_id: String,
    limit_ms: u64,
    claim: Script,
}

impl KeyStore {
    /// Reads the address; nothing is sent yet.
    pub(crate) fn new(config: &RedisConfig) -> Result<Self, KeyStoreError> {
        Ok(Self {
            client: Client::open(config.address())?,
            by_key_id: format!("{}drm_keys", config.prefix),
            by_content_id: format!("{}drm_key_ids", config.prefix),
            limit_ms: config.command_timeout_ms,
            claim: Script::new(CLAIM),
        })
    }

    /// The key of the content id of `new`: `new` itself unless there was one already.
    pub(crate) async fn claim(&self, new: &SealedKey) -> Result<SealedKey, KeyStoreError> {
        let record = serde_json::to_string(new)?;
        let mut script = self.claim.prepare_invoke();
        script.key(&self.by_key_id).key(&self.by_content_id);
        script.arg(&new.content_id).arg(&new.key_id).arg(record);
        let kept: String =
            self.limited(async |mut connection| script.invoke_async(&mut connection).await).await?;
        Ok(serde_json::from_str(&kept)?)
    }

    /// The key with this identity.
    pub(crate) async fn load(&self, key_id: &str) -> Result<Option<SealedKey>, KeyStoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(&self.by_key_id).arg(key_id);
        let kept: Option<String> =
            self.limited(async |mut connection| command.query_async(&mut connection).await).await?;
        Ok(kept.as_deref().map(serde_json::from_str).transpose()?)
    }

    /// Whether Redis answers.
    pub(crate) async fn ping(&self) -> Result<(), KeyStoreError> {
        let ping = redis::cmd("PING");
        let _pong: String =
            self.limited(async |mut connection| ping.query_async(&mut connection).await).await?;
        Ok(())
    }

    /// Connects and calls; the limit holds for both together.
    async fn limited<T>(
        &self,
        call: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, KeyStoreError> {
        let connected = async { call(self.client.get_multiplexed_async_connection().await?).await };
        match tokio::time::timeout(Duration::from_millis(self.limit_ms), connected).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(KeyStoreError::Timeout(self.limit_ms)),
        }
    }
}

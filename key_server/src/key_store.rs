//! Sealed keys in Redis: the hash `drm_keys` (key id → record) and `drm_key_ids` (content id → key id).
//!
//! One script claims a content id and writes its key, so that any number of requests at once get the
//! same key. A repeated script changes nothing, as the connection asks of it.

use ez_redis::{Access, CallError, Connection};
use redis::Script;

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
/// KEYS as above. ARGV: key id, content id. The content id keeps another key that it may have been given since.
const FORGET: &str = r"
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HGET', KEYS[2], ARGV[2]) == ARGV[1] then redis.call('HDEL', KEYS[2], ARGV[2]) end
return 1
";

/// A failure of the key store.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// Redis cannot be reached, does not answer in time, or answers with an error.
    #[error("the key store does not answer")]
    Unavailable(#[from] CallError),
    /// A record cannot be read.
    #[error("a key record cannot be read: it was written by another version, or damaged")]
    Damaged(#[from] serde_json::Error),
}

/// The keys of an installation.
pub(crate) struct KeyStore {
    connection: Connection,
    by_key_id: String,
    by_content_id: String,
    claim: Script,
    forget: Script,
}

impl KeyStore {
    /// Reads the address; nothing is sent yet.
    pub(crate) fn new(access: &Access) -> Result<Self, KeyStoreError> {
        Ok(Self {
            connection: Connection::prepare(access)?,
            by_key_id: format!("{}drm_keys", access.prefix),
            by_content_id: format!("{}drm_key_ids", access.prefix),
            claim: Script::new(CLAIM),
            forget: Script::new(FORGET),
        })
    }

    /// The key of the content id of `new`: `new` itself unless there was one already.
    pub(crate) async fn claim(&self, new: &SealedKey) -> Result<SealedKey, KeyStoreError> {
        let record = serde_json::to_string(new)?;
        let mut script = self.claim.prepare_invoke();
        script.key(&self.by_key_id).key(&self.by_content_id);
        script.arg(&new.content_id).arg(new.key_id.to_hex()).arg(record);
        let script = &script;
        let kept: String = self
            .connection
            .query("keep a content key", |mut manager| async move { script.invoke_async(&mut manager).await })
            .await?;
        Ok(serde_json::from_str(&kept)?)
    }

    /// The key with this identity.
    pub(crate) async fn load(&self, key_id: &str) -> Result<Option<SealedKey>, KeyStoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(&self.by_key_id).arg(key_id);
        let command = &command;
        let kept: Option<String> = self
            .connection
            .query("read a content key", |mut manager| async move { command.query_async(&mut manager).await })
            .await?;
        Ok(kept.as_deref().map(serde_json::from_str).transpose()?)
    }

    /// Removes a key for good; what is encrypted with it can be read by nobody who has not got it already.
    pub(crate) async fn forget(&self, key_id: &str, content_id: &str) -> Result<(), KeyStoreError> {
        let mut script = self.forget.prepare_invoke();
        script.key(&self.by_key_id).key(&self.by_content_id);
        script.arg(key_id).arg(content_id);
        let script = &script;
        let _removed: u64 =
            self.connection
                .query("remove a content key", |mut manager| async move {
                    script.invoke_async(&mut manager).await
                })
                .await?;
        Ok(())
    }

    /// Whether Redis answers.
    pub(crate) async fn ping(&self) -> Result<(), KeyStoreError> {
        let ping = &redis::cmd("PING");
        let _pong: String = self
            .connection
            .query("ping", |mut manager| async move { ping.query_async(&mut manager).await })
            .await?;
        Ok(())
    }
}

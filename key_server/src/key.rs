//! A content key: as it is kept, and as it is told.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use ez_store::{MasterKey, SealError};
use serde::{Deserialize, Serialize};

/// A key as Redis holds it; it can be opened only with the installation's master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SealedKey {
    /// Identity of the key: 16 random bytes in hexadecimal, as manifests spell it.
    #[serde(rename = "Key_id")]
    pub(crate) key_id: String,
    /// What it protects.
    #[serde(rename = "Content_id")]
    pub(crate) content_id: String,
    /// When it was made, in UTC.
    #[serde(rename = "Time_created")]
    pub(crate) time_created: String,
    /// The key, sealed for its identity.
    #[serde(rename = "Sealed_key")]
    sealed_key: String,
}

/// A new key cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    /// The operating system gives no random bytes.
    #[error("there are no random bytes")]
    Random,
    /// The cipher refuses.
    #[error("the key cannot be sealed")]
    Seal(#[source] SealError),
}

impl From<Unspecified> for MakeError {
    fn from(_: Unspecified) -> Self {
        Self::Random
    }
}

impl SealedKey {
    /// A random key for `content_id`.
    pub(crate) fn random(content_id: &str, now_ms: u64, master_key: &MasterKey) -> Result<Self, MakeError> {
        let key_id = random_hex()?;
        let sealed_key = master_key.seal(&random_hex()?, &context(&key_id)).map_err(MakeError::Seal)?;
        let time_created = i64::try_from(now_ms)
            .ok()
            .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
            .unwrap_or_default()
            .to_string();
        Ok(Self { key_id, content_id: content_id.to_owned(), time_created, sealed_key })
    }

    /// The key itself, in hexadecimal.
    pub(crate) fn open(&self, master_key: &MasterKey) -> Result<String, SealError> {
        master_key.open(&self.sealed_key, &context(&self.key_id)).map(|key| key.expose().clone())
    }
}

fn context(key_id: &str) -> String {
    format!("drm-key:{key_id}")
}

fn random_hex() -> Result<String, Unspecified> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_only_for_its_identity_and_master_key() {
        let master_key = MasterKey::from_bytes(&[1; 32]).unwrap();
        let sealed = SealedKey::random("job", 1_720_660_455_123, &master_key).unwrap();
        let key = sealed.open(&master_key).unwrap();
        assert_eq!((key.len(), sealed.key_id.len()), (32, 32));
        assert_ne!(key, sealed.key_id);
        assert_eq!(sealed.time_created, "2024-07-11T01:14:15.123Z");
        assert!(!serde_json::to_string(&sealed).unwrap().contains(&key));
        assert!(sealed.open(&MasterKey::from_bytes(&[2; 32]).unwrap()).is_err());
        let moved = SealedKey { key_id: random_hex().unwrap(), ..sealed };
        assert!(moved.open(&master_key).is_err(), "a sealed key put under another identity does not open");
    }
}

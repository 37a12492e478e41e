//! A content key: as it is kept, and as it is told.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use ez_domain::content_key::{KeyBytes, KeyId};
use ez_domain::secret::Secret;
use ez_domain::units::Timestamp;
use ez_store::{MasterKey, SealError};
use serde::{Deserialize, Serialize};

/// A key as Redis holds it; it can be opened only with the installation's master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SealedKey {
    /// Identity of the key: 16 random bytes in hexadecimal, as manifests spell it.
    #[serde(rename = "Key_id")]
    pub(crate) key_id: KeyId,
    /// What it protects.
    #[serde(rename = "Content_id")]
    pub(crate) content_id: String,
    /// When it was made, Unix time in milliseconds.
    #[serde(rename = "Time_created_ms")]
    pub(crate) created_at: Timestamp,
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
        let key_id = KeyId::from_bytes(random()?);
        let key = KeyBytes::from_bytes(random()?);
        let sealed_key = master_key.seal(&key.to_hex(), &context(key_id)).map_err(MakeError::Seal)?;
        let created_at = Timestamp::from_millis(now_ms);
        Ok(Self { key_id, content_id: content_id.to_owned(), created_at, sealed_key })
    }

    /// The key itself.
    pub(crate) fn open(&self, master_key: &MasterKey) -> Result<Secret<KeyBytes>, SealError> {
        let key = master_key.open(&self.sealed_key, &context(self.key_id))?;
        key.expose().parse().map(Secret::new).map_err(|_| SealError::Malformed)
    }
}

fn context(key_id: KeyId) -> String {
    format!("drm-key:{key_id}")
}

fn random() -> Result<[u8; 16], Unspecified> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_only_for_its_identity_and_master_key() {
        let master_key = MasterKey::from_bytes(&[1; 32]).unwrap();
        let sealed = SealedKey::random("job", 1_720_660_455_123, &master_key).unwrap();
        let key = sealed.open(&master_key).unwrap().expose().to_hex();
        assert_ne!(key, sealed.key_id.to_hex());
        assert_eq!(sealed.created_at.millis(), 1_720_660_455_123);
        assert!(!serde_json::to_string(&sealed).unwrap().contains(&key));
        assert!(sealed.open(&MasterKey::from_bytes(&[2; 32]).unwrap()).is_err());
        let moved = SealedKey { key_id: KeyId::from_bytes(random().unwrap()), ..sealed };
        assert!(moved.open(&master_key).is_err(), "a sealed key put under another identity does not open");
    }
}

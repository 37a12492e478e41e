//! Everything that a request needs.

use std::sync::Arc;

use ez_service::http::{ServiceToken, TooShort};
use ez_store::{MasterKey, SealError};

use crate::config::{Config, SecretError};
use crate::figures::Figures;
use crate::key_store::{KeyStore, KeyStoreError};

/// Why the service cannot be put together; always the configuration's fault.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A secret is not given.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The master key is none.
    #[error("the master key cannot be used")]
    MasterKey(#[source] SealError),
    /// The service token could be guessed.
    #[error("the service token cannot be used")]
    ServiceToken(#[from] TooShort),
    /// The address of Redis cannot be read.
    #[error("the address of Redis (Redis.Url or Redis.RedisIp) cannot be used")]
    Redis(#[from] KeyStoreError),
}

/// The parts of the service, shared by all requests.
#[derive(Clone)]
pub struct App {
    pub(crate) keys: Arc<KeyStore>,
    pub(crate) master_key: Arc<MasterKey>,
    pub(crate) service_token: ServiceToken,
    pub(crate) figures: Figures,
}

impl App {
    /// Puts the service together; the connection is made when it is needed.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(config: &Config) -> Result<Self, BuildError> {
        let master_key = MasterKey::from_hex(&config.master_key()?).map_err(BuildError::MasterKey)?;
        Ok(Self {
            service_token: ServiceToken::strong(&config.service_token()?)?,
            keys: Arc::new(KeyStore::new(&config.redis.access())?),
            master_key: Arc::new(master_key),
            figures: Figures::default(),
        })
    }
}

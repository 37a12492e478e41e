//! The configuration: keys in the original's spelling where it had them.

mod secret;

use ez_api::port;
use ez_redis::RedisConfig;
use ez_service::config::Binding;
use serde::{Deserialize, Serialize};

pub use secret::SecretError;

/// Exit status for a configuration that cannot be used.
pub const EXIT_USAGE: u8 = 64;

/// Environment variables and the keys that they set.
pub const BINDINGS: &[Binding] = &[
    ("EZ_KEY_HOST", "Server_hostname"),
    ("EZ_KEY_PORT", "Server_port"),
    ("EZ_REDIS_URL", "Redis.Url"),
    ("EZ_REDIS_HOST", "Redis.RedisIp"),
    ("EZ_REDIS_PORT", "Redis.RedisPort"),
    ("EZ_REDIS_PASSWORD", "Redis.RedisPassword"),
    ("EZ_REDIS_TLS", "Redis.Tls"),
    ("EZ_REDIS_PREFIX", "Redis.Prefix"),
    ("EZ_MASTER_KEY", "Master_key"),
    ("EZ_MASTER_KEY_FILE", "Master_key_file"),
    ("EZ_KEY_TOKEN", "Service_token"),
    ("EZ_KEY_TOKEN_FILE", "Service_token_file"),
];

/// Everything that the service is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on. Default `127.0.0.1`; never a public one.
    #[serde(rename = "Server_hostname")]
    pub hostname: String,
    /// Port to listen on, as a text or a number. Default `"5080"`.
    #[serde(rename = "Server_port", with = "port")]
    pub port: u16,
    /// Where the sealed keys are kept.
    #[serde(rename = "Redis")]
    pub redis: RedisConfig,
    /// The installation's master key as 64 hexadecimal digits. Better given as a file.
    #[serde(rename = "Master_key")]
    pub master_key: String,
    /// A file that holds the master key.
    #[serde(rename = "Master_key_file")]
    pub master_key_file: String,
    /// What services prove themselves with (`Authorization: Bearer …`), at least 16 characters. Better
    /// given as a file.
    #[serde(rename = "Service_token")]
    pub service_token: String,
    /// A file that holds the service token.
    #[serde(rename = "Service_token_file")]
    pub service_token_file: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hostname: "127.0.0.1".to_owned(),
            port: 5080,
            redis: RedisConfig::default(),
            master_key: String::new(),
            master_key_file: String::new(),
            service_token: String::new(),
            service_token_file: String::new(),
        }
    }
}

impl Config {
    /// The text of the master key.
    ///
    /// # Errors
    /// When it is given nowhere, twice, or in a file that cannot be read.
    pub fn master_key(&self) -> Result<String, SecretError> {
        secret::read("Master_key", "EZ_MASTER_KEY", &self.master_key, &self.master_key_file)
    }

    /// The service token.
    ///
    /// # Errors
    /// When it is given nowhere, twice, or in a file that cannot be read.
    pub fn service_token(&self) -> Result<String, SecretError> {
        secret::read("Service_token", "EZ_KEY_TOKEN", &self.service_token, &self.service_token_file)
    }
}

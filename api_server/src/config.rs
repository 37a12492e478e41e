//! The configuration: keys in the original's spelling where it had them.

mod queue;
mod token;

use ez_api::port;
use ez_domain::secret::Secret;
use ez_redis::RedisConfig;
use ez_service::config::Binding;
use ez_store::{MasterKey, SealError};
use serde::{Deserialize, Serialize};

pub use queue::QueueConfig;
pub use token::TokenError;

use crate::playback::PlaybackConfig;

/// Exit status for a configuration that cannot be used.
pub const EXIT_USAGE: u8 = 64;

/// Environment variables and the keys that they set.
pub const BINDINGS: &[Binding] = &[
    ("EZ_API_HOST", "Api_server_hostname"),
    ("EZ_API_PORT", "Api_server_port"),
    ("EZ_REDIS_URL", "Redis.Url"),
    ("EZ_REDIS_HOST", "Redis.RedisIp"),
    ("EZ_REDIS_PORT", "Redis.RedisPort"),
    ("EZ_REDIS_PASSWORD", "Redis.RedisPassword"),
    ("EZ_REDIS_TLS", "Redis.Tls"),
    ("EZ_REDIS_PREFIX", "Redis.Prefix"),
    ("EZ_QUEUE_URL", "Queue.Url"),
    ("EZ_SQS_QUEUE_NAME", "Sqs.Queue_name"),
    ("EZ_SQS_PARKED_QUEUE_NAME", "Sqs.Parked_queue_name"),
    ("EZ_SQS_REGION", "Sqs.Region"),
    ("EZ_SQS_ENDPOINT", "Sqs.Endpoint"),
    ("EZ_SQS_ACCESS_KEY_ID", "Sqs.Access_key_id"),
    ("EZ_SQS_SECRET_ACCESS_KEY", "Sqs.Secret_access_key"),
    ("EZ_MASTER_KEY", "Master_key"),
    ("EZ_MASTER_KEY_FILE", "Master_key_file"),
    ("EZ_SERVICE_TOKEN", "Service_token"),
    ("EZ_SERVICE_TOKEN_FILE", "Service_token_file"),
    ("EZ_PLAYBACK_ENDPOINT", "Playback.Endpoint"),
    ("EZ_PLAYBACK_URL_TEMPLATE", "Playback.Url_template"),
    ("EZ_CONSOLE_BUCKET", "Console.Bucket"),
    ("EZ_MAX_JOBS", "Max_jobs"),
    ("EZ_ALLOWED_ORIGINS", "Allowed_origins"),
    ("EZ_API_METRICS", "Metrics"),
];

/// Everything that the service is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on. Default `127.0.0.1`: the API has no accounts, so whoever reaches it
    /// controls every job.
    #[serde(rename = "Api_server_hostname")]
    pub hostname: String,
    /// Port to listen on, as a text or a number. Default `"1080"`.
    #[serde(rename = "Api_server_port", with = "port")]
    pub port: u16,
    /// The state store.
    #[serde(rename = "Redis")]
    pub redis: RedisConfig,
    /// The command queue.
    #[serde(rename = "Queue")]
    pub queue: QueueConfig,
    /// SQS as the command queue, in the place of the Redis stream.
    #[serde(rename = "Sqs")]
    pub sqs: ez_queue::sqs::Keys,
    /// Where viewers find the media.
    #[serde(rename = "Playback")]
    pub playback: PlaybackConfig,
    /// The web console.
    #[serde(rename = "Console")]
    pub console: ConsoleConfig,
    /// The installation's master key as 64 hexadecimal digits. Better given as a file.
    #[serde(rename = "Master_key")]
    pub master_key: String,
    /// A file that holds the master key as 64 hexadecimal digits.
    #[serde(rename = "Master_key_file")]
    pub master_key_file: String,
    /// The token of this installation's services, by which workers tell their logs. Better given as a file.
    #[serde(rename = "Service_token")]
    pub service_token: String,
    /// A file that holds that token.
    #[serde(rename = "Service_token_file")]
    pub service_token_file: String,
    /// Most jobs that may exist; 0, the default, is no limit.
    #[serde(rename = "Max_jobs")]
    pub max_jobs: usize,
    /// Origins whose pages may use the API beside its own, separated by commas; `*` is all. Default empty: as there
    /// are no accounts, a page of anybody could control an API on loopback.
    #[serde(rename = "Allowed_origins")]
    pub allowed_origins: String,
    /// Whether `/metrics` is served. Default true: whoever reaches the API can list every job anyway, and
    /// the figures name none. Switch it off where a gateway lets the public in.
    #[serde(rename = "Metrics")]
    pub metrics: bool,
}

/// What the console is told.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleConfig {
    /// Bucket that the form for a new channel proposes. Default empty.
    #[serde(rename = "Bucket")]
    pub bucket: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hostname: "127.0.0.1".to_owned(),
            port: 1080,
            redis: RedisConfig::default(),
            queue: QueueConfig::default(),
            sqs: ez_queue::sqs::Keys::default(),
            playback: PlaybackConfig::default(),
            console: ConsoleConfig::default(),
            master_key: String::new(),
            master_key_file: String::new(),
            service_token: String::new(),
            service_token_file: String::new(),
            max_jobs: 0,
            allowed_origins: String::new(),
            metrics: true,
        }
    }
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// None was given.
    #[error(
        "no master key is configured: set EZ_MASTER_KEY, or Master_key_file to a file with 64 hexadecimal \
         digits (make one with: openssl rand -hex 32); every service of an installation uses the same"
    )]
    Missing,
    /// Two were given.
    #[error("both Master_key and Master_key_file are set: keep one")]
    Ambiguous,
    /// The file cannot be read.
    #[error("the master key file {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// What was given is no key.
    #[error("the master key cannot be used")]
    Unusable(#[source] SealError),
}

impl Config {
    /// Reads the master key from where the configuration says.
    ///
    /// # Errors
    /// See [`MasterKeyError`].
    pub fn master_key(&self) -> Result<MasterKey, MasterKeyError> {
        let text = match (self.master_key.is_empty(), self.master_key_file.is_empty()) {
            (true, true) => return Err(MasterKeyError::Missing),
            (false, false) => return Err(MasterKeyError::Ambiguous),
            (false, true) => self.master_key.clone(),
            (true, false) => {
                let path = self.master_key_file.clone();
                std::fs::read_to_string(&path)
                    .map_err(|source| MasterKeyError::Unreadable { path, source })?
            }
        };
        MasterKey::from_hex(&text).map_err(MasterKeyError::Unusable)
    }

    /// Reads the service token from where the configuration says.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn service_token(&self) -> Result<Option<Secret<String>>, TokenError> {
        token::read(&self.service_token, &self.service_token_file)
    }
}

#[cfg(test)]
mod tests;

//! The keys of the scheduler's configuration, and what they mean once they are checked.
//!
//! [`Config`] is what stands in the file (the original's keys where it had them); [`Settings`] is
//! what the service works with: addresses put together, secret files read, ranges checked.

mod settings;

use ez_domain::secret::Secret;
use ez_objects::s3::Checksums;
use ez_redis::RedisConfig;
use ez_service::config::Binding;
use serde::{Deserialize, Serialize};

pub use settings::{ConfigFault, Settings};

/// Environment variables and the keys that they set.
pub const BINDINGS: [Binding; 26] = [
    ("EZ_SCHEDULER_HOST", "Server_hostname"),
    ("EZ_SCHEDULER_PORT", "Server_port"),
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
    ("EZ_S3_REGION", "S3.Region"),
    ("EZ_S3_ENDPOINT", "S3.Endpoint"),
    ("EZ_S3_ACCESS_KEY_ID", "S3.Access_key_id"),
    ("EZ_S3_SECRET_ACCESS_KEY", "S3.Secret_access_key"),
    ("EZ_KEY_SERVER_URL", "Drm_key_server_url"),
    ("EZ_KEY_TOKEN", "Drm_key_server_token"),
    ("EZ_KEY_TOKEN_FILE", "Drm_key_server_token_file"),
    ("EZ_SERVICE_TOKEN", "Service_token"),
    ("EZ_SERVICE_TOKEN_FILE", "Service_token_file"),
    ("EZ_MASTER_KEY", "Master_key"),
    ("EZ_MASTER_KEY_FILE", "Master_key_file"),
];

/// What stands in the configuration file. An empty text means "not set".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Host name or address to listen on. Default `127.0.0.1`: workers on other hosts need another
    /// one, and then a service token is needed too.
    #[serde(rename = "Server_hostname")]
    pub server_hostname: String,
    /// Port to listen on, as a text. Default `3080`.
    #[serde(rename = "Server_port")]
    pub server_port: String,
    /// The state store.
    #[serde(rename = "Redis")]
    pub redis: RedisConfig,
    /// The command queue.
    #[serde(rename = "Queue")]
    pub queue: Queue,
    /// SQS as the command queue, in the place of the Redis stream.
    #[serde(rename = "Sqs")]
    pub sqs: ez_queue::sqs::Keys,
    /// How buckets are reached when the media of deleted jobs is removed.
    #[serde(rename = "S3")]
    pub s3: S3,
    /// Address of the key server, such as `http://127.0.0.1:5080/keys/`. Without one, jobs that are to be
    /// protected wait.
    #[serde(rename = "Drm_key_server_url")]
    pub drm_key_server_url: String,
    /// What the key server wants to see, in clear; prefer the file. Without either, the service token: better
    /// another one, which workers do not know.
    #[serde(rename = "Drm_key_server_token")]
    pub drm_key_server_token: Secret<String>,
    /// File with what the key server wants to see.
    #[serde(rename = "Drm_key_server_token_file")]
    pub drm_key_server_token_file: String,
    /// What workers must present, in clear; prefer the file.
    #[serde(rename = "Service_token")]
    pub service_token: Secret<String>,
    /// File with what workers must present.
    #[serde(rename = "Service_token_file")]
    pub service_token_file: String,
    /// Key under which stream keys are sealed, 64 hexadecimal digits; prefer the file.
    #[serde(rename = "Master_key")]
    pub master_key: Secret<String>,
    /// File with the key under which stream keys are sealed.
    #[serde(rename = "Master_key_file")]
    pub master_key_file: String,
    /// Share of a worker's capacity that estimates may take, in percent (10-100). Default 85.
    #[serde(rename = "Fill_percent")]
    pub fill_percent: u32,
}

/// The command queue, a Redis stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// Whole address; empty: the state store's Redis.
    #[serde(rename = "Url")]
    pub url: Secret<String>,
    /// Time in milliseconds after which a message that was not acknowledged is delivered again
    /// (1000-3600000). Default 30000.
    #[serde(rename = "Visibility_ms")]
    pub visibility_ms: u64,
}

/// How buckets are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3 {
    /// Region. Default `us-east-1`.
    #[serde(rename = "Region")]
    pub region: String,
    /// URL of a store other than AWS.
    #[serde(rename = "Endpoint")]
    pub endpoint: String,
    /// Which checksums go along: `auto` or `required_only`. Default `auto`.
    #[serde(rename = "Checksums")]
    pub checksums: Checksums,
    /// Access key id; without one the usual AWS chain is asked.
    #[serde(rename = "Access_key_id")]
    pub access_key_id: String,
    /// Secret half of the access key, in clear; prefer the file.
    #[serde(rename = "Secret_access_key")]
    pub secret_access_key: Secret<String>,
    /// File with the secret half of the access key.
    #[serde(rename = "Secret_access_key_file")]
    pub secret_access_key_file: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_hostname: "127.0.0.1".to_owned(),
            server_port: "3080".to_owned(),
            redis: RedisConfig::default(),
            queue: Queue::default(),
            sqs: ez_queue::sqs::Keys::default(),
            s3: S3::default(),
            drm_key_server_url: String::new(),
            drm_key_server_token: unset(),
            drm_key_server_token_file: String::new(),
            service_token: unset(),
            service_token_file: String::new(),
            master_key: unset(),
            master_key_file: String::new(),
            fill_percent: 85,
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self { url: unset(), visibility_ms: 30_000 }
    }
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            endpoint: String::new(),
            checksums: Checksums::Auto,
            access_key_id: String::new(),
            secret_access_key: unset(),
            secret_access_key_file: String::new(),
        }
    }
}

const fn unset() -> Secret<String> {
    Secret::new(String::new())
}

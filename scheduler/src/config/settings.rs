//! From what stands in the file to what the service works with.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use ez_domain::placement::Policy;
use ez_domain::secret::Secret;
use ez_objects::s3;
use ez_queue::{RedisStreamQueue, SqsQueue, sqs};
use ez_store::{MasterKey, RedisStore, SealError};
use reqwest::Url;

use super::{Config, S3};
use crate::app::{App, Timing};
use crate::buckets::S3Buckets;
use crate::key_source::{KeyServer, KeySource, NoKeyServer};

/// A checked configuration.
#[derive(Debug)]
pub struct Settings {
    /// Host name or address to listen on.
    pub hostname: String,
    /// Port to listen on.
    pub port: u16,
    store: ez_store::Config,
    queue: ez_queue::redis_stream::Config,
    sqs: Option<sqs::Config>,
    s3: s3::Config,
    master_key: MasterKey,
    service_token: Option<Secret<String>>,
    key_server: Option<(Url, Secret<String>)>,
    policy: Policy,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFault {
    /// A text that is no port.
    #[error("{key} is {text:?}: give a port number from 0 to 65535")]
    Port {
        /// Which key.
        key: &'static str,
        /// What it holds.
        text: String,
    },
    /// A number outside of its range.
    #[error("{key} is {value}: give a number from {least} to {most}")]
    Range {
        /// Which key.
        key: &'static str,
        /// What it holds.
        value: u64,
        /// The least possible.
        least: u64,
        /// The most possible.
        most: u64,
    },
    /// Host and port make no address.
    #[error("Redis.RedisIp is {0:?}: give a host name or an address")]
    RedisAddress(String),
    /// A secret given twice.
    #[error("{0} and {0}_file are both given: keep one (the environment counts too)")]
    GivenTwice(&'static str),
    /// A file with a secret that cannot be read.
    #[error("{key} names {path}, which cannot be read")]
    SecretFile {
        /// Which key.
        key: String,
        /// Which file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// An empty file where a secret is expected.
    #[error("{key} names {path}, which is empty")]
    EmptySecretFile {
        /// Which key.
        key: String,
        /// Which file.
        path: PathBuf,
    },
    /// An address of a key server that is none.
    #[error("Drm_key_server_url is {0:?}: give an http or https URL, such as http://127.0.0.1:5080/keys/")]
    KeyServerUrl(String),
    /// A key server, and nothing to prove oneself with.
    #[error(
        "Drm_key_server_url needs a token: give the key server's own by Drm_key_server_token_file \
         (or EZ_KEY_TOKEN_FILE), or Service_token_file if it has that"
    )]
    KeyServerWithoutToken,
    /// No master key.
    #[error(
        "no master key is configured: give the API's own one by Master_key_file or EZ_MASTER_KEY \
         (make one with: openssl rand -hex 32); without it no worker can check stream keys"
    )]
    NoMasterKey,
    /// A master key that is none.
    #[error("the master key cannot be used")]
    MasterKey(#[source] SealError),
    /// Half an access key.
    #[error("S3.Access_key_id and the secret access key belong together: give both or none")]
    HalfAccessKey,
    /// Half an access key for SQS.
    #[error(transparent)]
    Sqs(#[from] sqs::HalfAccessKey),
    /// An address that others reach, without a token.
    #[error(
        "Server_hostname is {0}, which other hosts can reach, and no service token is configured: \
         give Service_token_file (or EZ_SERVICE_TOKEN) here and to the workers, or listen on 127.0.0.1"
    )]
    OpenWithoutToken(String),
}

impl Config {
    /// Checks the keys and reads the secret files.
    ///
    /// # Errors
    /// The first fault, with the key and what to do.
    pub fn settings(self) -> Result<Settings, ConfigFault> {
        let port = port("Server_port", &self.server_port)?;
        let fill_percent = self.fill_percent;
        within("Fill_percent", u64::from(fill_percent), 10, 100)?;
        within("Queue.Visibility_ms", self.queue.visibility_ms, 1_000, 3_600_000)?;

        let store = self.redis.access();
        if self.redis.url.is_empty() && Url::parse(&store.url).is_err() {
            return Err(ConfigFault::RedisAddress(self.redis.host));
        }
        let given = self.queue.url.expose();
        let queue_url = if given.is_empty() { store.url.clone() } else { given.clone() };
        let queue = ez_queue::redis_stream::Config {
            url: queue_url,
            prefix: store.prefix.clone(),
            visibility_ms: self.queue.visibility_ms,
            ..Default::default()
        };

        let sqs = self
            .sqs
            .config()?
            .map(|sqs| sqs::Config { visibility_seconds: self.queue.visibility_ms.div_ceil(1000), ..sqs });
        let service_token = secret("Service_token", self.service_token, &self.service_token_file)?;
        if service_token.is_none() && !is_loopback(&self.server_hostname) {
            return Err(ConfigFault::OpenWithoutToken(self.server_hostname));
        }
        let key_token =
            secret("Drm_key_server_token", self.drm_key_server_token, &self.drm_key_server_token_file)?;
        let key_server = key_server(&self.drm_key_server_url, key_token.or_else(|| service_token.clone()))?;
        let master_key =
            secret("Master_key", self.master_key, &self.master_key_file)?.ok_or(ConfigFault::NoMasterKey)?;
        let master_key = MasterKey::from_hex(master_key.expose()).map_err(ConfigFault::MasterKey)?;

        Ok(Settings {
            hostname: self.server_hostname,
            port,
            store,
            queue,
            sqs,
            s3: self.s3.access()?,
            master_key,
            service_token,
            key_server,
            policy: Policy { fill_percent },
        })
    }
}

impl Settings {
    /// Prepares the edges; connections are made when they are needed.
    ///
    /// # Errors
    /// When an address cannot be read.
    pub fn connect(self) -> anyhow::Result<App> {
        let keys: Arc<dyn KeySource> = match self.key_server {
            None => Arc::new(NoKeyServer),
            Some((url, token)) => {
                Arc::new(KeyServer::new(url, token).context("prepare the client of the key server")?)
            }
        };
        Ok(App {
            keys,
            store: Arc::new(RedisStore::connect(&self.store).context("prepare the state store")?),
            queue: match self.sqs {
                Some(sqs) => Arc::new(SqsQueue::new(sqs)),
                None => {
                    Arc::new(RedisStreamQueue::connect(&self.queue).context("prepare the command queue")?)
                }
            },
            buckets: Arc::new(S3Buckets::new(self.s3)),
            master_key: Arc::new(self.master_key),
            service_token: self.service_token,
            policy: self.policy,
            timing: Timing::default(),
        })
    }
}

impl S3 {
    fn access(self) -> Result<s3::Config, ConfigFault> {
        let secret = secret("Secret_access_key", self.secret_access_key, &self.secret_access_key_file)?;
        let access_key = match (self.access_key_id.is_empty(), secret) {
            (true, None) => None,
            (false, Some(secret)) => Some(ez_aws::AccessKey { id: self.access_key_id, secret }),
            (true, Some(_)) | (false, None) => return Err(ConfigFault::HalfAccessKey),
        };
        Ok(s3::Config {
            region: self.region,
            endpoint: Some(self.endpoint).filter(|endpoint| !endpoint.is_empty()),
            checksums: self.checksums,
            access_key,
            ..s3::Config::new(String::new())
        })
    }
}

fn key_server(
    url: &str,
    token: Option<Secret<String>>,
) -> Result<Option<(Url, Secret<String>)>, ConfigFault> {
    if url.is_empty() {
        return Ok(None);
    }
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let parsed = parsed.ok_or_else(|| ConfigFault::KeyServerUrl(url.to_owned()))?;
    let token = token.ok_or(ConfigFault::KeyServerWithoutToken)?;
    Ok(Some((parsed, token)))
}

fn port(key: &'static str, text: &str) -> Result<u16, ConfigFault> {
    text.parse().map_err(|_| ConfigFault::Port { key, text: text.to_owned() })
}

const fn within(key: &'static str, value: u64, least: u64, most: u64) -> Result<(), ConfigFault> {
    if least <= value && value <= most { Ok(()) } else { Err(ConfigFault::Range { key, value, least, most }) }
}

/// A secret from its key or its file, without white space around it.
fn secret(
    key: &'static str,
    given: Secret<String>,
    file: &str,
) -> Result<Option<Secret<String>>, ConfigFault> {
    match (given.expose().is_empty(), file.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => Ok(Some(given)),
        (false, false) => Err(ConfigFault::GivenTwice(key)),
        (true, false) => {
            let (key, path) = (format!("{key}_file"), PathBuf::from(file));
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text.trim().to_owned(),
                Err(source) => return Err(ConfigFault::SecretFile { key, path, source }),
            };
            if text.is_empty() {
                Err(ConfigFault::EmptySecretFile { key, path })
            } else {
                Ok(Some(Secret::new(text)))
            }
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;

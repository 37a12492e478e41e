//! `endpoints.json`: where everything is. People, tests and benchmarks rely on its shape.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::layout::Layout;
use super::record::Contents;
use super::services::{REDIS, S3, url, worker_name};
use super::{Options, Scope};

/// Where the services are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Base URL of the API.
    pub api: String,
    /// The web console.
    pub console: String,
    /// Base URL of the scheduler.
    pub scheduler: String,
    /// Base URL of the key server.
    pub key_server: String,
    /// Base URL of the S3 that is used.
    pub s3: String,
    /// The bucket in it.
    pub bucket: String,
    /// The address of redis.
    pub redis: String,
    /// Base URL of each worker.
    pub workers: Vec<String>,
    /// First RTMP port of each worker.
    pub rtmp: Vec<u16>,
    /// The folder of the logs.
    pub logs: PathBuf,
    /// The process ids; 0 while a service is being started again.
    pub pids: Pids,
}

/// Process ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pids {
    /// `api_server`.
    pub api_server: u32,
    /// `scheduler`.
    pub scheduler: u32,
    /// `key_server`.
    pub key_server: u32,
    /// `worker_app`, one for each worker.
    pub worker_app: Vec<u32>,
    /// redis-server.
    pub redis: u32,
    /// The local S3; 0 where there is none.
    pub s3: u32,
}

impl Endpoints {
    pub(crate) fn new(options: &Options, layout: &Layout, record: &Contents) -> Self {
        let ports = &options.ports;
        let pid = |name: &str| record.services.get(name).map_or(0, |identity| identity.pid);
        let workers = if options.scope == Scope::Everything { 0..options.workers } else { 0..0 };
        Self {
            api: url(ports.api),
            console: format!("{}/", url(ports.api)),
            scheduler: url(ports.scheduler),
            key_server: url(ports.key_server),
            s3: options.s3_endpoint(),
            bucket: options.bucket().to_owned(),
            redis: format!("redis://127.0.0.1:{}/", ports.redis),
            workers: workers.clone().map(|k| url(ports.worker(k))).collect(),
            rtmp: workers.clone().map(|k| ports.rtmp(k)).collect(),
            logs: layout.logs(),
            pids: Pids {
                api_server: pid("api_server"),
                scheduler: pid("scheduler"),
                key_server: pid("key_server"),
                worker_app: workers.map(|k| pid(&worker_name(k))).collect(),
                redis: pid(REDIS),
                s3: pid(S3),
            },
        }
    }

    /// Reads `endpoints.json` of a data folder; `None` when there is none.
    pub fn read(layout: &Layout) -> Option<Self> {
        serde_json::from_str(&std::fs::read_to_string(layout.endpoints()).ok()?).ok()
    }
}

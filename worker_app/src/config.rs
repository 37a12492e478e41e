//! What can be configured: the keys of the file, and the settings that they stand for.
//!
//! Keys have the original's names where it had them. An empty text means "not set".

mod settings;

use std::path::PathBuf;

use ez_domain::secret::Secret;
use ez_service::config::Binding;
use serde::{Deserialize, Serialize};

pub use settings::{Settings, SettingsError};

/// Environment variables and the keys that they set.
pub const BINDINGS: &[Binding] = &[
    ("EZ_SCHEDULER_URL", "SchedulerUrl"),
    ("EZ_WORKER_PORT", "WorkerPort"),
    ("EZ_PUBLIC_HOST", "MyPublicIP"),
    ("EZ_CPU_CAPACITY", "CpuCapacity"),
    ("EZ_CONTROL_URL", "Control_url"),
    ("EZ_BIND_HOST", "Bind_host"),
    ("EZ_DATA_FOLDER", "Data_folder"),
    ("EZ_RTMP_BIND_HOST", "Rtmp_bind_host"),
    ("EZ_RTMP_PORT_BASE", "Rtmp_port_base"),
    ("EZ_RTMP_PORTS", "Rtmp_ports"),
    ("EZ_LEAST_FREE_DISK_MIB", "Least_free_disk_mib"),
    ("EZ_FFMPEG_PATH", "ffmpeg_path"),
    ("EZ_FFPROBE_PATH", "ffprobe_path"),
    ("EZ_PACKAGER_PATH", "packager_path"),
    ("EZ_TRANSCODER_PATH", "transcoder_path"),
    ("EZ_S3_REGION", "Store.region"),
    ("EZ_S3_ENDPOINT", "Store.endpoint"),
    ("EZ_S3_REQUIRED_CHECKSUMS_ONLY", "Store.required_checksums_only"),
    ("EZ_S3_ACCESS_KEY_ID", "Store.access_key_id"),
    ("EZ_S3_SECRET_KEY", "Store.secret_key"),
    ("EZ_TIME_URL", "Time_url"),
    ("EZ_SERVICE_TOKEN_FILE", "Service_token_file"),
    ("EZ_SERVICE_TOKEN", "Service_token"),
];

/// The keys of the configuration file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Base URL of the scheduler.
    #[serde(rename = "SchedulerUrl")]
    pub scheduler_url: String,
    /// Port of this service.
    #[serde(rename = "WorkerPort")]
    pub worker_port: String,
    /// Host name or address under which publishers reach this host.
    #[serde(rename = "MyPublicIP")]
    pub public_host: String,
    /// What the host can carry, in thousandths of a core; measured when not set.
    #[serde(rename = "CpuCapacity")]
    pub cpu_capacity: Option<u32>,
    /// Base URL under which the scheduler reaches this service; made of host and port when empty.
    #[serde(rename = "Control_url")]
    pub control_url: String,
    /// Address that this service binds.
    #[serde(rename = "Bind_host")]
    pub bind_host: String,
    /// Folder for identity, runs and logs; at most about 90 characters, as it holds a Unix socket.
    #[serde(rename = "Data_folder")]
    pub data_folder: PathBuf,
    /// Address that the RTMP listeners of the runs bind.
    #[serde(rename = "Rtmp_bind_host")]
    pub rtmp_bind_host: String,
    /// First port of the pool for RTMP listeners.
    #[serde(rename = "Rtmp_port_base")]
    pub rtmp_port_base: u16,
    /// Ports in the pool: the most runs at a time.
    #[serde(rename = "Rtmp_ports")]
    pub rtmp_ports: u16,
    /// Free space of the data folder's disk in MiB below which no further run is taken.
    #[serde(rename = "Least_free_disk_mib")]
    pub least_free_disk_mib: u64,
    /// The program ffmpeg.
    pub ffmpeg_path: PathBuf,
    /// The program ffprobe.
    pub ffprobe_path: PathBuf,
    /// The program packager.
    pub packager_path: PathBuf,
    /// The program `worker_transcoder`; the one beside this program when empty.
    pub transcoder_path: PathBuf,
    /// Where the media goes.
    #[serde(rename = "Store")]
    pub store: StoreConfig,
    /// URL that tells players the time.
    #[serde(rename = "Time_url")]
    pub time_url: String,
    /// File that holds the token of the services.
    #[serde(rename = "Service_token_file")]
    pub service_token_file: PathBuf,
    /// The token itself; meant for the environment.
    #[serde(rename = "Service_token")]
    pub service_token: Secret<String>,
}

/// How the bucket is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Region of the bucket.
    pub region: String,
    /// Base URL of an S3-compatible store; AWS when empty.
    pub endpoint: String,
    /// Send only the checksums that S3 requires.
    pub required_checksums_only: bool,
    /// Access key id; the usual AWS chain is used when empty.
    pub access_key_id: String,
    /// The secret key to it.
    pub secret_key: Secret<String>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            endpoint: String::new(),
            required_checksums_only: false,
            access_key_id: String::new(),
            secret_key: Secret::new(String::new()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scheduler_url: "http://127.0.0.1:3080".into(),
            worker_port: "2080".into(),
            public_host: "127.0.0.1".into(),
            cpu_capacity: None,
            control_url: String::new(),
            bind_host: "127.0.0.1".into(),
            data_folder: "/var/lib/ezlivestreaming/worker".into(),
            rtmp_bind_host: "127.0.0.1".into(),
            rtmp_port_base: 1935,
            rtmp_ports: 15,
            // One channel's media of ten minutes, which is what an outage of the bucket costs.
            least_free_disk_mib: 512,
            ffmpeg_path: "ffmpeg".into(),
            ffprobe_path: "ffprobe".into(),
            packager_path: "packager".into(),
            transcoder_path: PathBuf::new(),
            store: StoreConfig::default(),
            time_url: String::new(),
            service_token_file: PathBuf::new(),
            service_token: Secret::new(String::new()),
        }
    }
}

#[cfg(test)]
mod tests;

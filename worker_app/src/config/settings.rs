//! What the configuration stands for: parsed, checked, with the token read from its file.

use std::path::{Path, PathBuf};

use ez_api::internal::StoreAccess;
use ez_domain::secret::Secret;
use url::Url;

use super::{Config, StoreConfig};
use crate::disk::Bytes;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value makes no sense.
    #[error("{key} is {found:?}: {remedy}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        remedy: &'static str,
    },
    /// The token file cannot be read.
    #[error("Service_token_file {path} cannot be read: make it readable for this user, or leave the key out")]
    TokenFile {
        /// Which file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// What the configuration stands for, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Base URL of the scheduler, without a slash at its end.
    pub scheduler_url: String,
    /// Address that this service binds.
    pub bind_host: String,
    /// Port that it binds.
    pub port: u16,
    /// Base URL under which the scheduler reaches it, if it is not the bound address.
    pub control_url: Option<String>,
    /// Host name or address for publishers.
    pub public_host: String,
    /// Capacity in thousandths of a core, if it is not to be measured.
    pub capacity_millicores: Option<u32>,
    /// Absolute path of the data folder.
    pub data_folder: PathBuf,
    /// Address that RTMP listeners bind.
    pub rtmp_bind_host: String,
    /// First RTMP port.
    pub rtmp_port_base: u16,
    /// Number of RTMP ports.
    pub rtmp_ports: u16,
    /// Free space below which no further run is taken.
    pub least_free_disk: Bytes,
    /// ffmpeg, as configured.
    pub ffmpeg: PathBuf,
    /// ffprobe, as configured.
    pub ffprobe: PathBuf,
    /// packager, as configured.
    pub packager: PathBuf,
    /// `worker_transcoder`, if it is not the one beside this program.
    pub transcoder: Option<PathBuf>,
    /// Where the media goes.
    pub store: StoreAccess,
    /// URL that tells players the time.
    pub time_url: Option<String>,
    /// What the services prove themselves with to each other.
    pub service_token: Option<Secret<String>>,
}

impl Config {
    /// Checks the values and reads the token file.
    ///
    /// # Errors
    /// The first value that makes no sense, with what would.
    pub fn resolve(self) -> Result<Settings, SettingsError> {
        let port = self.worker_port.parse::<u16>().map_err(|_| SettingsError::Value {
            key: "WorkerPort",
            found: self.worker_port.clone(),
            remedy: "write a port as text, for example \"2080\"",
        })?;
        if self.rtmp_ports == 0 || self.rtmp_port_base.checked_add(self.rtmp_ports - 1).is_none() {
            return Err(SettingsError::Value {
                key: "Rtmp_ports",
                found: self.rtmp_ports.to_string(),
                remedy: "at least one port is needed, and Rtmp_port_base + Rtmp_ports may not exceed 65536",
            });
        }
        if self.public_host.is_empty() {
            return Err(SettingsError::Value {
                key: "MyPublicIP",
                found: self.public_host,
                remedy: "name the host or address that publishers connect to",
            });
        }
        let service_token = self.token()?;
        let store = self.store.resolve()?;
        Ok(Settings {
            scheduler_url: http_url("SchedulerUrl", self.scheduler_url)?.ok_or(SettingsError::Value {
                key: "SchedulerUrl",
                found: String::new(),
                remedy: "name the scheduler, for example \"http://127.0.0.1:3080\"",
            })?,
            port,
            control_url: http_url("Control_url", self.control_url)?,
            capacity_millicores: self.cpu_capacity.filter(|&millicores| millicores > 0),
            data_folder: std::path::absolute(&self.data_folder).map_err(|_| SettingsError::Value {
                key: "Data_folder",
                found: self.data_folder.display().to_string(),
                remedy: "name a folder",
            })?,
            bind_host: self.bind_host,
            public_host: self.public_host,
            rtmp_bind_host: self.rtmp_bind_host,
            rtmp_port_base: self.rtmp_port_base,
            rtmp_ports: self.rtmp_ports,
            least_free_disk: Bytes(self.least_free_disk_mib.saturating_mul(1 << 20)),
            ffmpeg: self.ffmpeg_path,
            ffprobe: self.ffprobe_path,
            packager: self.packager_path,
            transcoder: Some(self.transcoder_path).filter(|path| !path.as_os_str().is_empty()),
            store,
            time_url: Some(self.time_url).filter(|url| !url.is_empty()),
            service_token,
        })
    }

    fn token(&self) -> Result<Option<Secret<String>>, SettingsError> {
        if !self.service_token.expose().is_empty() {
            return Ok(Some(self.service_token.clone()));
        }
        let path: &Path = &self.service_token_file;
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::TokenFile { path: path.to_owned(), source })?;
        let token = text.trim();
        if token.is_empty() {
            return Err(SettingsError::Value {
                key: "Service_token_file",
                found: path.display().to_string(),
                remedy: "the file is empty; an empty token would let everybody in",
            });
        }
        Ok(Some(Secret::new(token.to_owned())))
    }
}

impl StoreConfig {
    fn resolve(self) -> Result<StoreAccess, SettingsError> {
        let keys = match (self.access_key_id.is_empty(), self.secret_key.expose().is_empty()) {
            (true, true) => None,
            (false, false) => Some((self.access_key_id, self.secret_key)),
            (_, missing_secret) => {
                return Err(SettingsError::Value {
                    key: if missing_secret { "Store.secret_key" } else { "Store.access_key_id" },
                    found: String::new(),
                    remedy: "give both access_key_id and secret_key, or neither to use the AWS chain",
                });
            }
        };
        Ok(StoreAccess {
            region: self.region,
            endpoint: http_url("Store.endpoint", self.endpoint)?,
            required_checksums_only: self.required_checksums_only,
            keys,
        })
    }
}

fn http_url(key: &'static str, text: String) -> Result<Option<String>, SettingsError> {
    if text.is_empty() {
        return Ok(None);
    }
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(Some(text.trim_end_matches('/').to_owned()))
        }
        _ => Err(SettingsError::Value {
            key,
            found: text,
            remedy: "write a URL that begins with http:// or https://",
        }),
    }
}

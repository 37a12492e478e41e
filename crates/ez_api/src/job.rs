//! A job as the API answers it.
//!
//! The original's keys come first, in its spelling and order, so that its clients read
//! these answers unchanged; what we add follows from `Phase` on. A time that is not set
//! is `0001-01-01T00:00:00Z`, as the original writes it.

mod statistics;
pub(crate) mod time;

use ez_domain::id::{Epoch, JobId};
use ez_domain::job::PhaseName;
use ez_domain::secret::Secret;
use ez_domain::units::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use statistics::{SegmentUploads, Statistics};

use crate::spec_document::SpecDocument;
use crate::words;

/// What stands for a masked secret.
const MASK: &str = "********";

/// The original's four words for what a job does; `Phase` says it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Accepted; not yet on a worker.
    Created,
    /// On a worker; nobody publishes.
    Running,
    /// A publisher is connected and media flows.
    Streaming,
    /// Ended; can be resumed or deleted.
    Stopped,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Created, Self::Running, Self::Streaming, Self::Stopped];

    /// The word itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Streaming => "streaming",
            Self::Stopped => "stopped",
        }
    }
}

impl From<PhaseName> for State {
    fn from(phase: PhaseName) -> Self {
        match phase {
            PhaseName::Pending | PhaseName::Assigned | PhaseName::Backoff => Self::Created,
            PhaseName::Listening | PhaseName::Interrupted | PhaseName::Stopping | PhaseName::Finishing => {
                Self::Running
            }
            PhaseName::Streaming => Self::Streaming,
            PhaseName::Stopped | PhaseName::Failed | PhaseName::Deleting => Self::Stopped,
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveJob {
    /// Identity of the job.
    #[serde(rename = "Id")]
    #[schema(value_type = String, format = Uuid)]
    pub id: JobId,
    /// The original's word for what the job does.
    #[serde(rename = "State")]
    pub state: State,
    /// When a worker last reported, in milliseconds since 1970; 0 when none did.
    #[serde(rename = "Time_last_worker_report_ms")]
    pub time_last_worker_report_ms: u64,
    /// Bit rate of the contribution in kbit/s.
    #[serde(rename = "Ingress_bandwidth_kbps")]
    pub ingress_bandwidth_kbps: u64,
    /// CPU of the run in percent of one core, such as `143.0`; empty when not known.
    #[serde(rename = "Transcoding_cpu_utilization")]
    pub transcoding_cpu_utilization: String,
    /// Bytes received from publishers.
    #[serde(rename = "Total_bytes_ingested")]
    pub total_bytes_ingested: u64,
    /// Seconds on a worker.
    #[serde(rename = "Total_up_seconds")]
    pub total_up_seconds: u64,
    /// Seconds with a publisher.
    #[serde(rename = "Total_active_seconds")]
    pub total_active_seconds: u64,
    /// The manifest to play: HLS where the job has it, else DASH.
    #[serde(rename = "Playback_url")]
    pub playback_url: String,
    /// Where to publish; empty until the listener is bound. It holds the stream key.
    #[serde(rename = "RtmpIngestUrl")]
    #[schema(value_type = String)]
    pub rtmp_ingest_url: Secret<String>,
    /// Port of the listener; 0 until it is bound.
    #[serde(rename = "RtmpIngestPort")]
    pub rtmp_ingest_port: u16,
    /// Where a description of the contribution lies; empty until there is one.
    #[serde(rename = "Input_info_url")]
    pub input_info_url: String,
    /// What was ordered, with every default written out.
    #[serde(rename = "Spec")]
    pub spec: SpecDocument,
    /// What is unwise in it; see [`crate::fault::warnings_text`].
    #[serde(rename = "Job_validation_warnings")]
    pub job_validation_warnings: String,
    /// What a publisher proves itself with.
    #[serde(rename = "StreamKey")]
    #[schema(value_type = String)]
    pub stream_key: Secret<String>,
    /// When the job was made.
    #[serde(rename = "Time_created", with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub time_created: Option<Timestamp>,
    /// When a scheduler first took it up.
    #[serde(rename = "Time_received_by_scheduler", with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub time_received_by_scheduler: Option<Timestamp>,
    /// When a worker last took it up.
    #[serde(rename = "Time_received_by_worker", with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub time_received_by_worker: Option<Timestamp>,
    /// The worker that holds it; empty when none does.
    #[serde(rename = "Assigned_worker_id")]
    pub assigned_worker_id: String,
    /// The content key, never in clear; all empty for a channel in clear.
    #[serde(rename = "DrmEncryptionKeyInfo")]
    pub drm_encryption_key_info: DrmEncryptionKeyInfo,
    /// A stop was asked for and is not yet done.
    #[serde(rename = "Stop")]
    pub stop: bool,
    /// The job is being deleted.
    #[serde(rename = "Delete")]
    pub delete: bool,
    /// The exact phase of its life.
    #[serde(rename = "Phase")]
    #[schema(schema_with = words::phase)]
    pub phase: String,
    /// Why it is in this phase, in words for people.
    #[serde(rename = "Reason")]
    pub reason: String,
    /// Who has to act in this phase: `caller`, `contribution`, `destination`, `worker` or `bug`.
    #[serde(rename = "Fault", default)]
    #[schema(schema_with = words::fault_or_null, required)]
    pub fault: Option<String>,
    /// Every manifest of the job.
    #[serde(rename = "Playback_urls")]
    pub playback_urls: PlaybackUrls,
    /// Number of the present run; it only grows.
    #[serde(rename = "Epoch")]
    #[schema(value_type = u64)]
    pub epoch: Epoch,
    /// Runs that had to be placed again since the job was last started.
    #[serde(rename = "Restarts")]
    pub restarts: u64,
    /// Why it failed, when it did.
    #[serde(rename = "Failure")]
    pub failure: Option<Failure>,
    /// What the worker last measured.
    #[serde(rename = "Statistics")]
    pub statistics: Statistics,
}

impl LiveJob {
    /// The job as lists show it: without what would let a reader publish.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let key = self.stream_key.expose();
        let url = self.rtmp_ingest_url.expose();
        // Without a known key the secret part of the address cannot be told, so all of it goes.
        let masked_url = match (url.is_empty(), key.is_empty()) {
            (true, _) => String::new(),
            (false, false) if url.contains(key.as_str()) => url.replace(key.as_str(), MASK),
            (false, _) => MASK.to_owned(),
        };
        self.rtmp_ingest_url = Secret::new(masked_url);
        if !self.stream_key.expose().is_empty() {
            self.stream_key = Secret::new(MASK.to_owned());
        }
        self
    }
}

/// The addresses of a job's manifests; empty for what it does not deliver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaybackUrls {
    /// The multivariant playlist.
    pub hls: String,
    /// The MPD.
    pub dash: String,
}

/// The original's description of a content key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrmEncryptionKeyInfo {
    /// Identity of the key.
    #[serde(rename = "Key_id")]
    pub key_id: String,
    /// The key; never the clear one.
    #[serde(rename = "Key")]
    pub key: String,
    /// Identity of what it protects.
    #[serde(rename = "Content_id")]
    pub content_id: String,
    /// When it was made.
    #[serde(rename = "Time_created", with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub time_created: Option<Timestamp>,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// On whose side the cause lies, in one word.
    #[schema(schema_with = words::fault)]
    pub fault: String,
    /// What happened and what to do, in words for people.
    pub reason: String,
    /// When it was decided.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Option<Timestamp>,
}

#[cfg(test)]
mod tests;

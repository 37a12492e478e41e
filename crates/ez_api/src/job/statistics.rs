//! What the worker of a job last measured.

use ez_domain::durations::Durations;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Figures of the present run; zero and empty where nothing was measured yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statistics {
    /// Bit rate of the contribution in kbit/s.
    #[serde(rename = "Ingress_kbps")]
    pub ingress_kbps: u64,
    /// Frame rate of the contribution.
    #[serde(rename = "Video_fps")]
    pub video_fps: f64,
    /// Width of the contribution in pixels.
    #[serde(rename = "Video_width")]
    pub video_width: u32,
    /// Height of the contribution in pixels.
    #[serde(rename = "Video_height")]
    pub video_height: u32,
    /// Video codec of the contribution.
    #[serde(rename = "Video_codec")]
    pub video_codec: String,
    /// Audio codec of the contribution.
    #[serde(rename = "Audio_codec")]
    pub audio_codec: String,
    /// Distance of the contribution's key frames.
    #[serde(rename = "Key_frame_interval_seconds")]
    pub key_frame_interval_seconds: f64,
    /// Bytes received from publishers.
    #[serde(rename = "Bytes_ingested")]
    pub bytes_ingested: u64,
    /// Seconds on a worker.
    #[serde(rename = "Up_seconds")]
    pub up_seconds: u64,
    /// Seconds with a publisher.
    #[serde(rename = "Active_seconds")]
    pub active_seconds: u64,
    /// Publishers that went, whether they said so or were lost.
    #[serde(rename = "Publisher_disconnects", default)]
    pub publisher_disconnects: u64,
    /// How far the publisher's clock has fallen behind since it came; negative when it runs fast.
    #[serde(rename = "Clock_drift_seconds", default)]
    pub clock_drift_seconds: f64,
    /// What transcoder, ffmpeg and packager together use of the processors; 1 is a whole core.
    #[serde(rename = "Cpu_cores", default)]
    pub cpu_cores: f64,
    /// Speed of the encoder against real time; below 1 it falls behind.
    #[serde(rename = "Encode_speed")]
    pub encode_speed: f64,
    /// Frames left out to keep the constant rate.
    #[serde(rename = "Dropped_frames")]
    pub dropped_frames: u64,
    /// Frames repeated to keep the constant rate.
    #[serde(rename = "Duplicated_frames")]
    pub duplicated_frames: u64,
    /// Segments that wait for the store.
    #[serde(rename = "Upload_backlog")]
    pub upload_backlog: u64,
    /// Segments left out because the spool was full.
    #[serde(rename = "Given_up_segments", default)]
    pub given_up_segments: u64,
    /// Requests that the store failed; they are made again.
    #[serde(rename = "Store_failures", default)]
    pub store_failures: u64,
    /// Age of the newest published segment: how far viewers are behind at least.
    #[serde(rename = "Newest_segment_age_seconds")]
    pub newest_segment_age_seconds: f64,
    /// Time from the arrival of the newest segment's last frame until the playlists named that segment.
    #[serde(rename = "Publish_latency_seconds", default)]
    pub publish_latency_seconds: f64,
    /// How long segments took to be stored.
    #[serde(rename = "Segment_uploads", default)]
    pub segment_uploads: SegmentUploads,
    /// Whether this run's description of the contribution lies at `Input_info_url`.
    #[serde(rename = "Input_info_stored", default)]
    pub input_info_stored: bool,
}

/// How long segments took to be stored, tries that failed included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SegmentUploads {
    /// All of them together, in milliseconds.
    #[serde(rename = "Sum_ms")]
    pub sum_ms: u64,
    /// How many took up to 50, 100, 250, 500, 1000, 2500, 5000, 10000 ms and longer, each beyond the one before.
    #[serde(rename = "Counts")]
    pub counts: Vec<u64>,
}

impl From<&Durations> for SegmentUploads {
    fn from(durations: &Durations) -> Self {
        Self { sum_ms: durations.sum_ms, counts: durations.counts.to_vec() }
    }
}

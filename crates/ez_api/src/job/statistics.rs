//! What the worker of a job last measured.

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
    /// Whether this run's description of the contribution lies at `Input_info_url`.
    #[serde(rename = "Input_info_stored", default)]
    pub input_info_stored: bool,
}

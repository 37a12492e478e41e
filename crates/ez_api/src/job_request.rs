//! What `POST /jobs` takes, as a description for the API document.
//!
//! It describes and reads nothing: [`crate::create_job`] reads requests. Tests hold that both know the
//! same keys and limits.

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::words;

/// A job to be made.
///
/// Keys may be written in upper or lower case; `null` and, for texts, `""` count as absent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// What comes out.
    #[serde(rename = "Output")]
    pub output: OutputRequest,
    /// Dry run: the document is checked and its warnings are answered; nothing is made.
    #[serde(rename = "Api_test")]
    pub api_test: Option<Flag>,
    /// Ignored, with a warning: the platform chooses where to publish.
    #[serde(rename = "Input")]
    #[schema(value_type = Option<Object>)]
    pub input: Option<()>,
}

/// A yes or no: `true`, `false`, 1 or 0.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Flag {
    /// As a word.
    Word(bool),
    /// As a number.
    Number(u8),
}

/// A bit rate: a text such as `500k` or `1.5m`, or bits per second.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum BitrateRequest {
    /// With a unit.
    Text(String),
    /// In bits per second.
    BitsPerSecond(u64),
}

impl PartialSchema for BitrateRequest {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        let number = number.description(Some("Without a unit."));
        let choice = OneOfBuilder::new().item(words::bits("With a unit.")).item(number);
        choice
            .description(Some("Bits or bits per second: a text such as `500k` or `1.5m`, or a number."))
            .into()
    }
}

impl ToSchema for BitrateRequest {}

/// What comes out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputRequest {
    /// Manifests to publish.
    #[serde(rename = "Stream_type")]
    pub stream_type: StreamType,
    /// Container of the segments.
    #[serde(rename = "Segment_format")]
    pub segment_format: Option<SegmentFormat>,
    /// Length of a segment in seconds; 4 when absent.
    #[serde(rename = "Segment_duration")]
    #[schema(minimum = 1, maximum = 30)]
    pub segment_duration: Option<u32>,
    /// Distance of key frames in seconds; 1 when absent. It divides `Segment_duration`.
    #[serde(rename = "Fragment_duration")]
    #[schema(minimum = 1, maximum = 10)]
    pub fragment_duration: Option<u32>,
    /// Encode for the smallest delay.
    #[serde(rename = "Low_latency_mode")]
    pub low_latency_mode: Option<Flag>,
    /// How far back viewers can seek, in seconds; 120 when absent.
    #[serde(rename = "Time_shift_buffer_depth")]
    #[schema(minimum = 0, maximum = 14400)]
    pub time_shift_buffer_depth: Option<u32>,
    /// How long a lost publisher is waited for, in seconds; 60 when absent.
    #[serde(rename = "Reconnect_window")]
    #[schema(minimum = 0, maximum = 1800)]
    pub reconnect_window: Option<u32>,
    /// Content protection.
    #[serde(rename = "Drm")]
    pub drm: Option<DrmRequest>,
    /// Object detection of the original: not supported here.
    #[serde(rename = "Detection")]
    #[schema(value_type = Option<Object>)]
    pub detection: Option<()>,
    /// Where segments and manifests are published.
    #[serde(rename = "S3_output")]
    pub s3_output: S3Request,
    /// The ladder; with `Audio_outputs` at least one rendition.
    #[serde(rename = "Video_outputs")]
    #[schema(max_items = 10)]
    pub video_outputs: Option<Vec<VideoRequest>>,
    /// Audio renditions, the first is the default.
    #[serde(rename = "Audio_outputs")]
    #[schema(max_items = 5)]
    pub audio_outputs: Option<Vec<AudioRequest>>,
}

/// Content protection; the two words belong together.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrmRequest {
    /// Only 0: the key lies beside the media.
    #[serde(rename = "Disable_clear_key")]
    pub disable_clear_key: Option<Flag>,
    /// What delivers the key.
    #[serde(rename = "Protection_system")]
    #[schema(schema_with = words::protection_system_or_null)]
    pub protection_system: Option<String>,
    /// How the media is encrypted.
    #[serde(rename = "Protection_scheme")]
    #[schema(schema_with = words::protection_scheme_or_null)]
    pub protection_scheme: Option<String>,
}

/// Manifests to publish.
#[derive(Debug, Serialize, ToSchema)]
pub enum StreamType {
    /// HLS playlists.
    #[serde(rename = "hls")]
    Hls,
    /// A DASH manifest.
    #[serde(rename = "dash")]
    Dash,
    /// Both, from the same segments.
    #[serde(rename = "hls+dash")]
    HlsAndDash,
}

/// Container of the segments.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SegmentFormat {
    /// Fragmented MP4.
    Fmp4,
    /// The same by another name.
    Cmaf,
}

/// The origin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[serde(rename_all = "PascalCase")]
pub struct S3Request {
    /// Name of the bucket.
    #[schema(min_length = 3, max_length = 63, pattern = "^[a-z0-9][a-z0-9.-]+[a-z0-9]$")]
    pub bucket: String,
}

/// One rendition of the ladder.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[serde(rename_all = "PascalCase")]
pub struct VideoRequest {
    /// Name of the rendition and its folder; unique in the job.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    pub label: Option<String>,
    /// Video codec.
    #[schema(schema_with = words::video_codec)]
    pub codec: String,
    /// Constant frame rate, 1 to 120; 0 or absent keeps that of the first contribution.
    #[schema(minimum = 0, maximum = 120)]
    pub framerate: Option<f64>,
    /// Width in pixels; even.
    #[schema(minimum = 64, maximum = 3840, multiple_of = 2)]
    pub width: u32,
    /// Height in pixels; even.
    #[schema(minimum = 64, maximum = 2160, multiple_of = 2)]
    pub height: u32,
    /// Average bit rate, 10k to 100000k.
    pub bitrate: BitrateRequest,
    /// Peak bit rate, not below `Bitrate`; 120 % of it when absent.
    #[serde(rename = "Max_bitrate")]
    pub max_bitrate: Option<BitrateRequest>,
    /// Decoder buffer in bits; twice one second of `Bitrate` when absent.
    #[serde(rename = "Buf_size")]
    pub buf_size: Option<BitrateRequest>,
    /// Encoder speed against quality per bit; `veryfast` when absent.
    #[schema(schema_with = words::preset_or_null)]
    pub preset: Option<String>,
    /// Constant quality, 1 to 51 for H.264; 0 or absent encodes by bit rate alone.
    #[schema(minimum = 0, maximum = 63)]
    pub crf: Option<u8>,
    /// Encoder threads; 2 when absent.
    #[schema(minimum = 1, maximum = 64)]
    pub threads: Option<u32>,
}

/// One audio rendition, 48 kHz stereo.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[serde(rename_all = "PascalCase")]
pub struct AudioRequest {
    /// Name of the rendition and its folder; unique in the job.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    pub label: Option<String>,
    /// Audio codec.
    #[schema(schema_with = words::audio_codec)]
    pub codec: String,
    /// Bit rate, 8k to 512k.
    pub bitrate: BitrateRequest,
}

#[cfg(test)]
mod tests;

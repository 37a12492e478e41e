//! A checked specification as JSON, in the spelling of the original.
//!
//! The inverse of [`crate::create_job::parse`]: reading a document back gives an equal
//! specification, with the same warnings. Every value is written out, also those that
//! the request left to a default, so that a job shows what it really does. The
//! original's `Input`, `Detection` and `Api_test` are no part of what a job is and are
//! not written.

use ez_domain::spec::{AudioRendition, Delivery, JobSpec, Protection, VideoRendition};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::words;

/// `Spec` of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct SpecDocument {
    /// What comes out.
    pub output: OutputDocument,
}

/// `Spec.Output`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutputDocument {
    /// `hls`, `dash` or `hls+dash`.
    #[serde(rename = "Stream_type")]
    #[schema(schema_with = words::stream_type)]
    pub stream_type: String,
    /// Always `fmp4`.
    #[serde(rename = "Segment_format")]
    #[schema(schema_with = words::segment_format)]
    pub segment_format: String,
    /// Segment duration in seconds.
    #[serde(rename = "Segment_duration")]
    pub segment_duration: u32,
    /// Key-frame interval in seconds.
    #[serde(rename = "Fragment_duration")]
    pub fragment_duration: u32,
    /// Encode for the smallest delay: 0 or 1.
    #[serde(rename = "Low_latency_mode", with = "crate::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub low_latency_mode: bool,
    /// Time-shift window in seconds.
    #[serde(rename = "Time_shift_buffer_depth")]
    pub time_shift_buffer_depth: u32,
    /// Seconds that a run waits for a lost publisher.
    #[serde(rename = "Reconnect_window")]
    pub reconnect_window: u32,
    /// Content protection.
    #[serde(rename = "Drm")]
    pub drm: DrmDocument,
    /// The origin.
    #[serde(rename = "S3_output")]
    pub s3_output: S3Document,
    /// The ladder.
    #[serde(rename = "Video_outputs")]
    pub video_outputs: Vec<VideoDocument>,
    /// The audio renditions.
    #[serde(rename = "Audio_outputs")]
    pub audio_outputs: Vec<AudioDocument>,
}

/// `Spec.Output.Drm`; all unset means that the channel is in clear.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrmDocument {
    /// Whether the key may not lie beside the media: always 0.
    #[serde(rename = "Disable_clear_key", with = "crate::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub disable_clear_key: bool,
    /// `FairPlay`, or empty.
    #[serde(rename = "Protection_system")]
    #[schema(schema_with = words::protection_system)]
    pub protection_system: String,
    /// `cbcs`, or empty.
    #[serde(rename = "Protection_scheme")]
    #[schema(schema_with = words::protection_scheme)]
    pub protection_scheme: String,
}

/// `Spec.Output.S3_output`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct S3Document {
    /// Name of the bucket.
    pub bucket: String,
}

/// One element of `Spec.Output.Video_outputs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct VideoDocument {
    /// Name of the rendition and its folder.
    pub label: String,
    /// Such as `h264`.
    #[schema(schema_with = words::video_codec)]
    pub codec: String,
    /// Frames per second; 0 for the rate of the contribution.
    #[serde(serialize_with = "whole_when_it_is")]
    pub framerate: f64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Average bit rate, such as `500k`.
    #[schema(schema_with = words::average_bitrate)]
    pub bitrate: String,
    /// Peak bit rate.
    #[serde(rename = "Max_bitrate")]
    #[schema(schema_with = words::peak_bitrate)]
    pub max_bitrate: String,
    /// Decoder buffer in bits.
    #[serde(rename = "Buf_size")]
    #[schema(schema_with = words::buffer)]
    pub buf_size: String,
    /// Encoder preset.
    #[schema(schema_with = words::preset)]
    pub preset: String,
    /// Constant rate factor; 0 when unset.
    pub crf: u8,
    /// Encoder threads.
    pub threads: u32,
}

/// One element of `Spec.Output.Audio_outputs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct AudioDocument {
    /// Name of the rendition and its folder.
    pub label: String,
    /// Such as `aac`.
    #[schema(schema_with = words::audio_codec)]
    pub codec: String,
    /// Bit rate, such as `128k`.
    #[schema(schema_with = words::average_bitrate)]
    pub bitrate: String,
}

impl From<&JobSpec> for SpecDocument {
    fn from(spec: &JobSpec) -> Self {
        let stream_type = match spec.delivery {
            Delivery::Hls => "hls",
            Delivery::Dash => "dash",
            Delivery::HlsAndDash => "hls+dash",
        };
        Self {
            output: OutputDocument {
                stream_type: stream_type.to_owned(),
                segment_format: "fmp4".to_owned(),
                segment_duration: spec.segment_seconds,
                fragment_duration: spec.gop_seconds,
                low_latency_mode: spec.low_latency,
                time_shift_buffer_depth: spec.window_seconds,
                reconnect_window: spec.reconnect_seconds,
                drm: DrmDocument::from(spec.protection),
                s3_output: S3Document { bucket: spec.bucket.to_string() },
                video_outputs: spec.video.iter().map(VideoDocument::from).collect(),
                audio_outputs: spec.audio.iter().map(AudioDocument::from).collect(),
            },
        }
    }
}

impl From<Option<Protection>> for DrmDocument {
    fn from(protection: Option<Protection>) -> Self {
        match protection {
            None => Self::default(),
            Some(Protection::CbcsClearKey) => Self {
                disable_clear_key: false,
                protection_system: "FairPlay".to_owned(),
                protection_scheme: "cbcs".to_owned(),
            },
        }
    }
}

impl From<&VideoRendition> for VideoDocument {
    fn from(video: &VideoRendition) -> Self {
        Self {
            label: video.name.to_string(),
            codec: video.codec.to_string(),
            // Three places are what a request is read to, and 29.97 stands for 30000/1001.
            framerate: video.frame_rate.map_or(0.0, |rate| (rate.as_f64() * 1000.0).round() / 1000.0),
            width: video.width,
            height: video.height,
            bitrate: video.bitrate.to_string(),
            max_bitrate: video.max_bitrate.to_string(),
            buf_size: video.buffer_bits.to_string(),
            preset: video.preset.to_string(),
            crf: video.crf.unwrap_or(0),
            threads: video.threads,
        }
    }
}

impl From<&AudioRendition> for AudioDocument {
    fn from(audio: &AudioRendition) -> Self {
        Self {
            label: audio.name.to_string(),
            codec: audio.codec.to_string(),
            bitrate: audio.bitrate.to_string(),
        }
    }
}

/// 25, not 25.0: as the original and every other JSON writer spells it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn whole_when_it_is<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and inside u32, as asked just here"
    )]
    if value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(value) {
        serializer.serialize_u32(*value as u32)
    } else {
        serializer.serialize_f64(*value)
    }
}

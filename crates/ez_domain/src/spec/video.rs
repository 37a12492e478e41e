//! Video renditions.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::RenditionName;
use crate::units::{Bitrate, FrameRate};

/// One encoded video output: one rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoRendition {
    /// Folder and identity of the rendition.
    pub name: RenditionName,
    /// The codec it is encoded with.
    pub codec: VideoCodec,
    /// Width in pixels; even.
    pub width: u32,
    /// Height in pixels; even.
    pub height: u32,
    /// Constant output frame rate; `None` takes the rate of the first contribution for life.
    pub frame_rate: Option<FrameRate>,
    /// Average bit rate aimed at; with [`VideoRendition::crf`] only a hint.
    pub bitrate: Bitrate,
    /// Peak bit rate over the buffer; the source of the advertised `BANDWIDTH`.
    pub max_bitrate: Bitrate,
    /// Decoder buffer in bits.
    pub buffer_bits: Bitrate,
    /// Speed against quality of the encoder.
    pub preset: Preset,
    /// Constant rate factor; the bit rate is then capped by `max_bitrate`.
    pub crf: Option<u8>,
    /// Encoder threads.
    pub threads: u32,
}

/// A video codec that renditions are encoded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// H.264 / AVC (ISO/IEC 14496-10), by libx264.
    H264,
    /// H.265 / HEVC (ISO/IEC 23008-2), by libx265.
    H265,
    /// AV1, by SVT-AV1.
    Av1,
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Av1 => "av1",
        })
    }
}

/// Encoder preset: the x264 family's names, or SVT-AV1's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Fastest, lowest quality per bit.
    Ultrafast,
    /// Very low cost.
    Superfast,
    /// The usual choice for live ladders.
    Veryfast,
    /// A little slower than `veryfast`.
    Faster,
    /// Slower still.
    Fast,
    /// x264's own default.
    Medium,
    /// Beyond what most live workers carry.
    Slow,
    /// Beyond what most live workers carry.
    Slower,
    /// Beyond what most live workers carry.
    Veryslow,
    /// For experiments only.
    Placebo,
    /// An SVT-AV1 preset number, 0 (slowest) to 13.
    #[serde(untagged)]
    SvtAv1(u8),
}

impl Preset {
    /// The named presets, fastest first.
    pub const NAMED: [(&'static str, Self); 10] = [
        ("ultrafast", Self::Ultrafast),
        ("superfast", Self::Superfast),
        ("veryfast", Self::Veryfast),
        ("faster", Self::Faster),
        ("fast", Self::Fast),
        ("medium", Self::Medium),
        ("slow", Self::Slow),
        ("slower", Self::Slower),
        ("veryslow", Self::Veryslow),
        ("placebo", Self::Placebo),
    ];

    /// The named preset spelled `text`.
    pub fn named(text: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|(name, _)| *name == text).map(|(_, preset)| preset)
    }

    /// Whether the preset is slower than `fast`, which few live workers carry.
    pub const fn is_slow_for_live(self) -> bool {
        match self {
            Self::Medium | Self::Slow | Self::Slower | Self::Veryslow | Self::Placebo => true,
            Self::Ultrafast | Self::Superfast | Self::Veryfast | Self::Faster | Self::Fast => false,
            Self::SvtAv1(number) => number < 12,
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::SvtAv1(number) = self {
            return number.fmt(formatter);
        }
        let name = Self::NAMED.iter().find(|(_, preset)| preset == self).map_or("veryfast", |(name, _)| name);
        formatter.write_str(name)
    }
}

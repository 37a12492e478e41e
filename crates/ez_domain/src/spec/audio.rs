//! Audio renditions.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::RenditionName;
use crate::units::Bitrate;

/// One encoded audio output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioRendition {
    /// Folder and identity of the rendition.
    pub name: RenditionName,
    /// The codec it is encoded with.
    pub codec: AudioCodec,
    /// Constant bit rate.
    pub bitrate: Bitrate,
}

/// An audio codec that renditions are encoded with; always 48 kHz stereo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// AAC-LC (ISO/IEC 14496-3).
    Aac,
    /// MPEG-1 layer III.
    Mp3,
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Aac => "aac",
            Self::Mp3 => "mp3",
        })
    }
}

//! The specification of a job: what comes out, in which shape, and where to.
//!
//! These types hold only what passed the rules of [`rules`]; they are made from a
//! request by `ez_api`, which reports every fault at once. A stored specification is
//! immutable for the life of a run: the encoder settings of a job are the same in all
//! its periods (players keep the first initialisation segment otherwise).

pub mod audio;
pub mod name;
pub mod rules;
pub mod video;

use serde::{Deserialize, Serialize};

pub use audio::{AudioCodec, AudioRendition};
pub use name::{BucketName, RenditionName};
pub use video::{Preset, VideoCodec, VideoRendition};

/// Everything a run needs to know about its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The manifests that viewers are given.
    pub delivery: Delivery,
    /// Segment duration in whole seconds (1-30); constant for the life of the channel.
    pub segment_seconds: u32,
    /// Key-frame interval in whole seconds (1-10); divides the segment duration.
    pub gop_seconds: u32,
    /// Encode without look-ahead and B-frames, for the smallest delay.
    pub low_latency: bool,
    /// Time-shift window in seconds that viewers can seek back in (0-14400).
    ///
    /// Zero means the smallest window that plays.
    pub window_seconds: u32,
    /// How long, in seconds, a run waits for a lost publisher in the same period (0-1800).
    pub reconnect_seconds: u32,
    /// How the media is protected; `None` leaves it in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
    /// The bucket that serves as origin.
    pub bucket: BucketName,
    /// The video ladder, in the order of the request.
    pub video: Vec<VideoRendition>,
    /// The audio renditions, in the order of the request; the first is the default.
    pub audio: Vec<AudioRendition>,
}

/// The manifests a channel is published with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// HLS playlists only.
    Hls,
    /// A DASH manifest only.
    Dash,
    /// Both, from the same segments.
    HlsAndDash,
}

/// How media is encrypted and how players come by the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// `cbcs` (ISO/IEC 23001-7 10.4), and the key lies beside the media, for whoever may read that.
    ///
    /// That is for tests of a protected delivery: it keeps out nobody who can read the playlists.
    CbcsClearKey,
}

impl Delivery {
    /// Whether HLS playlists are published.
    pub const fn has_hls(self) -> bool {
        match self {
            Self::Hls | Self::HlsAndDash => true,
            Self::Dash => false,
        }
    }

    /// Whether a DASH manifest is published.
    pub const fn has_dash(self) -> bool {
        match self {
            Self::Dash | Self::HlsAndDash => true,
            Self::Hls => false,
        }
    }
}

impl JobSpec {
    /// Names of all renditions, video first, each in the order of the request.
    pub fn rendition_names(&self) -> impl Iterator<Item = &RenditionName> {
        self.video
            .iter()
            .map(|rendition| &rendition.name)
            .chain(self.audio.iter().map(|rendition| &rendition.name))
    }
}

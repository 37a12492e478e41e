//! What is constant from one end of the channel to the next: settings and the renditions of the ladder.

use serde::{Deserialize, Serialize};

use super::Measured;

/// Settings that every manifest of the channel follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// EXT-X-TARGETDURATION: whole seconds, at least the longest segment rounded.
    pub target_duration_s: u32,
    /// Nominal segment duration in milliseconds.
    pub segment_ms: u32,
    /// Wished time-shift window in seconds; 0 means the smallest that plays.
    pub window_s: u32,
    /// How far behind the live edge players begin (MPD `suggestedPresentationDelay`).
    pub presentation_delay_ms: u32,
    /// Frame rate resolved from the first contribution, as numerator and denominator.
    pub frame_rate: Option<(u32, u32)>,
}

impl Settings {
    /// The window that is kept, in milliseconds: never below `max(3 target durations,
    /// presentation delay + 2 segments)`, under which players stall (RFC 8216 6.2.2 asks for
    /// three target durations).
    pub fn window_ms(&self) -> i64 {
        let wished = i64::from(self.window_s) * 1000;
        let by_target = 3 * i64::from(self.target_duration_s) * 1000;
        let by_delay = i64::from(self.presentation_delay_ms) + 2 * i64::from(self.segment_ms);
        wished.max(by_target).max(by_delay)
    }
}

/// Video or audio with what manifests say about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A rung of the ladder.
    Video {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Frames per second as numerator and denominator.
        frame_rate: Option<(u32, u32)>,
    },
    /// A sound track.
    Audio {
        /// Samples per second.
        sample_rate: Option<u32>,
        /// Channels.
        channels: Option<u32>,
        /// RFC 5646 language tag.
        language: Option<String>,
    },
}

impl Kind {
    /// Whether this is sound.
    pub fn is_audio(&self) -> bool {
        matches!(self, Self::Audio { .. })
    }
}

/// One encoded output of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rendition {
    /// Folder name below the job's prefix; unique in the ladder.
    pub name: String,
    /// Video or audio.
    pub kind: Kind,
    /// Upper bound of the bitrate that the request declares, in bits per second.
    pub declared_bps: u64,
    /// RFC 6381 codec string of the first init segment; manifests name the rendition once it
    /// is known, and it stays although later periods may differ in profile.
    pub codec: Option<String>,
    /// Bitrates of the published segments.
    pub measured: Measured,
}

impl Rendition {
    /// A rendition of which nothing was published yet.
    pub fn new(name: impl Into<String>, kind: Kind, declared_bps: u64) -> Self {
        Self { name: name.into(), kind, declared_bps, codec: None, measured: Measured::default() }
    }

    /// BANDWIDTH: the larger of what was declared and what was measured, in bits per second.
    pub fn bandwidth_bps(&self) -> u64 {
        self.declared_bps.max(self.measured.peak_rounded_bps())
    }

    /// AVERAGE-BANDWIDTH, once something was measured.
    pub fn average_bps(&self) -> Option<u64> {
        self.measured.average_rounded_bps().map(|average| average.min(self.bandwidth_bps()))
    }
}

//! A period and its tracks: entries in slots, on the period's own media clock.
//!
//! In JSON a track's entries are runs `[t, d, [bytes, bytes, ...]]`: entries of equal duration
//! `d` that follow each other without a hole from decode time `t` on; 0 bytes stand for a GAP.

use std::{fmt, num::NonZeroU64};

use serde::{Deserialize, Serialize};

use crate::ticks;

/// Name of a period: `<epoch>-<n>`, also its folder below the job's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PeriodId {
    /// Epoch of the run that made it.
    pub epoch: u64,
    /// Number inside the epoch, from 1.
    pub number: u32,
}

impl fmt::Display for PeriodId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.epoch, self.number)
    }
}

impl From<PeriodId> for String {
    fn from(id: PeriodId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for PeriodId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let (epoch, number) = text.split_once('-').ok_or("a period is named <epoch>-<n>")?;
        let parsed = Self {
            epoch: epoch.parse().map_err(|_| "the epoch of a period is a number")?,
            number: number.parse().map_err(|_| "the number of a period is a number")?,
        };
        if parsed.to_string() == text { Ok(parsed) } else { Err("a period is named <epoch>-<n>") }
    }
}

/// One entry of a rendition: a segment, or a GAP where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Decode time in ticks.
    pub t: u64,
    /// Duration in ticks.
    pub d: u64,
    /// Size of the segment; `None` for a GAP.
    pub bytes: Option<NonZeroU64>,
}

impl Entry {
    /// Decode time at which it ends.
    pub fn end(&self) -> u64 {
        self.t.saturating_add(self.d)
    }

    /// Whether it stands for media that is not there.
    pub fn is_gap(&self) -> bool {
        self.bytes.is_none()
    }
}

/// What an init segment says about a rendition in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInfo {
    /// Ticks per second.
    pub timescale: u32,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Sample rate and channels of audio, to complete the ladder.
    pub audio: Option<(u32, u32)>,
    /// `#EXT-X-KEY:` lines of the period, their URIs as players shall see them from
    /// `<rendition>/playlist.m3u8`.
    pub keys: Vec<String>,
    /// `ContentProtection` elements of the period; prefixes `cenc` and `mspr` are declared.
    pub protection: Option<String>,
}

/// A rendition inside a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// Ticks per second; until the track is declared, that of the period's anchor.
    pub timescale: u32,
    /// Whether its init segment was uploaded.
    pub declared: bool,
    /// Number of its entries that have left the window.
    pub left: u64,
    /// `#EXT-X-KEY:` lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// `ContentProtection` elements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<String>,
    /// Entries in the window.
    #[serde(with = "super::stored::runs")]
    pub entries: Vec<Entry>,
}

impl Track {
    pub(super) fn undeclared(timescale: u32) -> Self {
        Self { timescale, declared: false, left: 0, keys: Vec::new(), protection: None, entries: Vec::new() }
    }

    /// Whether it lists at least one segment.
    pub fn has_media(&self) -> bool {
        self.entries.iter().any(|entry| !entry.is_gap())
    }
}

/// One unbroken stretch of media made by one ffmpeg and packager pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// Name and folder.
    pub id: PeriodId,
    /// Discontinuity sequence number; final with the first slot.
    pub index: u64,
    /// Wall clock (ms) of its media zero point; final with the first slot.
    pub start_ms: i64,
    /// Media zero point: decode time and timescale of the first video segment (audio where
    /// there is no video). `None` before the first slot.
    pub anchor: Option<(u64, u32)>,
    /// Whether nothing will be appended any more.
    pub closed: bool,
    /// Tracks in the order of the ladder.
    pub tracks: Vec<Track>,
}

impl Period {
    /// The media zero point in the ticks of a track (`presentationTimeOffset`): the same
    /// instant for every track.
    pub fn zero(&self, track: &Track) -> u64 {
        self.anchor.map_or(0, |(t, timescale)| ticks::rescale(t, timescale, track.timescale))
    }

    /// Wall clock (ms) of a decode time, rounded to the nearest millisecond.
    pub fn wall_ms(&self, track: &Track, t: u64) -> i64 {
        self.start_ms.saturating_add(ticks::ms_round(self.ticks_from_zero(track, t), track.timescale))
    }

    /// As [`Self::wall_ms`], rounded up.
    pub(super) fn wall_ms_ceil(&self, track: &Track, t: u64) -> i64 {
        self.start_ms.saturating_add(ticks::ms_ceil(self.ticks_from_zero(track, t), track.timescale))
    }

    /// Distance of a decode time from the media zero point.
    pub(super) fn ticks_from_zero(&self, track: &Track, t: u64) -> i128 {
        i128::from(t) - i128::from(self.zero(track))
    }

    /// Wall clock (ms, rounded up) at which the last segment of any track ends.
    pub fn end_ms(&self) -> Option<i64> {
        let ends = self.tracks.iter().filter_map(|track| {
            let last = track.entries.iter().rev().find(|entry| !entry.is_gap())?;
            Some(self.wall_ms_ceil(track, last.end()))
        });
        ends.max()
    }

    /// Whether a content key belongs to it.
    pub(super) fn is_encrypted(&self) -> bool {
        self.tracks.iter().any(|track| !track.keys.is_empty())
    }

    /// Whether no slot was appended yet.
    pub(super) fn is_empty(&self) -> bool {
        self.tracks.iter().all(|track| track.entries.is_empty())
    }
}

//! One period's output: from the run's clock to FLV timestamps, and into the replay memory.
//!
//! Invariant: within a period the timestamps of each track's frames grow strictly, and a header never
//! goes before the frame that precedes it.

use std::time::Duration;

use bytes::Bytes;

use super::ring::{Class, Entry, Replay, Ring};
use super::time::{Nanos, duration, to_ms};
use crate::flv::{Kind, Tag};
use crate::media::video::Codec;

/// One unbroken FLV stream, the input of one ffmpeg process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Counts from 1 within the contribution.
    pub number: u32,
    /// The moment on the run's clock that timestamp 0 of this period stands for: the arrival of its
    /// first media. `origin + timestamp` is the ingest time that PROGRAM-DATE-TIME is anchored on.
    pub origin: Duration,
}

/// Stamps tags and keeps them for replay.
#[derive(Debug)]
pub(crate) struct Writer {
    number: u32,
    origin: Option<Nanos>,
    grid: Nanos,
    codec: Option<Codec>,
    last_ms: [Option<i64>; 2],
    ring: Ring,
    tags: Vec<Tag>,
}

impl Writer {
    pub(crate) const fn new(ring: Ring) -> Self {
        Self { number: 1, origin: None, grid: 0, codec: None, last_ms: [None; 2], ring, tags: Vec::new() }
    }

    /// Fixes timestamp 0; `grid` is the presentation time of the first picture.
    pub(crate) fn anchor(&mut self, origin: Nanos, grid: Nanos, codec: Codec) -> Period {
        self.origin = Some(origin);
        self.grid = grid;
        self.codec = Some(codec);
        Period { number: self.number, origin: duration(origin) }
    }

    pub(crate) const fn origin(&self) -> Option<Nanos> {
        self.origin
    }

    pub(crate) const fn grid(&self) -> Nanos {
        self.grid
    }

    pub(crate) const fn codec(&self) -> Option<Codec> {
        self.codec
    }

    pub(crate) fn period(&self) -> Option<Period> {
        let origin = self.origin?;
        Some(Period { number: self.number, origin: duration(origin) })
    }

    pub(crate) const fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Begins a stream without an origin yet.
    pub(crate) fn begin_period(&mut self) {
        self.number = self.number.saturating_add(1);
        self.origin = None;
        self.codec = None;
        self.last_ms = [None; 2];
    }

    /// Forgets what cannot be replayed into the present stream.
    pub(crate) fn clear_ring(&mut self) {
        self.ring.clear();
    }

    /// Writes one tag and remembers it.
    pub(crate) fn write(&mut self, entry: Entry) {
        self.stamp(&entry);
        self.ring.push(entry);
    }

    /// Writes remembered tags into the fresh, anchored stream.
    pub(crate) fn replay(&mut self, replay: &Replay, audio_header: &Bytes) {
        let Some(first) = replay.entries.first() else { return };
        let header = |kind, body: &Bytes| Entry {
            kind,
            class: Class::Header,
            dts: first.dts,
            pts: first.dts,
            body: body.clone(),
            is_filler: false,
        };
        self.stamp(&header(Kind::Video, &replay.video_header));
        self.stamp(&header(Kind::Audio, replay.audio_header.as_ref().unwrap_or(audio_header)));
        for entry in &replay.entries {
            self.stamp(entry);
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Tag> {
        std::mem::take(&mut self.tags)
    }

    fn stamp(&mut self, entry: &Entry) {
        let Some(origin) = self.origin else { return };
        let last = &mut self.last_ms[usize::from(entry.kind == Kind::Audio)];
        let ms = to_ms(entry.dts.saturating_sub(origin)).max(0);
        let ms = match (*last, entry.class) {
            (None, _) => ms,
            (Some(last), Class::Header) => ms.max(last),
            (Some(last), _) => ms.max(last + 1),
        };
        if entry.class != Class::Header {
            *last = Some(ms);
        }
        // FLV timestamps wrap at 32 bits after 49.7 days; ffmpeg unrolls them.
        let timestamp_ms = u32::try_from(ms & 0xFFFF_FFFF).unwrap_or(u32::MAX);
        self.tags.push(Tag { kind: entry.kind, timestamp_ms, body: entry.body.clone() });
    }
}

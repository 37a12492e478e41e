//! One period's output: from the run's clock to FLV timestamps, and into the replay memory.
//!
//! Invariant: within a period the timestamps of each track's frames grow strictly, and a header never
//! goes before the frame that precedes it.

use std::time::Duration;

use bytes::Bytes;

use super::ring::{Class, Entry, Replay, Ring, Source};
use super::time::{MS, Nanos, duration, to_ms};
use crate::flv::{Kind, Tag};
use crate::media::video::Codec;

/// One unbroken FLV stream, the input of one ffmpeg process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Counts from 1 within the contribution.
    pub number: u32,
    /// The moment on the run's clock that timestamp 0 of this period stands for: the arrival of its
    /// first media.
    pub origin: Duration,
    /// The moment on the run's clock that the encoder's output begins at: PROGRAM-DATE-TIME is anchored on
    /// it. The origin, unless media is replayed.
    pub begins: Duration,
    /// How much the encoder has to leave out of what it is given, because the period before has shown it: a
    /// decoder can only begin at a key frame. In the encoder's time, which begins with the first picture or
    /// sound, whichever is first.
    pub preroll: Duration,
}

/// Pictures come up to so much earlier than they should: timestamps are whole milliseconds, and clocks of
/// publishers are not quite even. What is at most so much too early is not left out.
const EARLY: Nanos = 5 * MS;

/// Stamps tags and keeps them for replay.
#[derive(Debug)]
pub(crate) struct Writer {
    number: u32,
    origin: Option<Nanos>,
    grid: Nanos,
    codec: Option<Codec>,
    last_ms: [Option<i64>; 2],
    /// Presentation times of the first picture and sound, in milliseconds from the origin.
    first_ms: [Option<i64>; 2],
    /// Where the output begins, when that is not with the first media.
    shown_from: Option<Nanos>,
    ring: Ring,
    tags: Vec<Tag>,
}

impl Writer {
    pub(crate) const fn new(ring: Ring) -> Self {
        Self {
            number: 1,
            origin: None,
            grid: 0,
            codec: None,
            last_ms: [None; 2],
            first_ms: [None; 2],
            shown_from: None,
            ring,
            tags: Vec::new(),
        }
    }

    /// Fixes timestamp 0; `grid` is the presentation time of the first picture.
    pub(crate) fn anchor(&mut self, origin: Nanos, grid: Nanos, codec: Codec) -> Period {
        self.origin = Some(origin);
        self.grid = grid;
        self.codec = Some(codec);
        self.described(origin)
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
        self.origin.map(|origin| self.described(origin))
    }

    fn described(&self, origin: Nanos) -> Period {
        let origin = duration(origin);
        Period { number: self.number, origin, begins: origin, preroll: Duration::ZERO }
    }

    /// The moment on the run's clock that the output's time 0 stands for; `None` before there is media.
    pub(crate) fn media_zero(&self) -> Option<Nanos> {
        let first_ms = self.first_ms.iter().flatten().min()?;
        self.shown_from.or_else(|| Some(self.origin? + first_ms * MS))
    }

    /// Lets the output begin at `from`, where what is replayed begins before that.
    pub(crate) fn show_from(&mut self, from: Nanos, period: Period) -> Period {
        let Some(zero) = self.media_zero() else { return period };
        let preroll = from.saturating_sub(zero).saturating_sub(EARLY);
        if preroll <= 0 {
            return period;
        }
        self.shown_from = Some(from);
        self.grid = from;
        Period { begins: duration(from), preroll: duration(preroll), ..period }
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
        self.first_ms = [None; 2];
        self.shown_from = None;
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
            source: Source::Live,
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
            let first = &mut self.first_ms[usize::from(entry.kind == Kind::Audio)];
            first.get_or_insert(ms + to_ms(entry.pts.saturating_sub(entry.dts)));
        }
        // FLV timestamps wrap at 32 bits after 49.7 days. ffmpeg does not unroll those of a file that began at zero,
        // so whoever owns the timeline begins another one before.
        let timestamp_ms = u32::try_from(ms & 0xFFFF_FFFF).unwrap_or(u32::MAX);
        self.tags.push(Tag { kind: entry.kind, timestamp_ms, body: entry.body.clone() });
    }
}

//! What was written lately, for replay into a fresh ffmpeg.
//!
//! Bounded in bytes and time. Repeats of one filler picture share their bytes and count as next to
//! nothing. The headers in effect at the oldest entry are kept beside.

use std::collections::VecDeque;

use bytes::Bytes;

use super::time::Nanos;
use crate::flv::Kind;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Header,
    KeyFrame,
    Frame,
}

/// Where the body of an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The publisher, or it is a header.
    Live,
    /// A filler, whose bytes all of its kind share.
    Repeat,
    /// A filler with bytes of its own.
    Copy,
}

/// A written tag by its time on the run's clock.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) class: Class,
    pub(crate) dts: Nanos,
    pub(crate) pts: Nanos,
    pub(crate) body: Bytes,
    pub(crate) source: Source,
}

impl Entry {
    fn cost(&self) -> usize {
        128 + if self.source == Source::Repeat { 0 } else { self.body.len() }
    }
}

/// Headers to begin with and the entries to follow.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    pub(crate) video_header: Bytes,
    pub(crate) audio_header: Option<Bytes>,
    /// The first one is a key frame.
    pub(crate) entries: Vec<Entry>,
}

/// The bounded memory of what was written.
#[derive(Debug)]
pub(crate) struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
    max_bytes: usize,
    window: Nanos,
    video_header: Option<Bytes>,
    audio_header: Option<Bytes>,
}

impl Ring {
    pub(crate) const fn new(max_bytes: usize, window: Nanos) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, max_bytes, window, video_header: None, audio_header: None }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        let horizon = entry.dts.saturating_sub(self.window);
        self.bytes += entry.cost();
        self.entries.push_back(entry);
        while self.bytes > self.max_bytes || self.entries.front().is_some_and(|oldest| oldest.dts < horizon) {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.cost();
            if oldest.class == Class::Header {
                *self.header_slot(oldest.kind) = Some(oldest.body);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.max_bytes, self.window);
    }

    /// From the last key frame shown at or before `from` on; without `from`, from the last key frame.
    pub(crate) fn since(&self, from: Option<Nanos>) -> Option<Replay> {
        let is_key = |entry: &Entry| entry.class == Class::KeyFrame;
        let first = self.entries.iter().position(is_key)?;
        let start = self
            .entries
            .iter()
            .rposition(|entry| is_key(entry) && from.is_none_or(|from| entry.pts <= from))
            .unwrap_or(first);
        let key = self.entries.get(start)?;
        let mut headers = (self.video_header.clone(), self.audio_header.clone());
        // Audio is interleaved: what plays after the key frame may have been written before it.
        let mut early = Vec::new();
        for entry in self.entries.iter().take(start) {
            match (entry.class, entry.kind) {
                (Class::Header, Kind::Video) => headers.0 = Some(entry.body.clone()),
                (Class::Header, _) if early.is_empty() => headers.1 = Some(entry.body.clone()),
                (_, Kind::Audio) if entry.dts >= key.dts => early.push(entry.clone()),
                (Class::Header, Kind::Audio) => early.push(entry.clone()),
                _ => {}
            }
        }
        let rest = self.entries.iter().skip(start + 1);
        let rest = rest.filter(|entry| {
            entry.kind == Kind::Video || entry.dts >= key.dts || entry.class == Class::Header
        });
        let entries = std::iter::once(key.clone()).chain(early).chain(rest.cloned()).collect();
        Some(Replay { video_header: headers.0?, audio_header: headers.1, entries })
    }

    /// The pictures of the last live GOP.
    pub(crate) fn last_gop(&self) -> Vec<Entry> {
        let is_live = |entry: &&Entry| {
            entry.kind == Kind::Video && entry.source == Source::Live && entry.class != Class::Header
        };
        let mut pictures: Vec<_> = self.entries.iter().rev().filter(is_live).cloned().collect();
        if let Some(key) = pictures.iter().position(|entry| entry.class == Class::KeyFrame) {
            pictures.truncate(key + 1);
            pictures.reverse();
            pictures
        } else {
            Vec::new()
        }
    }

    const fn header_slot(&mut self, kind: Kind) -> &mut Option<Bytes> {
        match kind {
            Kind::Video => &mut self.video_header,
            Kind::Audio | Kind::Script => &mut self.audio_header,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::time::{MS, SECOND};

    fn entry(kind: Kind, class: Class, ms: i64, size: usize) -> Entry {
        let (dts, body) = (ms * MS, Bytes::from(vec![0; size]));
        Entry { kind, class, dts, pts: dts, body, source: Source::Live }
    }

    fn filled(max_bytes: usize, window: Nanos) -> Ring {
        let mut ring = Ring::new(max_bytes, window);
        ring.push(entry(Kind::Video, Class::Header, 0, 7));
        ring.push(entry(Kind::Audio, Class::Header, 0, 3));
        for frame in 0..300 {
            let class = if frame % 30 == 0 { Class::KeyFrame } else { Class::Frame };
            ring.push(entry(Kind::Audio, Class::Frame, frame * 33 + 1, 10));
            ring.push(entry(Kind::Video, class, frame * 33, 100));
        }
        ring
    }

    #[test]
    fn replay_begins_with_the_key_frame_before() {
        let ring = filled(1 << 20, 60 * SECOND);
        let cases =
            [(Some(0), 0), (Some(2000), 1980), (Some(1979), 990), (Some(1_000_000), 8910), (None, 8910)];
        for (from, expected) in cases {
            let replay = ring.since(from.map(|ms| ms * MS)).unwrap();
            assert_eq!(replay.entries[0].dts, expected * MS, "{from:?}");
            assert_eq!((replay.video_header.len(), replay.audio_header.unwrap().len()), (7, 3));
            assert!(replay.entries.iter().all(|entry| entry.dts >= expected * MS));
            assert_eq!(replay.entries[1].dts, (expected + 1) * MS, "audio written before its key frame");
        }
    }

    #[test]
    fn bounds_hold_and_headers_survive() {
        let by_time = filled(1 << 20, 3 * SECOND);
        assert!(by_time.entries.front().unwrap().dts >= 299 * 33 * MS - 3 * SECOND);
        assert_eq!(by_time.since(Some(0)).unwrap().video_header.len(), 7);
        let by_bytes = filled(20_000, 60 * SECOND);
        assert!(by_bytes.bytes <= 20_000);
        assert!(by_bytes.since(None).is_some());
        assert!(filled(100, 60 * SECOND).since(None).is_none(), "nothing fits");
    }

    #[test]
    fn last_gop_is_live_pictures_only() {
        let mut ring = filled(1 << 20, 60 * SECOND);
        ring.push(Entry { source: Source::Repeat, ..entry(Kind::Video, Class::KeyFrame, 10_000, 100) });
        let gop = ring.last_gop();
        assert_eq!((gop.len(), gop[0].class, gop[0].dts), (30, Class::KeyFrame, 8910 * MS));
    }
}

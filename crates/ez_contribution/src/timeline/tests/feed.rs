//! Synthetic publishers and the rules that every output has to keep.

use std::time::Duration;

use bytes::Bytes;

use crate::flv::{Kind, Tag};
use crate::media::audio;
use crate::media::silence;
use crate::media::video::{Packet, Role};
use crate::timeline::{Contribution, Event, FrameDuration, Output, Period, Settings};

pub(super) fn settings(rate: u32) -> Settings {
    Settings::new(FrameDuration::from_rate(rate, 1).unwrap())
}

pub(super) fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

pub(super) fn tag(kind: Kind, timestamp_ms: u32, body: &[u8]) -> Tag {
    Tag { kind, timestamp_ms, body: Bytes::copy_from_slice(body) }
}

/// An H.264 header; `id` tells publishers apart.
pub(super) fn avc_header(timestamp_ms: u32, id: u8) -> Tag {
    tag(Kind::Video, timestamp_ms, &[0x17, 0, 0, 0, 0, id])
}

pub(super) fn hevc_header(timestamp_ms: u32) -> Tag {
    tag(Kind::Video, timestamp_ms, b"\x90hvc1\x01")
}

/// The encoder's time is in the payload, so that it can be told what became of it.
pub(super) fn picture(timestamp_ms: u32, is_key: bool, composition: u8, id: u8) -> Tag {
    let [t0, t1, t2, t3] = timestamp_ms.to_be_bytes();
    let first = if is_key { 0x17 } else { 0x27 };
    tag(Kind::Video, timestamp_ms, &[first, 1, 0, 0, composition, t0, t1, t2, t3, id])
}

pub(super) fn aac_header(timestamp_ms: u32, config: [u8; 2]) -> Tag {
    tag(Kind::Audio, timestamp_ms, &[0xAF, 0, config[0], config[1]])
}

pub(super) fn aac(timestamp_ms: u32, id: u8) -> Tag {
    let [t0, t1, t2, t3] = timestamp_ms.to_be_bytes();
    tag(Kind::Audio, timestamp_ms, &[0xAF, 1, 0xEE, t0, t1, t2, t3, id])
}

pub(super) const STEREO_44: [u8; 2] = [0x12, 0x10];
pub(super) const MONO_48: [u8; 2] = [0x11, 0x88];

/// An encoder: regular pictures and audio from timestamp `base` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoder {
    pub(super) id: u8,
    pub(super) base: u32,
    pub(super) rate: u64,
    pub(super) gop: u64,
    pub(super) composition: u8,
    pub(super) audio: Option<([u8; 2], u64)>,
}

impl Encoder {
    pub(super) const A: Self =
        Self { id: 1, base: 0, rate: 30, gop: 60, composition: 66, audio: Some((STEREO_44, 44_100)) };
    pub(super) const C: Self =
        Self { id: 2, base: 5000, rate: 25, gop: 25, composition: 0, audio: Some((MONO_48, 48_000)) };

    /// The tags whose time since the start of the encoder is in `from..to` ms, with that time.
    pub(super) fn tags(&self, from: u64, to: u64) -> Vec<(u64, Tag)> {
        let at = |time: u64| self.base.wrapping_add(u32::try_from(time).unwrap());
        let mut tags = Vec::new();
        if from == 0 {
            tags.push((0, avc_header(at(0), self.id)));
            if let Some((config, _)) = self.audio {
                tags.push((0, aac_header(at(0), config)));
            }
        }
        for frame in 0.. {
            let time = frame * 1000 / self.rate;
            if time >= to {
                break;
            }
            if time >= from {
                let is_key = frame % self.gop == 0;
                tags.push((time, picture(at(time), is_key, self.composition, self.id)));
            }
        }
        if let Some((_, rate)) = self.audio {
            for frame in 0.. {
                let time = frame * 1_024_000 / rate;
                if time >= to {
                    break;
                }
                if time >= from {
                    tags.push((time, aac(at(time), self.id)));
                }
            }
        }
        tags.sort_by_key(|(time, _)| *time);
        tags
    }
}

/// A tag as it came out.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) now: Duration,
    pub(super) tag: Tag,
}

impl Written {
    pub(super) fn is_video(&self) -> bool {
        self.tag.kind == Kind::Video
    }

    pub(super) fn role(&self) -> Role {
        if self.is_video() {
            return Packet::parse(&self.tag.body).unwrap().role;
        }
        match audio::Packet::parse(&self.tag.body).unwrap().role {
            audio::Role::SequenceHeader => Role::SequenceHeader,
            _ => Role::Frame,
        }
    }

    pub(super) fn is_header(&self) -> bool {
        self.role() == Role::SequenceHeader
    }

    pub(super) fn dts(&self) -> i64 {
        i64::from(self.tag.timestamp_ms)
    }

    pub(super) fn pts(&self) -> i64 {
        if !self.is_video() {
            return self.dts();
        }
        self.dts() + i64::from(Packet::parse(&self.tag.body).unwrap().composition_ms)
    }

    /// How far a live frame was moved from its encoder's time since `base`.
    pub(super) fn shift(&self, base: u32) -> i64 {
        let payload = self.tag.body.get(self.tag.body.len() - 5..self.tag.body.len() - 1).unwrap();
        let time = u32::from_be_bytes(payload.try_into().unwrap());
        self.dts() - i64::from(time.wrapping_sub(base))
    }

    /// Which publisher made it: the last byte of its body.
    pub(super) fn id(&self) -> u8 {
        *self.tag.body.last().unwrap()
    }
}

/// Drives a contribution as the transcoder does: ticks at each wake-up, and records.
pub(super) struct Rig {
    pub(super) contribution: Contribution,
    /// One list per period.
    pub(super) periods: Vec<Vec<Written>>,
    pub(super) anchors: Vec<Period>,
    pub(super) events: Vec<Event>,
    pub(super) now: Duration,
    /// Pictures come under the header of their own publisher.
    pub(super) is_sane: bool,
}

impl Rig {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            contribution: Contribution::new(settings),
            periods: vec![Vec::new()],
            anchors: Vec::new(),
            events: Vec::new(),
            now: Duration::ZERO,
            is_sane: true,
        }
    }

    pub(super) fn take(&mut self, output: Output) {
        let now = self.now;
        self.periods.last_mut().unwrap().extend(output.tags.into_iter().map(|tag| Written { now, tag }));
        self.anchors.extend(output.events.iter().filter_map(|event| match event {
            Event::Anchored(period) => Some(*period),
            _ => None,
        }));
        self.events.extend(output.events);
    }

    /// Lets time pass, with a tick at each wake-up that is due.
    pub(super) fn until(&mut self, now: Duration) {
        let mut turns_at_once = 0;
        while let Some(due) = self.contribution.next_wakeup().filter(|due| *due <= now) {
            turns_at_once = if due > self.now { 0 } else { turns_at_once + 1 };
            assert!(turns_at_once < 100, "a wake-up at {due:?} that does not go away");
            self.now = self.now.max(due);
            let output = self.contribution.tick(self.now);
            self.take(output);
        }
        self.now = self.now.max(now);
    }

    pub(super) fn push(&mut self, tag: Tag) {
        let output = self.contribution.push(tag, self.now);
        self.take(output);
    }

    pub(super) fn start(&mut self, at: u64) {
        self.until(ms(at));
        let output = self.contribution.publisher_started(self.now);
        self.take(output);
    }

    pub(super) fn end(&mut self, at: u64) {
        self.until(ms(at));
        let output = self.contribution.publisher_ended(self.now);
        self.take(output);
    }

    pub(super) fn end_period(&mut self) {
        let output = self.contribution.end_period();
        self.take(output);
    }

    pub(super) fn begin_period(&mut self, from: Option<Duration>) {
        self.periods.push(Vec::new());
        let output = self.contribution.begin_period(from, self.now);
        self.take(output);
    }

    /// The encoder's media of `from..to` ms, arriving in real time; its zero is at `zero` ms.
    pub(super) fn feed(&mut self, encoder: &Encoder, zero: u64, from: u64, to: u64) {
        for (time, tag) in encoder.tags(from, to) {
            self.until(ms(zero + time));
            self.push(tag);
        }
    }

    pub(super) fn written(&self) -> &[Written] {
        self.periods.last().unwrap()
    }

    pub(super) fn frames(&self, is_video: bool) -> Vec<&Written> {
        self.written().iter().filter(|one| one.is_video() == is_video && !one.is_header()).collect()
    }

    /// Invariants T1 to T4 for every period.
    pub(super) fn check(&self) {
        for (index, period) in self.periods.iter().enumerate() {
            check_period(period, self.is_sane);
            if let (Some(anchor), false) = (self.anchors.get(index), period.is_empty()) {
                for one in period {
                    let at = anchor.origin + ms(u64::from(one.tag.timestamp_ms));
                    assert!(at <= one.now + ms(2200), "{:?} at {:?} is ahead of {:?}", one.tag, at, one.now);
                }
            }
        }
    }
}

/// T1, T2 and T4.
pub(super) fn check_period(period: &[Written], is_sane: bool) {
    if period.is_empty() {
        return;
    }
    let opening: Vec<_> = period.iter().take(3).map(|one| (one.is_video(), one.role())).collect();
    let expected = [(true, Role::SequenceHeader), (false, Role::SequenceHeader), (true, Role::KeyFrame)];
    assert_eq!(opening, expected, "opening of a period");
    let mut last = [None, None];
    let (mut header_of, mut is_decodable) = (0, false);
    for one in period {
        let last = &mut last[usize::from(one.is_video())];
        if one.is_header() {
            assert!(last.is_none_or(|last| one.dts() >= last), "header before its predecessor");
            if one.is_video() {
                is_decodable &= header_of == one.id();
                header_of = one.id();
            }
            continue;
        }
        assert!(last.is_none_or(|last| one.dts() > last), "{one:?} after {last:?}");
        *last = Some(one.dts());
        if one.is_video() {
            is_decodable |= one.role() == Role::KeyFrame;
            assert!(is_decodable, "a picture that nothing precedes: {one:?}");
            assert!(!is_sane || header_of == one.id(), "a picture under another's header");
        } else {
            assert_ne!(one.tag.kind, Kind::Script);
        }
    }
}

/// Whether a body is one of the silent frames.
pub(super) fn is_silence(body: &[u8]) -> bool {
    let configs = [[0x11, 0x88], [0x11, 0x90]].map(|bytes| audio::Config::parse(&bytes).unwrap());
    configs.iter().any(|config| body.get(2..) == silence::frame(config))
}

/// The checker itself, on outputs that break one rule each.
mod controls {
    use super::{MONO_48, Written, aac, aac_header, avc_header, check_period, ms, picture};
    use crate::flv::Tag;

    fn sound() -> Vec<Tag> {
        let opening = vec![avc_header(0, 1), aac_header(0, MONO_48), picture(0, true, 0, 1)];
        [opening, vec![aac(0, 1), picture(33, false, 0, 1), aac(21, 1)]].concat()
    }

    fn is_found(tags: Vec<Tag>) -> bool {
        let period: Vec<_> = tags.into_iter().map(|tag| Written { now: ms(0), tag }).collect();
        std::panic::catch_unwind(|| check_period(&period, true)).is_err()
    }

    #[test]
    fn faults_are_found() {
        assert!(!is_found(sound()));
        for (name, at, fault) in [
            ("audio repeats its time", 6, aac(21, 1)),
            ("picture goes back", 6, picture(32, false, 0, 1)),
            ("picture under a foreign header", 6, avc_header(33, 2)),
            ("no header first", 0, picture(0, true, 0, 1)),
        ] {
            let mut tags = sound();
            tags.insert(at, fault);
            tags.push(picture(66, false, 0, 1));
            assert!(is_found(tags), "{name}");
        }
    }
}

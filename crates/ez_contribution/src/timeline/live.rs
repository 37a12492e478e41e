//! What happens to each tag of the publisher, by phase; live pictures.

use bytes::Bytes;

use super::clock::Track;
use super::hold::{Arrived, Hold};
use super::ring::{Class, Entry, Source};
use super::settings::{BACKSTEP, BURST, MAX_LAG, MAX_LEAD};
use super::still::composition;
use super::time::{MS, Nanos};
use super::tracks::CachedKey;
use super::{Contribution, Event, Phase, Unsupported};
use crate::flv::Kind;
use crate::media::audio::{self, Config};
use crate::media::hevc;
use crate::media::video::{self, Packet};

impl Contribution {
    /// Routes one tag.
    pub(super) fn dispatch(&mut self, tag: Arrived) {
        if let Phase::Settling(hold) = &mut self.phase {
            hold.push(tag);
            return;
        }
        match tag.kind {
            Kind::Video => self.take_video(tag),
            Kind::Audio => self.take_audio(&tag),
            Kind::Script => self.meter.dropped += 1,
        }
    }

    /// Takes note of a sequence header; true if the tag was one.
    pub(super) fn take_header(&mut self, tag: &Arrived) -> bool {
        match tag.kind {
            Kind::Video => match Packet::parse(&tag.body) {
                Some(packet) if packet.role == video::Role::SequenceHeader => {
                    self.take_video_header(packet.codec, &tag.body);
                    true
                }
                _ => false,
            },
            Kind::Audio => match audio::Packet::parse(&tag.body) {
                Some(packet) if packet.role == audio::Role::SequenceHeader => {
                    if let Some(config) = Config::parse(tag.body.get(2..).unwrap_or_default()) {
                        self.publisher.audio = Some((config, tag.body.clone()));
                    } else {
                        self.meter.dropped += 1;
                    }
                    true
                }
                _ => false,
            },
            Kind::Script => false,
        }
    }

    fn take_video_header(&mut self, codec: video::Codec, body: &Bytes) {
        if !codec.is_supported() {
            self.refuse(Unsupported::Video(codec));
            return;
        }
        if matches!(self.phase, Phase::Live) && self.video.header.as_ref() != Some(body) {
            // New parameters count from the next key frame on; pictures before it cannot be decoded.
            self.video.is_gated |= self.publisher.video.as_ref().is_none_or(|(_, known)| known != body);
        }
        self.publisher.video = Some((codec, body.clone()));
    }

    pub(super) fn refuse(&mut self, reason: Unsupported) {
        if !self.publisher.is_refused {
            self.publisher.is_refused = true;
            self.events.push(Event::Unsupported(reason));
        }
    }

    fn take_video(&mut self, tag: Arrived) {
        let Some(packet) = Packet::parse(&tag.body) else {
            self.meter.dropped += 1;
            return;
        };
        if !packet.codec.is_supported() {
            // Beside pictures that can be taken it is another track.
            if self.publisher.video.is_none() {
                self.refuse(Unsupported::Video(packet.codec));
            }
            self.meter.dropped += 1;
            return;
        }
        if self.take_header(&tag) {
            return;
        }
        let is_key = packet.role == video::Role::KeyFrame;
        let is_picture = is_key || packet.role == video::Role::Frame;
        let is_announced = self.publisher.video.as_ref().is_some_and(|(codec, _)| *codec == packet.codec);
        let Some(composition) = composition(&packet).filter(|_| is_picture && is_announced) else {
            self.meter.dropped += 1;
            return;
        };
        let is_in_time = self.has_time_caught_up();
        match &mut self.phase {
            Phase::Live => self.live_video(tag, composition, is_key),
            Phase::Awaiting if is_key && is_in_time => self.open_hold(tag),
            Phase::Blocked(_) if is_key => self.open_hold(tag),
            Phase::Blocked(Some(hold)) => {
                hold.push(tag);
                if hold.is_full() {
                    self.phase = Phase::Blocked(None);
                }
            }
            Phase::Awaiting | Phase::Blocked(None) | Phase::Idle | Phase::Settling(_) => {
                self.meter.dropped += 1;
            }
        }
    }

    /// Whether the output is not so far ahead of the clock that another seam would add to it.
    fn has_time_caught_up(&self) -> bool {
        let limit = self.now + BACKSTEP;
        self.video.last.is_none_or(|(dts, _)| dts <= limit) && self.audio.end.is_none_or(|end| end <= limit)
    }

    /// Holds a key frame back, or blocks if the running ffmpeg cannot take its codec.
    fn open_hold(&mut self, key_frame: Arrived) {
        let codec = self.publisher.video.as_ref().map(|(codec, _)| *codec);
        let hold = Hold::new(key_frame);
        match (self.writer.codec(), codec) {
            (Some(from), Some(to)) if from != to => self.block(hold, from, to),
            _ => self.phase = Phase::Settling(hold),
        }
    }

    /// Holds a GOP until the next period.
    pub(super) fn block(&mut self, hold: Hold, from: video::Codec, to: video::Codec) {
        if !matches!(self.phase, Phase::Blocked(_)) {
            self.events.push(Event::NeedsNewPeriod { from, to });
            self.fill_from = self.now;
        }
        self.phase = Phase::Blocked(Some(hold));
    }

    /// Gives up on the present offset: both tracks are filled up to the next key frame.
    pub(super) fn resynchronise(&mut self) {
        self.phase = Phase::Awaiting;
        self.fill_from = self.now;
        self.publisher.rejections = 0;
    }

    fn live_video(&mut self, tag: Arrived, composition: Nanos, is_key: bool) {
        if (self.video.is_gated || self.codec_changed()) && !is_key {
            self.meter.dropped += 1;
            return;
        }
        let lag = tag.arrival.saturating_sub(self.clock.project(Track::Video, tag.at));
        let was_filling = self.video.filling.is_some();
        if self.codec_changed() || was_filling && !(-MAX_LEAD..=BURST).contains(&lag) {
            // Another codec, or a track that comes back with another time: as a new publisher.
            self.resynchronise();
            self.open_hold(tag);
            return;
        }
        if was_filling {
            self.clock.forget(Track::Video);
        }
        let step = self.settings.frame_duration.times(1);
        let mut dts = self.clock.place(Track::Video, tag.at, tag.arrival, step);
        if let Some((last, _)) = self.video.last {
            dts = dts.max(last + MS);
        }
        let lag = tag.arrival.saturating_sub(dts);
        if lag <= MAX_LAG {
            self.excused = 0;
        }
        if !(-MAX_LEAD..=MAX_LAG.saturating_add(self.excused)).contains(&lag) {
            self.resynchronise();
            if is_key && self.has_time_caught_up() {
                self.open_hold(tag);
            } else {
                self.meter.dropped += 1;
            }
            return;
        }
        if was_filling {
            self.top_up_video(dts, dts + composition);
            dts = dts.max(self.video.last.map_or(dts, |(last, _)| last + MS));
        }
        let by = self.drift.observe(lag, tag.arrival);
        self.clock.slew(by);
        self.write_live_video(&tag, dts, composition, is_key, false);
    }

    fn codec_changed(&self) -> bool {
        matches!((self.writer.codec(), &self.publisher.video), (Some(from), Some((to, _))) if from != *to)
    }

    /// Writes a picture, before a key frame its header where ffmpeg has another (or `with_header`).
    pub(super) fn write_live_video(
        &mut self,
        tag: &Arrived,
        dts: Nanos,
        composition: Nanos,
        is_key: bool,
        with_header: bool,
    ) {
        // Not what its encoder had before it: another publisher's pictures, fillers, or less than all.
        let follows_others = with_header || self.video.is_gated || self.video.filling.is_some();
        let mut shown = tag.body.clone();
        if is_key && let Some((_, header)) = self.publisher.video.clone() {
            if with_header || self.video.header.as_ref() != Some(&header) {
                self.write_video_header(header.clone(), dts);
            }
            if follows_others {
                shown = hevc::spliced(&header, &tag.body);
            }
            self.video.key = Some(CachedKey { header, body: tag.body.clone(), composition });
            self.video.is_gated = false;
        }
        self.video.filling = None;
        self.video.heard = tag.arrival;
        self.still = None;
        self.has_asked_for_still = false;
        self.write_picture(shown, dts, composition, is_key, Source::Live);
    }

    pub(super) fn write_video_header(&mut self, header: Bytes, dts: Nanos) {
        self.video.header = Some(header.clone());
        let (kind, class) = (Kind::Video, Class::Header);
        self.writer.write(Entry { kind, class, dts, pts: dts, body: header, source: Source::Live });
    }

    pub(super) fn write_picture(
        &mut self,
        body: Bytes,
        dts: Nanos,
        composition: Nanos,
        is_key: bool,
        source: Source,
    ) {
        let pts = dts + composition;
        let latest = self.video.last.map_or(pts, |(_, latest)| latest.max(pts));
        self.video.last = Some((dts, latest));
        let class = if is_key { Class::KeyFrame } else { Class::Frame };
        self.writer.write(Entry { kind: Kind::Video, class, dts, pts, body, source });
    }
}

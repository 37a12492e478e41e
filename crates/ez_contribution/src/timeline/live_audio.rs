//! Live audio: how it joins what was written and goes on from there.
//!
//! Silence and live frames share one cadence: at a seam live audio is shifted by up to half a frame so
//! that it continues the written track, since a resampler that was set up anew keeps a hole for good.

use bytes::Bytes;

use super::clock::Track;
use super::hold::Arrived;
use super::ring::{Class, Entry, Source};
use super::settings::{MAX_LAG, MAX_LEAD, MAX_MISFITS, MAX_SLOTS};
use super::time::{MS, Nanos};
use super::tracks::audio_frames;
use super::{Contribution, Phase, Unsupported};
use crate::flv::Kind;
use crate::media::audio::{self, Config};

impl Contribution {
    /// Takes one audio message outside of a hold.
    pub(super) fn take_audio(&mut self, tag: &Arrived) {
        let Some(packet) = audio::Packet::parse(&tag.body) else {
            self.meter.dropped += 1;
            return;
        };
        if !packet.codec.is_supported() {
            // Beside sound that can be taken it is another track, such as OBS's second one.
            if self.publisher.audio.is_none() {
                self.refuse(Unsupported::Audio(packet.codec));
            }
            self.meter.dropped += 1;
            return;
        }
        if self.take_header(tag) {
            return;
        }
        let is_playable = packet.role == audio::Role::Frame && self.publisher.audio.is_some();
        match &mut self.phase {
            Phase::Live if is_playable => self.live_audio(tag),
            Phase::Blocked(Some(hold)) if is_playable => hold.push(tag.clone()),
            _ => self.meter.dropped += 1,
        }
    }

    fn live_audio(&mut self, tag: &Arrived) {
        let Some((config, header)) = self.publisher.audio.clone() else { return };
        if !self.audio.has_joined && !self.join_audio(tag) {
            self.meter.dropped += 1;
            return;
        }
        let frame = audio_frames(&config, 1);
        let placed =
            self.clock.place(Track::Audio, tag.at, tag.arrival, frame).saturating_add(self.audio.snap);
        let dts = self.audio.last.map_or(placed, |last| placed.max(last + MS));
        if dts > tag.arrival + MAX_LEAD {
            self.audio.has_joined = false;
            self.meter.dropped += 1;
            return;
        }
        if self.audio.resend_header || self.audio.header.as_ref() != Some(&header) {
            self.write_audio_header(&header, config, dts);
            self.audio.resend_header = false;
        }
        self.audio.filling = None;
        self.audio.heard = tag.arrival;
        self.write_audio(tag.body.clone(), dts, Source::Live);
    }

    /// Lets live audio continue the written track; false while it does not fit.
    fn join_audio(&mut self, tag: &Arrived) -> bool {
        let at = self.clock.project(Track::Audio, tag.at);
        let origin = self.writer.origin().unwrap_or(at);
        let half = self.audio.frame() / 2;
        let earliest = self.audio.end.map_or(origin, |end| end - half);
        if at < earliest || at > tag.arrival + MAX_LEAD {
            if at < earliest && at > earliest - MAX_LAG {
                // It only comes later than silence is filled: the silence waits for it, or it would never be met.
                self.audio.filling = None;
                self.audio.heard = tag.arrival;
            }
            self.audio.misfits += 1;
            if self.audio.misfits < MAX_MISFITS {
                return false;
            }
            // Its time has nothing to do with the video's: it goes on where the track stands.
            let end = self.audio.end.unwrap_or(origin);
            if end > tag.arrival + MAX_LEAD {
                return false;
            }
            self.clock.rebase_track(Track::Audio, tag.at, end);
            self.audio.snap = 0;
        } else if let Some(end) = self.audio.end {
            let end = self.silence_until(end, at - half);
            // Silence ends within half a frame, unless there was too much to fill.
            self.audio.snap = if at - end <= half + MS { end - at } else { 0 };
        } else {
            // The first audio of the period stays where it is; silence counts backwards from it.
            let count = ((at - origin) / self.audio.frame()).min(i64::from(MAX_SLOTS));
            self.silence_until(at - audio_frames(&self.audio.config, count), at - half);
            self.audio.snap = 0;
        }
        self.clock.forget(Track::Audio);
        self.audio.misfits = 0;
        self.audio.has_joined = true;
        true
    }

    pub(super) fn write_audio_header(&mut self, header: &Bytes, config: Config, dts: Nanos) {
        self.audio.header = Some(header.clone());
        self.audio.config = config;
        let (kind, class) = (Kind::Audio, Class::Header);
        self.writer.write(Entry { kind, class, dts, pts: dts, body: header.clone(), source: Source::Live });
    }

    pub(super) fn write_audio(&mut self, body: Bytes, dts: Nanos, source: Source) {
        self.audio.last = Some(dts);
        self.audio.end = Some(dts + self.audio.frame());
        let (kind, class) = (Kind::Audio, Class::Frame);
        self.writer.write(Entry { kind, class, dts, pts: dts, body, source });
    }
}

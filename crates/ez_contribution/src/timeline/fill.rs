//! Stalls noticed and gaps filled: the last picture at the output rate, silence at the audio's.
//!
//! Slower repeats would be cheaper but late: constant-frame-rate encoding duplicates a picture only
//! when the next one arrives. All due slots are written at once; ffmpeg swallows the burst.

use std::time::Duration;

use bytes::Bytes;

use super::ring::Source;
use super::seam::crowd_room;
use super::settings::{MAX_SLOTS, MAX_STALL_SECONDS, STALLED_FRAMES};
use super::time::{MS, Nanos, nanos, to_ms};
use super::tracks::{CachedKey, STEREO, Slots, audio_frames, stereo_header};
use super::{Contribution, Event, Phase};
use crate::media::video::Packet;
use crate::media::{hevc, silence};

impl Contribution {
    /// Does what is due at the present time.
    pub(super) fn advance(&mut self) {
        let is_settled = matches!(&self.phase, Phase::Settling(hold)
            if hold.is_full() || self.now - hold.began >= nanos(self.settings.settle));
        if is_settled {
            self.settle();
        }
        if self.writer.origin().is_none() {
            return;
        }
        match self.phase {
            Phase::Settling(_) => {}
            Phase::Live => self.watch_tracks(),
            Phase::Idle | Phase::Awaiting | Phase::Blocked(_) => self.fill_both(),
        }
    }

    /// Asks for a still once per gap.
    pub(super) fn ask_for_still(&mut self) {
        if self.settings.fill_gaps
            && self.video.key.is_some()
            && !self.has_asked_for_still
            && self.still.is_none()
        {
            self.has_asked_for_still = true;
            self.events.push(Event::StillWanted);
        }
    }

    fn fill_both(&mut self) {
        if self.settings.fill_gaps && self.now >= self.fill_from {
            self.fill_video();
            self.fill_audio();
        }
    }

    /// Silence after which both tracks are filled. Of an encoder that sends a picture every half second, half
    /// a second without one tells nothing.
    pub(super) fn stall(&self) -> Nanos {
        let announced = || self.meter.metadata.and_then(|metadata| metadata.frame_rate);
        let frame = self.meter.frames_per_second().or_else(announced).map_or(0.0, f64::recip);
        let slow = nanos(Duration::from_secs_f64((frame * STALLED_FRAMES).min(MAX_STALL_SECONDS)));
        slow.max(nanos(self.settings.stall_after))
    }

    fn watch_tracks(&mut self) {
        let stall = self.stall();
        let lone = nanos(self.settings.lone_stall_after).max(stall);
        let video = self.now - self.video.heard;
        let audio = self.now - self.audio.heard;
        let has_audio = self.publisher.audio.is_some();
        let is_filling = self.audio.filling.is_some();
        if !has_audio || !self.audio.has_joined && (is_filling || audio >= stall) {
            // Not a gap: a contribution without audio gets silence in any case.
            self.fill_audio();
        }
        if !self.settings.fill_gaps {
            return;
        }
        let is_audio_silent = !has_audio || audio >= stall;
        if video >= stall / 2 && (!has_audio || audio >= stall / 2) {
            self.ask_for_still();
        }
        if video >= stall && is_audio_silent {
            self.resynchronise();
            self.fill_both();
            return;
        }
        // What has begun goes on until a picture ends it: an owner that was held up hears its silence anew.
        if video >= lone || self.video.filling.is_some() {
            self.ask_for_still();
            self.fill_video();
        }
        if has_audio && self.audio.has_joined && audio >= lone {
            self.audio.has_joined = false;
            self.fill_audio();
        }
    }

    /// The picture that fills: header, key frame, composition time.
    fn filler_picture(&self) -> Option<(Bytes, Bytes, Nanos)> {
        let still =
            self.still.as_ref().map(|still| (still.header.clone(), still.body.clone(), still.composition));
        let cached = || {
            let CachedKey { header, body, composition } = self.video.key.as_ref()?;
            hevc::can_repeat(header, body).then(|| (header.clone(), body.clone(), *composition))
        };
        still.or_else(cached)
    }

    pub(super) fn has_filler(&self) -> bool {
        self.filler_picture().is_some()
    }

    /// Writes all picture slots up to now.
    fn fill_video(&mut self) {
        self.picture_slots(|dts, _, now| dts <= now);
    }

    /// Repeats the filler until the picture at (`dts`, `pts`) follows without a hole.
    pub(super) fn top_up_video(&mut self, dts: Nanos, pts: Nanos) {
        let frame = self.settings.frame_duration.times(1);
        let is_long = self.video.last.is_some_and(|(_, last)| pts - last > self.stall());
        if self.settings.fill_gaps && (self.video.filling.is_some() || is_long) {
            let until = dts - crowd_room(pts - dts, frame);
            self.picture_slots(|slot_dts, slot_pts, _| slot_dts < until && slot_pts + frame / 2 < pts);
            self.crowd_slots(until, dts, pts - frame / 2);
        }
    }

    /// Shows the filler while a picture that is decoded at `dts` waits to be shown, for encoders reorder: the
    /// fillers are decoded in a row before it. ffmpeg would fill that hole with the new picture, before its sound.
    ///
    /// The slots begin where those in time end, at `from`, and end where they would be shown at `shown_until`.
    fn crowd_slots(&mut self, from: Nanos, dts: Nanos, shown_until: Nanos) {
        let Some((header, body, composition)) = self.filler_picture() else { return };
        let (Some(mut slots), Some(packet)) = (self.video.filling, Packet::parse(&body)) else { return };
        while let Some((last_dts, _)) = self.video.last {
            let in_time = slots.origin + self.settings.frame_duration.times(slots.next);
            let (slot_dts, slot_pts) = (last_dts + MS, in_time + composition);
            // Where there was more to be filled than is allowed at once, the hole stays.
            if slot_dts >= dts || slot_pts >= shown_until || in_time < from {
                break;
            }
            let delay_ms = i32::try_from(to_ms(slot_pts - slot_dts)).unwrap_or(i32::MAX);
            let Some(body) = packet.with_composition(&body, delay_ms) else { break };
            self.write_filler(&header, body, slot_dts, slot_pts - slot_dts, Source::Copy);
            slots.next += 1;
        }
        self.video.filling = Some(slots);
    }

    fn picture_slots(&mut self, is_due: impl Fn(Nanos, Nanos, Nanos) -> bool) {
        let Some((header, body, composition)) = self.filler_picture() else { return };
        let Some((last_dts, last_pts)) = self.video.last else { return };
        let frame = self.settings.frame_duration;
        // Later than everything shown so far, else the picture would go back.
        let first = (last_dts + MS).max(last_pts + frame.times(1) - composition);
        let mut slots = self.video.filling.unwrap_or(Slots { origin: first, next: 0 });
        self.video.is_gated = true;
        for _ in 0..MAX_SLOTS {
            let dts = slots.origin + frame.times(slots.next);
            if !is_due(dts, dts + composition, self.now) {
                break;
            }
            self.write_filler(&header, body.clone(), dts, composition, Source::Repeat);
            slots.next += 1;
        }
        self.video.filling = Some(slots);
    }

    fn write_filler(&mut self, header: &Bytes, body: Bytes, dts: Nanos, composition: Nanos, source: Source) {
        if self.video.header.as_ref() != Some(header) {
            self.write_video_header(header.clone(), dts);
        }
        self.write_picture(body, dts, composition, true, source);
        self.meter.fillers += 1;
    }

    /// Writes all silent frames up to now.
    fn fill_audio(&mut self) {
        self.fill_audio_until(self.now);
    }

    /// Writes all silent frames that begin up to `until`.
    pub(super) fn fill_audio_until(&mut self, until: Nanos) {
        let Some(origin) = self.writer.origin() else { return };
        let mut slots = match self.audio.filling {
            Some(slots) => slots,
            None => Slots { origin: self.audio.end.unwrap_or(origin), next: 0 },
        };
        let Some(body) = self.announce_silence(slots.origin) else { return };
        self.audio.has_joined = false;
        for _ in 0..MAX_SLOTS {
            let dts = slots.origin + audio_frames(&self.audio.config, slots.next);
            if dts > until {
                break;
            }
            self.write_audio(body.clone(), dts, Source::Repeat);
            self.meter.fillers += 1;
            slots.next += 1;
        }
        // The exact end, not the last frame's plus a rounded duration.
        let end = slots.origin + audio_frames(&self.audio.config, slots.next);
        self.audio.end = Some(end);
        self.audio.filling = Some(slots);
    }

    /// Writes silence from `from` while it begins at or before `until`; returns its exact end.
    pub(super) fn silence_until(&mut self, from: Nanos, until: Nanos) -> Nanos {
        let slots = self.audio.filling.unwrap_or(Slots { origin: from, next: 0 });
        let mut next = slots.next;
        if (self.settings.fill_gaps || self.audio.filling.is_some())
            && let Some(body) = self.announce_silence(from)
        {
            for _ in 0..MAX_SLOTS {
                let dts = slots.origin + audio_frames(&self.audio.config, next);
                if dts > until {
                    break;
                }
                self.write_audio(body.clone(), dts, Source::Repeat);
                self.meter.fillers += 1;
                next += 1;
            }
        }
        let end = slots.origin + audio_frames(&self.audio.config, next);
        self.audio.end = Some(end);
        self.audio.filling = None;
        end
    }

    /// Sees to it that ffmpeg has a configuration that silence exists for: the present one, else
    /// stereo. Returns the silent body.
    fn announce_silence(&mut self, dts: Nanos) -> Option<Bytes> {
        if self.audio.header.is_none() || silence::frame(&self.audio.config).is_none() {
            self.write_audio_header(&stereo_header(), STEREO, dts);
        }
        let first = self.audio.header.as_ref().and_then(|header| header.first().copied());
        let frame = silence::frame(&self.audio.config)?;
        let mut body = vec![first.unwrap_or(silence::AAC_FIRST), 1];
        body.extend_from_slice(frame);
        Some(Bytes::from(body))
    }
}

//! How media goes live: a hold is judged, a seam is placed, a new period begins.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::hold::{Arrived, Hold};
use super::ring::{Replay, Source};
use super::seam::Seam;
use super::settings::{BURST, MAX_REJECTIONS, MAX_START_BURST};
use super::still::{Still, composition};
use super::time::{MS, Nanos, duration, nanos, to_ms};
use super::tracks::{STEREO, audio_frames, stereo_header};
use super::{Contribution, Event, Output, Phase};
use crate::flv::{self, Kind, Tag};
use crate::media::audio;
use crate::media::video::{Codec, Packet};

/// A little over an AAC frame of a rendition: 1024 samples at 48 kHz.
const AUDIO_FRAME: Nanos = 22 * MS;

/// The pictures of the last GOP, as the maker of a still wants them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastGop {
    /// A complete FLV file: header, sequence header, pictures from timestamp 0 on.
    pub flv: Bytes,
    /// When the last picture is shown, in ms on the file's timeline: that one is the still. Counting pictures
    /// would not find it, as those that lead an open key frame are not decoded.
    pub last_ms: u32,
    /// The codec that the still must have, too.
    pub codec: Codec,
    key: KeyFrame,
}

/// The first picture of a [`LastGop`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeyFrame {
    /// Where the file may end behind it.
    end: usize,
    /// When it is shown.
    shown_ms: u32,
}

impl LastGop {
    /// The key frame alone: less to decode where the whole takes too long, and up to a GOP older.
    #[must_use]
    pub fn key_frame_alone(&self) -> Self {
        let KeyFrame { end, shown_ms } = self.key;
        Self { flv: self.flv.slice(..end.min(self.flv.len())), last_ms: shown_ms, ..self.clone() }
    }
}

impl Contribution {
    /// Begins the stream for a fresh ffmpeg: timestamps restart at 0, headers first.
    ///
    /// What was written since the last key frame shown at or before `from` (on the run's clock: the
    /// old period's [`Self::media_zero`] plus the end of the last committed segment) is replayed, and
    /// the encoder told to leave out what lies before `from` ([`super::Period::preroll`]); without `from`, the
    /// last GOP. A publisher held back for its codec goes live instead. The mapping comes as
    /// [`Event::Anchored`], at once or with the first media.
    ///
    /// What the owner did not push while the old period was closed comes late and is neither silence nor stale.
    pub fn begin_period(&mut self, from: Option<Duration>, now: Duration) -> Output {
        self.set_now(now);
        self.excused = self.now.saturating_sub(self.pushed_at);
        let codec = self.writer.codec();
        self.writer.begin_period();
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Blocked(hold) => {
                self.forget_stream();
                self.phase = Phase::Awaiting;
                if let Some(hold) = hold {
                    self.join(hold, 0, 0);
                }
            }
            phase => {
                self.phase = phase;
                let from = from.map(nanos);
                match (codec, self.writer.ring().since(from)) {
                    (Some(codec), Some(replay)) => self.replay(codec, &replay, from),
                    (Some(codec), None) => self.begin_with_cached_key(codec),
                    (None, _) => {}
                }
            }
        }
        self.listen_from(self.now);
        self.finish()
    }

    /// Begins the stream of a channel whose publisher is away: the still and silence from now on.
    ///
    /// For a process that takes over from one that died. The publisher joins when it is back, as after
    /// any other gap.
    pub fn begin_with_still(&mut self, still: Still, now: Duration) -> Output {
        self.set_now(now);
        self.writer.begin_period();
        let (dts, pts) = (self.now, self.now + still.composition);
        let period = self.writer.anchor(dts, pts, still.codec);
        self.events.push(Event::Anchored(period));
        // Both headers come first: ffmpeg has to find both tracks while it probes.
        self.write_video_header(still.header.clone(), dts);
        self.write_audio_header(&stereo_header(), STEREO, dts);
        self.write_picture(still.body.clone(), dts, still.composition, true, Source::Repeat);
        self.still = Some(still);
        self.fill_from = self.now;
        self.finish()
    }

    /// Ends the stream of the present ffmpeg: where sound ends before the last picture, silence follows up to it.
    ///
    /// Else the last segment, which may hold a single picture, would be one without sound, and players of HLS would
    /// find a hole there (EXT-X-GAP). Not for a period whose media is replayed in the next one.
    pub fn end_period(&mut self) -> Output {
        if let (Some((_, last)), Some(_)) = (self.video.last, self.writer.origin()) {
            let end = last + self.settings.frame_duration.times(1).max(AUDIO_FRAME);
            if self.audio.end.is_none_or(|audio| audio < end) {
                self.fill_audio_until(end);
            }
        }
        self.finish()
    }

    /// The moment on the run's clock that time 0 of the encoder's output stands for; `None` before the
    /// period has media.
    pub fn media_zero(&self) -> Option<Duration> {
        self.writer.media_zero().map(duration)
    }

    /// The last live pictures, to make a still of.
    pub fn last_gop(&self) -> Option<LastGop> {
        let key = self.video.key.as_ref()?;
        let codec = Packet::parse(&key.header)?.codec;
        let pictures = self.writer.ring().last_gop();
        let start = pictures.first()?.dts;
        let last = pictures.iter().map(|picture| picture.pts).max()?;
        let mut bytes = BytesMut::from(flv::header().as_slice());
        let since_start = |at: Nanos| u32::try_from(to_ms(at - start)).unwrap_or(0);
        let write = |bytes: &mut BytesMut, at: Nanos, body: &Bytes| {
            let timestamp_ms = since_start(at);
            flv::write_tag(&Tag { kind: Kind::Video, timestamp_ms, body: body.clone() }, bytes);
        };
        write(&mut bytes, start, &key.header);
        let mut first = None;
        for picture in &pictures {
            write(&mut bytes, picture.dts, &picture.body);
            first.get_or_insert(KeyFrame { end: bytes.len(), shown_ms: since_start(picture.pts) });
        }
        Some(LastGop { key: first?, flv: bytes.freeze(), last_ms: since_start(last), codec })
    }

    /// Judges the hold: goes live, or waits for a key frame that is not stale.
    pub(super) fn settle(&mut self) {
        let hold = match std::mem::replace(&mut self.phase, Phase::Awaiting) {
            Phase::Settling(hold) => hold,
            other => {
                self.phase = other;
                return;
            }
        };
        let is_return = self.video.last.is_some();
        let most = if is_return { BURST } else { MAX_START_BURST };
        let mut start = 0;
        if hold.lead(start, self.now) > most {
            start = hold.last_key_frame();
            if is_return && hold.lead(start, self.now) > BURST && self.publisher.rejections < MAX_REJECTIONS {
                self.publisher.rejections += 1;
                for tag in &hold.tags {
                    let is_media = !self.take_header(tag);
                    self.meter.dropped += u64::from(is_media);
                }
                return;
            }
        }
        for tag in hold.tags.iter().take(start) {
            let is_media = !self.take_header(tag);
            self.meter.dropped += u64::from(is_media);
        }
        match (self.writer.codec(), self.publisher.video.as_ref()) {
            (Some(from), Some(&(to, _))) if from != to => {
                let mut hold = hold;
                hold.tags.drain(..start);
                self.block(hold, from, to);
            }
            // A first start keeps the whole burst: its zero lies further back instead.
            _ => {
                let span = hold.span(start);
                self.join(hold, start, span);
            }
        }
    }

    /// Lets the hold go live from its tag `start` on, a key frame; `span` is the media behind it.
    fn join(&mut self, mut hold: Hold, start: usize, span: Nanos) {
        let rest = hold.tags.split_off((start + 1).min(hold.tags.len()));
        let Some(key) = hold.tags.pop() else { return };
        let Some(packet) = Packet::parse(&key.body) else { return };
        let Some(composition) = composition(&packet) else { return };
        if self.publisher.audio.is_none()
            && let Some(header) = first_audio_header(&rest)
        {
            self.take_header(&header);
        }
        let live_dts = if self.video.last.is_none() || span > 0 {
            key.arrival.min(self.now - span).max(0)
        } else {
            key.arrival
        };
        let pts = self.seam_pts(live_dts, composition);
        let dts = pts - composition;
        self.clock.rebase(key.at, dts);
        let is_first = self.writer.origin().is_none();
        if is_first {
            let period = self.writer.anchor(dts, pts, packet.codec);
            self.events.push(Event::Anchored(period));
        } else {
            self.top_up_video(dts, pts);
        }
        self.publisher.rejections = 0;
        self.phase = Phase::Live;
        self.audio.filling = None;
        self.audio.has_joined = false;
        self.audio.misfits = 0;
        self.audio.snap = 0;
        self.audio.heard = key.arrival;
        self.audio.resend_header = !is_first;
        if is_first && let Some((_, header)) = self.publisher.video.clone() {
            // Both headers come first: ffmpeg has to find both tracks while it probes.
            self.write_video_header(header, dts);
            let (config, header) = self.publisher.audio.clone().unwrap_or_else(|| (STEREO, stereo_header()));
            self.write_audio_header(&header, config, dts);
        }
        self.write_live_video(&key, dts, composition, true, !is_first);
        for tag in rest {
            self.dispatch(tag);
        }
    }

    fn seam_pts(&self, live_dts: Nanos, composition: Nanos) -> Nanos {
        let live_pts = live_dts + composition;
        let Some((last_dts, last_pts)) = self.video.last else { return live_pts };
        let seam = Seam {
            live_pts,
            composition,
            last_pts,
            last_dts,
            audio_end: self.audio.end,
            audio_frame: self.audio.frame(),
            grid: self.writer.origin().map(|_| self.writer.grid()),
        };
        seam.pts(self.settings.frame_duration)
    }

    /// Nothing of the old stream can go into the next one.
    fn forget_stream(&mut self) {
        self.writer.clear_ring();
        self.video.header = None;
        self.video.key = None;
        self.video.filling = None;
        self.still = None;
        self.audio.header = None;
        self.audio.end = None;
        self.audio.filling = None;
    }

    fn replay(&mut self, codec: Codec, replay: &Replay, from: Option<Nanos>) {
        let Some(first) = replay.entries.first() else { return };
        let period = self.writer.anchor(first.dts, first.pts, codec);
        let audio_header = self.audio.header.clone().unwrap_or_else(stereo_header);
        self.writer.replay(replay, &audio_header);
        let period = from.map_or(period, |from| self.writer.show_from(from, period));
        self.events.push(Event::Anchored(period));
    }

    /// Nothing is left to replay (a GOP larger than the memory): the last key frame bridges the time
    /// to the next one.
    fn begin_with_cached_key(&mut self, codec: Codec) {
        let (Some(key), Some((last_dts, last_pts))) = (self.video.key.clone(), self.video.last) else {
            return;
        };
        let frame = self.settings.frame_duration.times(1);
        let dts = (last_dts + MS).max(last_pts + frame - key.composition);
        let period = self.writer.anchor(dts, dts + key.composition, codec);
        self.events.push(Event::Anchored(period));
        let audio = (self.audio.config, self.audio.header.clone().unwrap_or_else(stereo_header));
        self.write_video_header(key.header, dts);
        self.write_audio_header(&audio.1, audio.0, dts);
        self.write_picture(key.body, dts, key.composition, true, Source::Repeat);
        if self.audio.end.is_some_and(|end| end < dts - audio_frames(&audio.0, 1)) {
            self.audio.end = None;
        }
        self.video.filling = None;
        self.audio.filling = None;
        self.audio.has_joined = false;
        if matches!(self.phase, Phase::Live) {
            self.resynchronise();
        }
    }
}

/// The configuration that follows its key frame, if it comes before any audio.
fn first_audio_header(tags: &[Arrived]) -> Option<Arrived> {
    let first = tags.iter().find(|tag| tag.kind == Kind::Audio)?;
    let packet = audio::Packet::parse(&first.body)?;
    (packet.role == audio::Role::SequenceHeader).then(|| first.clone())
}

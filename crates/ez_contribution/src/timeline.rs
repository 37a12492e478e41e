//! The contribution's state machine: tags of publishers in, tags for ffmpeg out.
//!
//! Phases: nobody there, waiting for a first key frame, that key frame held for a moment, live, or
//! blocked by a codec that the running ffmpeg cannot take. All of it runs on the *run's clock*: a tag's
//! time there is when it arrived, or would have with an even network. A period is a window onto that
//! clock with its own zero.
//!
//! Invariants:
//! - T1 In a period, each track's frame timestamps grow strictly.
//! - T2 A period begins with both sequence headers and a key frame; after a seam no picture precedes a
//!   key frame.
//! - T3 Filler is never ahead of `now`, or of the live picture that it leads up to; live media by at most two seconds (and a picture's
//!   composition time).
//! - T4 Script data is never passed on: ffmpeg would believe its durations and sizes.
//!
//! Not here: which publisher may publish, ffmpeg's life, the making of stills.

mod clock;
mod drift;
mod figures;
mod fill;
mod hold;
mod live;
mod live_audio;
mod output;
mod period;
mod ring;
mod seam;
mod settings;
mod still;
mod time;
mod tracks;
mod wakeup;
mod writer;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::flv::{self, Kind, Tag};
use crate::media::{audio, avc, metadata::Metadata, video};

use clock::InputClock;
use drift::Drift;
use figures::Meter;
use hold::{Arrived, Hold};
use ring::Ring;
use settings::GRACE;
use time::{Nanos, nanos};
use tracks::{AudioTrack, Publisher, VideoTrack};
use writer::Writer;

pub use figures::{Figures, State};
pub use output::{Event, Output, Unsupported};
pub use period::LastGop;
pub use settings::{FrameDuration, Settings};
pub use still::{Still, StillError};
pub use writer::Period;

#[derive(Debug)]
enum Phase {
    /// No publisher.
    Idle,
    /// A publisher, but no key frame to go on with.
    Awaiting,
    /// A key frame is held until it is known what it heads.
    Settling(Hold),
    /// The held GOP is of another codec than the period.
    Blocked(Option<Hold>),
    /// The publisher's media goes out.
    Live,
}

/// One run's contribution.
#[derive(Debug)]
pub struct Contribution {
    settings: Settings,
    now: Nanos,
    phase: Phase,
    /// From when on a gap is filled in the phases without live media.
    fill_from: Nanos,
    publisher: Publisher,
    clock: InputClock,
    drift: Drift,
    video: VideoTrack,
    audio: AudioTrack,
    writer: Writer,
    still: Option<Still>,
    has_asked_for_still: bool,
    was_filling: bool,
    meter: Meter,
    events: Vec<Event>,
    /// When something was pushed last.
    pushed_at: Nanos,
    /// How late live media may be beside what is always borne: so long it was not read while a period began.
    excused: Nanos,
}

impl Contribution {
    /// A contribution that nobody has published to yet; its first period waits for its first media.
    pub fn new(settings: Settings) -> Self {
        let ring = Ring::new(settings.replay_bytes, nanos(settings.replay_window));
        Self {
            settings,
            now: 0,
            phase: Phase::Idle,
            fill_from: 0,
            publisher: Publisher::default(),
            clock: InputClock::default(),
            drift: Drift::default(),
            video: VideoTrack::default(),
            audio: AudioTrack::default(),
            writer: Writer::new(ring),
            still: None,
            has_asked_for_still: false,
            was_filling: false,
            meter: Meter::default(),
            events: Vec::new(),
            pushed_at: 0,
            excused: 0,
        }
    }

    /// An accepted publisher begins. One that was still there counts as ended.
    pub fn publisher_started(&mut self, now: Duration) -> Output {
        self.set_now(now);
        if !matches!(self.phase, Phase::Idle) {
            self.leave();
        }
        self.publisher = Publisher::default();
        self.clock = InputClock::default();
        self.drift = Drift::default();
        self.meter.publisher_started();
        self.phase = Phase::Awaiting;
        self.finish()
    }

    /// The publisher has gone; the gap is filled at once.
    pub fn publisher_ended(&mut self, now: Duration) -> Output {
        self.set_now(now);
        if !matches!(self.phase, Phase::Idle) {
            self.leave();
        }
        self.finish()
    }

    /// Takes one message of the publisher.
    pub fn push(&mut self, tag: Tag, now: Duration) -> Output {
        self.set_now(now);
        self.pushed_at = self.now;
        self.meter.bytes(tag.body.len(), self.now);
        if tag.body.len() > flv::MAX_BODY || matches!(self.phase, Phase::Idle) || self.publisher.is_refused {
            self.meter.dropped += 1;
        } else if tag.kind == Kind::Script {
            self.meter.metadata = Metadata::parse(&tag.body).or(self.meter.metadata);
        } else {
            let at = self.clock.unroll(tag.timestamp_ms);
            let tag = Arrived::new(tag, at, self.now);
            self.measure(&tag);
            self.dispatch(tag);
        }
        self.finish()
    }

    /// Does what is due: ends the hold of a first key frame, notices stalls, writes due filler.
    pub fn tick(&mut self, now: Duration) -> Output {
        self.set_now(now);
        self.finish()
    }

    /// The owner was held up until `now` and did not listen: what came meanwhile is still to be pushed, so
    /// it is no silence of the publisher yet. To be called before that push or tick.
    pub fn listen_again(&mut self, now: Duration) {
        self.listen_from(nanos(now));
    }

    fn listen_from(&mut self, now: Nanos) {
        let heard = now + GRACE - self.stall() / 2;
        self.video.heard = self.video.heard.max(heard);
        self.audio.heard = self.audio.heard.max(heard);
    }

    /// Whether a still was asked for and no live picture has come since: one of a picture before that would
    /// show what viewers have seen already.
    pub const fn wants_still(&self) -> bool {
        self.has_asked_for_still && self.still.is_none()
    }

    /// Gives the picture that the present or coming gap shows. It serves until live video is back.
    pub fn set_still(&mut self, still: Still, now: Duration) -> Result<Output, StillError> {
        self.set_now(now);
        if let Some(contribution) = self.writer.codec()
            && contribution != still.codec
        {
            return Err(StillError::Codec { still: still.codec, contribution });
        }
        self.still = Some(still);
        // The slots go on from what was written, with the new picture.
        self.video.filling = None;
        self.fill_from = self.fill_from.min(self.now);
        Ok(self.finish())
    }

    /// Changes the output frame rate, before the first media or together with a new period.
    pub const fn set_frame_duration(&mut self, frame_duration: FrameDuration) {
        self.settings.frame_duration = frame_duration;
    }

    /// The running period, once it has media.
    pub fn period(&self) -> Option<Period> {
        self.writer.period()
    }

    /// The live figures.
    pub fn figures(&self, now: Duration) -> Figures {
        let now = nanos(now).max(self.now);
        let state = match self.phase {
            Phase::Live if !self.video.is_gated => State::Live,
            Phase::Blocked(_) => State::WaitingForPeriod,
            _ if self.video.last.is_some() => State::Filling,
            Phase::Idle => State::WaitingForPublisher,
            _ => State::WaitingForKeyFrame,
        };
        let lead = self.video.last.map_or(0, |(dts, _)| dts - now);
        self.meter.figures(state, now, self.drift.total(), lead)
    }

    /// The publisher is gone: what it left unfinished goes with it.
    fn leave(&mut self) {
        let held = match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Settling(hold) | Phase::Blocked(Some(hold)) => hold.tags.len(),
            _ => 0,
        };
        self.meter.dropped += u64::try_from(held).unwrap_or(0);
        let is_filling = self.video.filling.is_some();
        self.fill_from = if is_filling || self.still.is_some() {
            self.now
        } else {
            self.now + nanos(self.settings.still_patience)
        };
        self.ask_for_still();
    }

    /// Time never runs back, whatever the caller says.
    fn set_now(&mut self, now: Duration) {
        self.now = self.now.max(nanos(now));
    }

    fn measure(&mut self, tag: &Arrived) {
        match tag.kind {
            Kind::Video => {
                let Some(packet) = video::Packet::parse(&tag.body) else { return };
                self.meter.video = Some(packet.codec);
                match packet.role {
                    video::Role::SequenceHeader if packet.codec == video::Codec::Avc => {
                        let picture = avc::Picture::parse(&packet.payload(&tag.body));
                        self.meter.width = picture.map(|picture| picture.width);
                        self.meter.height = picture.map(|picture| picture.height);
                    }
                    video::Role::KeyFrame => self.meter.picture(tag.at, true),
                    video::Role::Frame => self.meter.picture(tag.at, false),
                    video::Role::SequenceHeader | video::Role::Other => {}
                }
            }
            Kind::Audio => {
                let Some(packet) = audio::Packet::parse(&tag.body) else { return };
                self.meter.audio = Some(packet.codec);
                if packet.role == audio::Role::SequenceHeader {
                    self.meter.audio_config = audio::Config::parse(tag.body.get(2..).unwrap_or_default());
                }
            }
            Kind::Script => {}
        }
    }

    fn finish(&mut self) -> Output {
        self.advance();
        let is_filling = self.video.filling.is_some();
        if is_filling != self.was_filling {
            self.was_filling = is_filling;
            self.events.push(if is_filling { Event::FillingBegan } else { Event::FillingEnded });
        }
        Output { tags: self.writer.take(), events: std::mem::take(&mut self.events) }
    }
}

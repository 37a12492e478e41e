//! The live figures of a contribution.

use std::collections::VecDeque;
use std::time::Duration;

use super::time::{MS, Nanos, SECOND, duration};
use crate::media::audio;
use crate::media::metadata::Metadata;
use crate::media::video;

/// What the contribution is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody publishes and nothing was written yet.
    WaitingForPublisher,
    /// A publisher is there, but its first sequence header and key frame have not come.
    WaitingForKeyFrame,
    /// The publisher's media goes out.
    Live,
    /// The gap is being bridged, by filler or (filler off) not at all.
    Filling,
    /// The publisher's codec is not the period's: waits for a new period.
    WaitingForPeriod,
}

/// A snapshot for people and metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// What goes on.
    pub state: State,
    /// Incoming bits per second over the last two seconds.
    pub bits_per_second: u64,
    /// Pictures per second by the publisher's timestamps, over the last pictures.
    pub frames_per_second: Option<f64>,
    /// Distance of the last two key frames.
    pub key_frame_interval: Option<Duration>,
    /// Picture width.
    pub width: Option<u32>,
    /// Picture height.
    pub height: Option<u32>,
    /// Video codec.
    pub video: Option<video::Codec>,
    /// Audio codec.
    pub audio: Option<audio::Codec>,
    /// Audio rate in Hz.
    pub sample_rate: Option<u32>,
    /// Audio channels.
    pub channels: Option<u32>,
    /// What the encoder says of itself.
    pub metadata: Option<Metadata>,
    /// Bytes received since the start of the run.
    pub total_bytes: u64,
    /// Tags received that did not go out.
    pub dropped_tags: u64,
    /// Filler tags that went out.
    pub filler_tags: u64,
    /// How far the publisher's clock has fallen behind since it came, in milliseconds; negative when it runs fast.
    pub drift_ms: i64,
    /// How far the output is ahead of the clock: the publisher sends faster than real time, and reading
    /// from it should pause before the media has to be dropped (from two seconds on).
    pub lead: Duration,
}

const WINDOW: Nanos = 2 * SECOND;
const BUCKET: Nanos = 100 * MS;
const PICTURES: usize = 64;

/// Measures what comes in.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) total_bytes: u64,
    pub(crate) dropped: u64,
    pub(crate) fillers: u64,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) video: Option<video::Codec>,
    pub(crate) audio: Option<audio::Codec>,
    pub(crate) audio_config: Option<audio::Config>,
    began: Option<Nanos>,
    buckets: VecDeque<(Nanos, u64)>,
    pictures: VecDeque<Nanos>,
    last_key: Option<Nanos>,
    pub(crate) key_interval: Option<Nanos>,
}

impl Meter {
    /// A new publisher: what is told of the media begins anew, the counters go on.
    pub(crate) fn publisher_started(&mut self) {
        let (total_bytes, dropped, fillers) = (self.total_bytes, self.dropped, self.fillers);
        *self = Self { total_bytes, dropped, fillers, ..Self::default() };
    }

    pub(crate) fn bytes(&mut self, size: usize, now: Nanos) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        self.total_bytes = self.total_bytes.saturating_add(size);
        self.began.get_or_insert(now);
        match self.buckets.back_mut() {
            Some((began, bytes)) if now - *began < BUCKET => *bytes = bytes.saturating_add(size),
            _ => self.buckets.push_back((now, size)),
        }
        while self.buckets.front().is_some_and(|(began, _)| now - began > WINDOW) {
            self.buckets.pop_front();
        }
    }

    /// A picture by the publisher's decoding time.
    pub(crate) fn picture(&mut self, at: Nanos, is_key: bool) {
        // A jump starts the measurement afresh.
        if self.pictures.back().is_some_and(|last| !(0..=SECOND).contains(&at.wrapping_sub(*last))) {
            self.pictures.clear();
            self.last_key = None;
        }
        self.pictures.push_back(at);
        if self.pictures.len() > PICTURES {
            self.pictures.pop_front();
        }
        if is_key {
            self.key_interval = self.last_key.map(|last| at.wrapping_sub(last)).or(self.key_interval);
            self.last_key = Some(at);
        }
    }

    pub(crate) fn bits_per_second(&self, now: Nanos) -> u64 {
        let inside = self.buckets.iter().filter(|(began, _)| now.saturating_sub(*began) <= WINDOW);
        let bytes: u64 = inside.map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
        let since = self.began.map_or(0, |began| now.saturating_sub(began));
        // Over less than a second, the first key frame alone would look like many times the rate.
        let ms = u64::try_from(since.clamp(SECOND, WINDOW) / MS).unwrap_or(1);
        bytes.saturating_mul(8000) / ms
    }

    pub(crate) fn frames_per_second(&self) -> Option<f64> {
        let span = self.pictures.back()?.wrapping_sub(*self.pictures.front()?);
        let steps = u32::try_from(self.pictures.len()).ok()?.checked_sub(1)?;
        (span > 0 && steps > 0).then(|| f64::from(steps) / duration(span).as_secs_f64())
    }

    /// Fills in what is known of the publisher's media.
    pub(crate) fn figures(&self, state: State, now: Nanos, drift: Nanos, lead: Nanos) -> Figures {
        let whole = |value: f64| {
            let pixels = format!("{value:.0}");
            pixels.parse().ok()
        };
        Figures {
            state,
            bits_per_second: self.bits_per_second(now),
            frames_per_second: self.frames_per_second(),
            key_frame_interval: self.key_interval.map(duration),
            width: self.width.or_else(|| self.metadata?.width.and_then(whole)),
            height: self.height.or_else(|| self.metadata?.height.and_then(whole)),
            video: self.video,
            audio: self.audio,
            sample_rate: self.audio_config.map(|config| config.output_rate),
            channels: self.audio_config.and_then(|config| config.channels()),
            metadata: self.metadata,
            total_bytes: self.total_bytes,
            dropped_tags: self.dropped,
            filler_tags: self.fillers,
            drift_ms: drift / MS,
            lead: duration(lead),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_feed() {
        let mut meter = Meter::default();
        for frame in 0..150 {
            meter.bytes(12_500, frame * SECOND / 25);
            meter.picture(frame * SECOND / 25, frame % 50 == 0);
        }
        let rate = meter.bits_per_second(6 * SECOND);
        assert!((2_300_000..2_700_000).contains(&rate), "{rate}");
        assert!((meter.frames_per_second().unwrap() - 25.0).abs() < 0.01);
        assert_eq!(meter.key_interval, Some(2 * SECOND));
        assert_eq!(meter.bits_per_second(9 * SECOND), 0, "after a silence");
    }

    #[test]
    fn the_first_key_frame_is_no_burst() {
        let mut meter = Meter::default();
        for frame in 0..50 {
            meter.bytes(if frame == 0 { 100_000 } else { 10_000 }, frame * SECOND / 25);
            let rate = meter.bits_per_second(frame * SECOND / 25);
            assert!((800_000..=2_800_000).contains(&rate), "{rate} at frame {frame}");
        }
    }

    #[test]
    fn jump_does_not_spoil_the_rate() {
        let mut meter = Meter::default();
        for frame in 0..10 {
            meter.picture(frame * 40 * MS, false);
        }
        for frame in 0..10 {
            meter.picture(900 * SECOND + frame * 20 * MS, false);
        }
        assert!((meter.frames_per_second().unwrap() - 50.0).abs() < 0.01);
    }
}

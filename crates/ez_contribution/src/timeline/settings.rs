//! What the owner of a contribution decides, and the bounds that are not for deciding.

use std::time::Duration;

use super::time::{MS, Nanos, SECOND, fraction};

/// A jump of a timestamp beyond this, with no wall-clock time behind it, is not followed.
pub(crate) const JUMP: Nanos = SECOND;
/// A step back up to this is jitter and squeezed; beyond it the track is re-based.
pub(crate) const BACKSTEP: Nanos = 250 * MS;
/// A return whose media runs ahead of real time by more than this is a stale burst.
pub(crate) const BURST: Nanos = SECOND;
/// Media this far ahead of the clock is dropped up to the next key frame in time.
pub(crate) const MAX_LEAD: Nanos = 2 * SECOND;
/// Live media this late counts as stalled: its slots have to be filled.
pub(crate) const MAX_LAG: Nanos = 2 * SECOND;
/// Composition times outside ±2 s are damage; ffmpeg would take them for presentation times.
pub(crate) const MAX_COMPOSITION: Nanos = 2 * SECOND;
/// The longest start-up burst (a relay's GOP cache) that is kept whole.
pub(crate) const MAX_START_BURST: Nanos = 10 * SECOND;
/// How long an owner that was held up has to push what came meanwhile before a still is asked for.
pub(crate) const GRACE: Nanos = 100 * MS;
/// How often a return is put off for being stale: who always bursts is taken in the end.
pub(crate) const MAX_REJECTIONS: u32 = 3;
/// Filler tags of one track per call: a clock that leaps (suspended machine) must not eat the memory.
pub(crate) const MAX_SLOTS: u32 = 3000;
/// Frames of the contribution that have to be missing before it counts as stalled; of slow ones only.
pub(crate) const STALLED_FRAMES: f64 = 2.5;
/// Whatever its rate, a contribution that is silent for this long is.
pub(crate) const MAX_STALL_SECONDS: f64 = 3.0;
/// Audio frames in a row that do not fit before audio gets an offset of its own.
pub(crate) const MAX_MISFITS: u32 = 100;

/// The duration of one output frame as an exact fraction of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameDuration {
    numerator: u32,
    denominator: u32,
}

impl FrameDuration {
    /// From frames per second as `numerator / denominator`; `None` outside 1 to 240 per second.
    pub fn from_rate(numerator: u32, denominator: u32) -> Option<Self> {
        let is_sane = denominator > 0
            && numerator >= denominator
            && u64::from(numerator) <= 240 * u64::from(denominator);
        is_sane.then_some(Self { numerator: denominator, denominator: numerator })
    }

    /// `count` frames, without accumulated rounding.
    pub(crate) fn times(self, count: i64) -> Nanos {
        fraction(count, self.numerator, self.denominator)
    }

    /// The first grid point `origin + k * frame` at or after `at`.
    pub(crate) fn grid_at_or_after(self, origin: Nanos, at: Nanos) -> Nanos {
        let distance = i128::from(at) - i128::from(origin);
        let frame = i128::from(self.numerator) * i128::from(SECOND);
        let index = -(-distance * i128::from(self.denominator)).div_euclid(frame);
        let index = i64::try_from(index).unwrap_or(0);
        let point = origin.saturating_add(self.times(index));
        if point < at { origin.saturating_add(self.times(index.saturating_add(1))) } else { point }
    }
}

/// How a [`super::Contribution`] behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Duration of one output frame: rate of the filler and grid of the seams.
    pub frame_duration: FrameDuration,
    /// Whether gaps are filled. If not, the gap stays until the publisher is back, and constant-frame-rate
    /// encoding fills it in one burst then. A contribution without audio gets silence either way.
    pub fill_gaps: bool,
    /// Silence on an open connection after which both tracks are filled; longer where the contribution's own
    /// pictures are further apart. Sensible: 250 ms to 1 s; the segment in hand is late by as much.
    pub stall_after: Duration,
    /// The same for one track while the other still runs.
    pub lone_stall_after: Duration,
    /// After a publisher has ended, how long the filler waits for [`super::Contribution::set_still`].
    /// Zero fills at once with the last key frame, which shows as a jump back of up to one GOP; 150 ms
    /// cover a still made of the last GOP.
    pub still_patience: Duration,
    /// How long a first key frame is held to learn whether audio comes and whether it heads a stale
    /// burst. Costs no latency: times count from arrival.
    pub settle: Duration,
    /// Most bytes kept for replay into a new period.
    pub replay_bytes: usize,
    /// Longest time kept for replay.
    pub replay_window: Duration,
}

impl Settings {
    /// The defaults for an output frame rate.
    pub const fn new(frame_duration: FrameDuration) -> Self {
        Self {
            frame_duration,
            fill_gaps: true,
            stall_after: Duration::from_millis(500),
            lone_stall_after: Duration::from_secs(1),
            still_patience: Duration::ZERO,
            settle: Duration::from_millis(100),
            replay_bytes: 64 * 1024 * 1024,
            replay_window: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_points() {
        let frame = FrameDuration::from_rate(30, 1).unwrap();
        let cases = [
            (0, 0, 0),
            (0, 1, 33_333_333),
            (0, 33_333_333, 33_333_333),
            (0, 33_333_334, 66_666_666),
            (66 * MS, 66 * MS - 1, 66 * MS),
            (66 * MS, 0, 66 * MS - 33_333_333 - 1 - 33_333_333 + 33_333_333),
            (0, 3600 * SECOND, 3600 * SECOND),
        ];
        for (origin, at, expected) in cases {
            let found = frame.grid_at_or_after(origin, at);
            assert!(found >= at && found - at <= 33_333_334, "{origin} {at}: {found}");
            if at >= origin {
                assert_eq!(found, expected, "{origin} {at}");
            }
        }
    }

    #[test]
    fn rates() {
        assert!(FrameDuration::from_rate(30_000, 1001).is_some());
        for (numerator, denominator) in [(0, 1), (1, 0), (1, 2), (241, 1)] {
            assert_eq!(FrameDuration::from_rate(numerator, denominator), None);
        }
    }
}

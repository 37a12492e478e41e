//! Follows a publisher whose clock runs fast or slow.
//!
//! The smallest lag within a window is free of network jitter; once it is off by more than 100 ms the
//! offset moves by at most 0.1 % of elapsed time, until the lag is small again.

use super::time::{MS, Nanos, SECOND};

const WINDOW: Nanos = 10 * SECOND;
const FOLLOW_FROM: Nanos = 100 * MS;
const FOLLOW_UNTIL: Nanos = 20 * MS;
/// Elapsed time by this is the most that the offset may move: 0.1 %.
const SLEW_DIVISOR: Nanos = 1000;

/// The state of following one session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drift {
    window_began: Option<Nanos>,
    least: Nanos,
    /// What the offset was moved by so far, and that and the lag that was left when last measured.
    moved: Nanos,
    total: Nanos,
    remaining: Nanos,
    is_following: bool,
    slewed_at: Option<Nanos>,
}

impl Drift {
    /// Takes the lag of one picture (arrival minus its time); positive: the publisher is late.
    /// Returns by how much to move the offset now.
    pub(crate) fn observe(&mut self, lag: Nanos, arrival: Nanos) -> Nanos {
        match self.window_began {
            None => {
                self.window_began = Some(arrival);
                self.least = lag;
            }
            Some(began) => {
                self.least = self.least.min(lag);
                if arrival.saturating_sub(began) >= WINDOW {
                    self.conclude();
                    self.window_began = None;
                }
            }
        }
        let elapsed = arrival.saturating_sub(self.slewed_at.unwrap_or(arrival)).clamp(0, SECOND);
        self.slewed_at = Some(arrival);
        let most = elapsed / SLEW_DIVISOR;
        let step = self.remaining.clamp(-most, most);
        self.remaining -= step;
        self.moved = self.moved.saturating_add(step);
        step
    }

    /// How far the publisher's clock had fallen behind when last measured.
    pub(crate) const fn total(&self) -> Nanos {
        self.total
    }

    fn conclude(&mut self) {
        self.total = self.moved.saturating_add(self.least);
        let size = self.least.saturating_abs();
        if size > FOLLOW_FROM {
            self.is_following = true;
        } else if size <= FOLLOW_UNTIL {
            self.is_following = false;
        }
        self.remaining = if self.is_following { self.least } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs an encoder whose clock is off by `ppm` for an hour; returns (worst lag after 10 min, most
    /// movement in one second, what it says of the clock in the end).
    fn run(ppm: i64, jitter: Nanos) -> (Nanos, Nanos, Nanos) {
        let (mut drift, mut offset, mut worst, mut second, mut steepest) = (Drift::default(), 0, 0, 0, 0);
        for frame in 0..30 * 3600 {
            let arrival = frame * SECOND / 30;
            let encoder = arrival - arrival / 1_000_000 * ppm;
            let lag = arrival - (encoder + offset) + frame % 7 * jitter;
            let step = drift.observe(lag, arrival);
            offset += step;
            second = if frame % 30 == 0 { step } else { second + step };
            steepest = steepest.max(second.abs());
            if arrival > 600 * SECOND {
                worst = worst.max((arrival - encoder - offset).abs());
            }
        }
        (worst, steepest, drift.total())
    }

    #[test]
    fn clocks_off_by_crystal_tolerances_stay_within_bounds() {
        for ppm in [-500, -100, 0, 100, 500] {
            let (worst, steepest, total) = run(ppm, 10 * MS);
            let drifted = 3600 * SECOND / 1_000_000 * ppm;
            assert!((total - drifted).abs() < 30 * MS, "{ppm} ppm: {total} of {drifted}");
            assert!(worst < 130 * MS, "{ppm} ppm: {worst}");
            assert!(steepest <= MS + 1000, "{ppm} ppm: {steepest} ns within a second");
        }
    }

    #[test]
    fn small_lags_are_left_alone() {
        let mut drift = Drift::default();
        let moved: Nanos = (0..3000).map(|frame| drift.observe(90 * MS, frame * 33 * MS)).sum();
        assert_eq!(moved, 0);
        assert_eq!(drift.total(), 90 * MS);
    }
}

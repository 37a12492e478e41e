//! The run's clock: monotonic, with one wall-clock reading at its start.
//!
//! All times of a run are derived from the monotonic clock, so that a step of the wall clock
//! neither tears a hole into the playlists nor makes PROGRAM-DATE-TIME fall.

use std::time::Duration;

use tokio::time::Instant;

/// Times of one run, counted from its start.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    began: Instant,
    began_wall_ms: i64,
}

impl RunClock {
    /// Starts now.
    pub fn start() -> Self {
        let wall = i64::try_from(super::wall_millis()).unwrap_or(i64::MAX);
        Self { began: Instant::now(), began_wall_ms: wall }
    }

    /// Time since the start of the run.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The instant at which the run's clock shows `at`.
    pub fn instant(&self, at: Duration) -> Instant {
        self.began + at
    }

    /// Wall-clock milliseconds at a moment of the run.
    pub fn wall_ms(&self, at: Duration) -> i64 {
        self.began_wall_ms.saturating_add(i64::try_from(at.as_millis()).unwrap_or(i64::MAX))
    }

    /// Wall-clock milliseconds now.
    pub fn wall_now_ms(&self) -> i64 {
        self.wall_ms(self.now())
    }
}

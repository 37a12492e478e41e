//! How a worker stands, by the store's clock.

use ez_domain::placement::{Standing, WorkerState};
use ez_domain::units::Timestamp;

use crate::store::WorkerRecord;

/// Silence after which a worker is given no new runs.
pub const SUSPECT_AFTER_MS: u64 = 3_000;

impl WorkerRecord {
    /// Whether it may be given runs, when it is suspect after this long.
    pub fn state(&self, now: Timestamp, suspect_after_ms: u64) -> WorkerState {
        match self.standing {
            Standing::Draining => WorkerState::Draining,
            _ if self.silence_ms(now) > suspect_after_ms => WorkerState::Suspect,
            Standing::DiskFull => WorkerState::Quarantined,
            Standing::Open => WorkerState::Ready,
        }
    }

    /// Time since it was last heard of; a registration counts as much as a heartbeat.
    pub fn silence_ms(&self, now: Timestamp) -> u64 {
        now.millis_since(self.last_beat_at.max(self.registered_at))
    }
}

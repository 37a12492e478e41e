//! Clocks: the one place where the wall clock is read, and the clock of a run. Decisions about jobs use the store's clock instead.

mod run_clock;

use std::time::{SystemTime, UNIX_EPOCH};

pub use run_clock::RunClock;

/// Milliseconds since the Unix epoch by this host's clock.
#[expect(clippy::disallowed_methods, reason = "this is the edge that the rule points to")]
pub fn wall_millis() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

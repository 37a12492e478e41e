//! How often a transcoder is started again on the spot.
//!
//! A crash now and then is mended here without anybody noticing; one that comes back at once is
//! for the scheduler, which may know a better host.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

const RESTARTS: usize = 3;
const SPAN: Duration = Duration::from_secs(60);

/// At most three restarts in any 60 s.
#[derive(Debug, Default)]
pub(super) struct RestartBudget {
    taken: VecDeque<Instant>,
}

impl RestartBudget {
    /// Takes one restart, if one is left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        while self.taken.front().is_some_and(|&at| now.duration_since(at) >= SPAN) {
            self.taken.pop_front();
        }
        if self.taken.len() >= RESTARTS {
            return false;
        }
        self.taken.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_minute_and_again_later() {
        let start = Instant::now();
        let mut budget = RestartBudget::default();
        let taken: Vec<bool> =
            [0, 1, 59, 59, 60, 60, 61].map(|second| budget.take(start + Duration::from_secs(second))).into();
        assert_eq!(taken, [true, true, true, false, true, false, true]);
    }
}

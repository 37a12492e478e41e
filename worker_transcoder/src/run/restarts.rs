//! How often a period may be replaced before the run gives up.

use std::collections::VecDeque;
use std::time::Duration;

const LIMIT: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);

/// Moments of the latest replacements.
#[derive(Debug, Default)]
pub(crate) struct Restarts(VecDeque<Duration>);

impl Restarts {
    /// Counts one more; `false` when it is one too many.
    pub(crate) fn allow(&mut self, now: Duration) -> bool {
        while self.0.front().is_some_and(|first| now.saturating_sub(*first) > WITHIN) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() <= LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_within_a_minute_are_allowed() {
        let mut restarts = Restarts::default();
        let allowed: Vec<bool> =
            [0, 10, 20, 30, 95, 100].into_iter().map(|at| restarts.allow(Duration::from_secs(at))).collect();
        assert_eq!(allowed, [true, true, true, false, true, true]);
    }
}

//! How long something took, counted by length.

use std::time::Duration;

/// Upper bounds of the classes in milliseconds; the last class has none.
pub const BOUNDS_MS: [u64; 8] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/// Durations, counted by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Durations {
    /// All of them together, in milliseconds.
    pub sum_ms: u64,
    /// How many are above the bound of the class before and up to that of their own.
    pub counts: [u64; BOUNDS_MS.len() + 1],
}

impl Durations {
    /// Counts one more.
    pub fn add(&mut self, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.sum_ms = self.sum_ms.saturating_add(took);
        let class = BOUNDS_MS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS_MS.len());
        if let Some(count) = self.counts.get_mut(class) {
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_class_below_it() {
        let mut durations = Durations::default();
        for ms in [0, 50, 51, 10_000, 10_001, 3_600_000] {
            durations.add(Duration::from_millis(ms));
        }
        assert_eq!(durations.counts, [2, 1, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(durations.sum_ms, 3_620_102);
    }
}

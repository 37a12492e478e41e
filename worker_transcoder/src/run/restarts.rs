//! How often a period may be replaced in vain before the run gives up.

/// Replacements in a row after which the worker is believed to be at fault.
const LIMIT: u32 = 4;
/// Segments of each rendition after which a period counts as a success.
const RECOVERED: u64 = 3;

/// The latest replacements. A channel that recovers each time is never given up.
#[derive(Debug)]
pub(crate) struct Restarts {
    renditions: u64,
    /// Segments closed since the last replacement, of all renditions together.
    closed: u64,
    in_vain: u32,
}

impl Restarts {
    pub(crate) const fn new(renditions: u64) -> Self {
        Self { renditions, closed: 0, in_vain: 0 }
    }

    /// A segment was closed.
    pub(crate) const fn segment(&mut self) {
        self.closed = self.closed.saturating_add(1);
    }

    /// Counts one more; `false` when it is one too many.
    pub(crate) const fn allow(&mut self) -> bool {
        if self.closed >= RECOVERED.saturating_mul(self.renditions) {
            self.in_vain = 0;
        }
        self.closed = 0;
        self.in_vain = self.in_vain.saturating_add(1);
        self.in_vain <= LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(segments: u64, restarts: &mut Restarts) -> bool {
        for _ in 0..segments {
            restarts.segment();
        }
        restarts.allow()
    }

    #[test]
    fn four_in_vain_are_allowed() {
        let mut restarts = Restarts::new(2);
        let allowed: Vec<bool> = [0, 5, 5, 0, 0].map(|segments| after(segments, &mut restarts)).to_vec();
        assert_eq!(allowed, [true, true, true, true, false]);
    }

    #[test]
    fn a_period_that_lived_makes_good() {
        let mut restarts = Restarts::new(2);
        assert!((0..1000).all(|round| after(if round % 3 == 0 { 6 } else { 0 }, &mut restarts)));
    }
}

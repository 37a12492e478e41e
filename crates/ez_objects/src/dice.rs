//! A small seedable generator for jitter and write-ids.
//!
//! Splitmix64 is plenty here: nothing secret is drawn from it. What matters is that
//! a test can replay a run from its seed, and that two processes never start alike.

use uuid::Uuid;

/// A generator of pseudo-random numbers: splitmix64 over a 64-bit counter with a random increment.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
    increment: u64,
}

impl Dice {
    /// A generator that always gives the same numbers for the same seed.
    pub const fn from_seed(seed: u64) -> Self {
        Self { state: seed, increment: 0x9e37_79b9_7f4a_7c15 }
    }

    /// A generator that no other process has: seeded from the randomness of the system.
    pub fn from_system() -> Self {
        let (state, increment) = Uuid::new_v4().as_u64_pair();
        // An odd increment visits all 2^64 states before it comes round.
        Self { state, increment: increment | 1 }
    }

    /// The next number, uniform over all 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(self.increment);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, but not including, `bound`; 0 for a bound of 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        // The bias of the remainder is below 2^-40 for every bound that is used here.
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// True in `per_mille` of a thousand throws.
    pub fn hits(&mut self, per_mille: u16) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// A generator of its own for a concurrent task.
    #[must_use]
    pub const fn fork(&mut self) -> Self {
        Self { state: self.next(), increment: self.increment }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_the_system_does_not() {
        let draw = |mut dice: Dice| (0..8).map(|_| dice.next()).collect::<Vec<_>>();
        assert_eq!(draw(Dice::from_seed(7)), draw(Dice::from_seed(7)));
        assert_ne!(draw(Dice::from_seed(7)), draw(Dice::from_seed(8)));
        assert_ne!(draw(Dice::from_system()), draw(Dice::from_system()));
    }

    #[test]
    fn throws_are_spread_evenly() {
        let mut dice = Dice::from_seed(1);
        let mut buckets = [0u32; 10];
        for _ in 0..10_000 {
            buckets[usize::try_from(dice.below(10)).unwrap()] += 1;
        }
        assert!(buckets.iter().all(|count| (850..1150).contains(count)), "{buckets:?}");
        let hits = (0..10_000).filter(|_| dice.hits(250)).count();
        assert!((2300..2700).contains(&hits), "{hits}");
        assert_eq!(dice.below(0), 0);
    }
}

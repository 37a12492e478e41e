//! The storm brake: when many leases lapse at once, it is rather the control plane that was away.
//!
//! Giving a run up costs viewers a seam, so while it is in doubt who failed, nobody is given up:
//! after the start, after a time in which the store took no writes (workers could not renew their
//! leases then either), when its clock, by which leases lapse, went forward at once, and when a large share
//! of the workers falls silent at the same time. Each of these holds the brake for a fixed time, in which workers that live renew their leases; what is
//! still lapsed afterwards is given up.
//!
//! It knows no clock: instants come in from outside.

use std::ops::Range;
use std::time::Duration;

use ez_domain::units::Timestamp;
use tokio::time::Instant;

use crate::app::Timing;

/// Fewer silent workers than this are no storm.
const STORM_FROM: usize = 3;

/// Tells whether runs may be given up.
#[derive(Debug)]
pub struct Brake {
    hold: Duration,
    longest_gap: Duration,
    suspect_after: Duration,
    held_until: Instant,
    store_answered_at: Instant,
    /// What the store's clock said, and when it was asked.
    clock: Option<(Instant, Timestamp)>,
    stormy: bool,
}

/// Why the brake was pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// The store had taken no write for long.
    StoreWasAway {
        /// How long.
        gap: Duration,
    },
    /// The store's clock went forward by more than the time that passed.
    ClockLeapt {
        /// By how much more.
        by: Duration,
    },
    /// Many workers fell silent at once.
    Storm {
        /// How many.
        silent: usize,
        /// Of how many.
        of: usize,
    },
}

impl Brake {
    /// A brake that holds from `started` on.
    pub fn new(started: Instant, timing: &Timing) -> Self {
        let hold = timing.lease * 2;
        Self {
            hold,
            // A worker beats every third of a lease, so after half a lease without the store the
            // first leases are about to lapse through no fault of their workers.
            longest_gap: timing.lease / 2,
            suspect_after: timing.suspect_after,
            held_until: started + hold,
            store_answered_at: started,
            clock: None,
            stormy: false,
        }
    }

    /// The store took a write at `now`.
    pub fn store_answered(&mut self, now: Instant) -> Option<Pulled> {
        let gap = now.saturating_duration_since(self.store_answered_at);
        self.store_answered_at = now;
        if gap <= self.longest_gap {
            return None;
        }
        self.pull(now);
        Some(Pulled::StoreWasAway { gap })
    }

    /// Between these instants the store's clock said `told`.
    ///
    /// A leap ends leases that nobody had the time to renew. Going back it only makes them longer.
    pub fn clock_read(&mut self, asked: Range<Instant>, told: Timestamp) -> Option<Pulled> {
        let (before, told_before) = self.clock.replace((asked.start, told))?;
        let passed = asked.end.saturating_duration_since(before);
        let by = Duration::from_millis(told.millis_since(told_before)).saturating_sub(passed);
        if by <= self.longest_gap {
            return None;
        }
        self.pull(asked.end);
        Some(Pulled::ClockLeapt { by })
    }

    /// At `now` the workers had been silent for these times.
    ///
    /// A worker that has been silent for longer than the brake holds is gone for certain and counts
    /// neither way; so a storm passes, and dead workers do not hold the brake for ever.
    pub fn workers_seen(
        &mut self,
        now: Instant,
        silences: impl IntoIterator<Item = Duration>,
    ) -> Option<Pulled> {
        let recent = silences.into_iter().filter(|silence| *silence <= self.suspect_after + self.hold);
        let (of, silent) = recent.fold((0, 0), |(of, silent), silence| {
            (of + 1, silent + usize::from(silence > self.suspect_after))
        });
        let was_stormy = self.stormy;
        self.stormy = silent >= STORM_FROM && silent * 3 > of;
        if !self.stormy || was_stormy {
            return None;
        }
        self.pull(now);
        Some(Pulled::Storm { silent, of })
    }

    /// Whether nobody may be given up at `now`.
    pub fn holds(&self, now: Instant) -> bool {
        now < self.held_until
    }

    fn pull(&mut self, now: Instant) {
        self.held_until = self.held_until.max(now + self.hold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: u64 = 12;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    /// A brake whose first hold is over, and the instant of that.
    fn released() -> (Brake, Instant) {
        let started = Instant::now();
        let mut brake = Brake::new(started, &Timing::default());
        let mut now = started;
        for _ in 0..HOLD {
            assert!(brake.holds(now));
            now += seconds(1);
            assert_eq!(brake.store_answered(now), None);
        }
        assert!(!brake.holds(now));
        (brake, now)
    }

    #[test]
    fn it_holds_after_the_start_for_two_leases() {
        released();
    }

    #[test]
    fn a_store_that_was_away_pulls_it_when_leases_may_have_suffered() {
        let (mut brake, now) = released();
        assert_eq!(brake.store_answered(now + seconds(3)), None);
        assert!(!brake.holds(now + seconds(3)));
        let back = now + seconds(3) + Duration::from_millis(3001);
        assert!(matches!(brake.store_answered(back), Some(Pulled::StoreWasAway { .. })));
        assert!(brake.holds(back) && brake.holds(back + seconds(HOLD) - Duration::from_millis(1)));
        assert!(!brake.holds(back + seconds(HOLD)));
    }

    #[test]
    fn a_clock_that_leaps_pulls_it() {
        let clock = |second: u64| Timestamp::from_millis(1_000_000 + second * 1000);
        // Seconds that passed, seconds that the store's clock went on by, whether that is a leap.
        let cases =
            [(1, 1, false), (0, 3, false), (0, 4, true), (1, 3600, true), (60, 60, false), (60, 0, false)];
        for (passed, went_on, expected) in cases {
            let (mut brake, now) = released();
            assert_eq!(brake.clock_read(now..now, clock(0)), None, "the first look knows nothing");
            let then = now + seconds(passed);
            let pulled = brake.clock_read(then..then, clock(went_on));
            assert_eq!(pulled.is_some(), expected, "{passed} {went_on}: {pulled:?}");
            assert_eq!(brake.holds(then), expected);
            // It is measured from there on.
            assert_eq!(brake.clock_read(then..then, clock(went_on)), None);
        }
        // An answer that took long says nothing of the clock.
        let (mut brake, now) = released();
        brake.clock_read(now..now, clock(0));
        assert_eq!(brake.clock_read(now..now + seconds(9), clock(9)), None);
        assert_eq!(brake.clock_read(now + seconds(9)..now + seconds(9), clock(9)), None);
        // And it went back, and on from there.
        assert_eq!(brake.clock_read(now + seconds(10)..now + seconds(10), clock(2)), None);
        assert_eq!(brake.clock_read(now + seconds(11)..now + seconds(11), clock(3)), None);
    }

    #[test]
    fn what_is_a_storm() {
        // Silent workers, live workers, whether that is a storm.
        let cases = [
            (1, 0, false),
            (2, 0, false),
            (2, 1, false),
            (3, 0, true),
            (3, 5, true),
            (3, 6, false),
            (40, 79, true),
        ];
        for (silent, live, expected) in cases {
            let (mut brake, now) = released();
            let silences =
                std::iter::repeat_n(seconds(4), silent).chain(std::iter::repeat_n(seconds(1), live));
            assert_eq!(
                brake.workers_seen(now, silences).is_some(),
                expected,
                "{silent} of {}",
                silent + live
            );
            assert_eq!(brake.holds(now), expected);
        }
    }

    #[test]
    fn dead_workers_do_not_hold_it_for_ever() {
        let (mut brake, start) = released();
        let mut released_after = None;
        for second in 4..60 {
            let now = start + seconds(second);
            brake.store_answered(now);
            brake.workers_seen(now, [seconds(second), seconds(second), seconds(second), seconds(0)]);
            if second == 4 {
                assert!(brake.holds(now));
            }
            if !brake.holds(now) {
                released_after.get_or_insert(second);
            } else {
                assert_eq!(released_after, None, "it was pulled again for the same dead workers");
            }
        }
        assert_eq!(released_after, Some(4 + HOLD));
    }
}

//! The publisher's timestamps: wraps unrolled, jumps capped, one offset for both tracks.
//!
//! Encoders wrap at 2^32 or, with a broken extended timestamp, at 2^24. When both tracks jump, the
//! second one to do so adopts the offset that the first one found, so their relation is kept exactly.
//! The time of the encoder is only ever used modulo 2^64, so hostile sums wrap instead of failing.

use super::settings::{BACKSTEP, JUMP};
use super::time::{MS, Nanos};

/// The two tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Track {
    Video,
    Audio,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    out: Nanos,
    arrival: Nanos,
}

/// Maps one session's timestamps to the run's clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputClock {
    reference: Option<(u32, i64)>,
    offsets: [Nanos; 2],
    last: [Option<Last>; 2],
}

/// How near to a whole wrap a step has to be to count as one.
const WRAP_WINDOW: i64 = 60_000;
const WRAP_24: i64 = 1 << 24;

impl InputClock {
    /// Unrolls a timestamp; tracks share the count of wraps.
    pub(crate) fn unroll(&mut self, raw: u32) -> Nanos {
        let unrolled = match self.reference {
            None => i64::from(raw),
            Some((reference, unrolled)) => {
                let mut step = i64::from(raw.wrapping_sub(reference).cast_signed());
                if i64::from(raw.max(reference)) < WRAP_24 {
                    if (step + WRAP_24).abs() < WRAP_WINDOW {
                        step += WRAP_24;
                    } else if (step - WRAP_24).abs() < WRAP_WINDOW {
                        step -= WRAP_24;
                    }
                }
                unrolled.wrapping_add(step)
            }
        };
        self.reference = Some((raw, unrolled));
        unrolled.wrapping_mul(MS)
    }

    /// Begins anew: encoder time `at` of both tracks is `out` on the run's clock.
    pub(crate) fn rebase(&mut self, at: Nanos, out: Nanos) {
        self.offsets = [out.wrapping_sub(at); 2];
        self.last = [None; 2];
    }

    /// Gives one track an offset of its own.
    pub(crate) fn rebase_track(&mut self, track: Track, at: Nanos, out: Nanos) {
        self.offsets[index(track)] = out.wrapping_sub(at);
        self.last[index(track)] = None;
    }

    /// Where a timestamp falls by the present offset, jumps and all.
    pub(crate) fn project(&self, track: Track, at: Nanos) -> Nanos {
        at.wrapping_add(self.offsets[index(track)])
    }

    /// Where a timestamp falls once jumps are capped; `step` is the nominal distance of two frames.
    pub(crate) fn place(&mut self, track: Track, at: Nanos, arrival: Nanos, step: Nanos) -> Nanos {
        let this = index(track);
        let mut out = self.project(track, at);
        if let Some(last) = self.last[this] {
            let passed = arrival.saturating_sub(last.arrival).max(0);
            let fits = |out: Nanos| {
                let ahead = out.saturating_sub(last.out);
                (-BACKSTEP..=JUMP.saturating_add(passed)).contains(&ahead)
            };
            if !fits(out) {
                let others = self.offsets[1 - this];
                out = at.wrapping_add(others);
                if !fits(out) {
                    out = last.out.saturating_add(step);
                }
                self.offsets[this] = out.wrapping_sub(at);
            }
        }
        self.last[this] = Some(Last { out, arrival });
        out
    }

    /// Forgets where a track was: its next timestamp is not measured against the last.
    pub(crate) fn forget(&mut self, track: Track) {
        self.last[index(track)] = None;
    }

    /// Moves both tracks, to follow a drifting encoder clock.
    pub(crate) fn slew(&mut self, by: Nanos) {
        for offset in &mut self.offsets {
            *offset = offset.wrapping_add(by);
        }
    }
}

const fn index(track: Track) -> usize {
    match track {
        Track::Video => 0,
        Track::Audio => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: Nanos = 33 * MS;

    #[test]
    fn wraps_are_unrolled_on_both_tracks() {
        let cases: [(&str, &[u32], &[i64]); 4] = [
            ("32 bit", &[u32::MAX - 10, 20, u32::MAX - 5, 40], &[0, 31, 5, 51]),
            ("24 bit", &[0xFF_FFF0, 0x10, 0xFF_FFFA, 0x30], &[0, 32, 10, 64]),
            ("extended past 24 bit", &[0xFF_FFF0, 0x100_0010], &[0, 32]),
            ("a real jump back", &[10_000_000, 100], &[0, -9_999_900]),
        ];
        for (name, raw, expected) in cases {
            let mut clock = InputClock::default();
            let start = clock.unroll(raw[0]);
            let found: Vec<_> = raw[1..].iter().map(|raw| (clock.unroll(*raw) - start) / MS).collect();
            assert_eq!(found, expected[1..], "{name}");
        }
    }

    #[test]
    fn jumps() {
        // (name, encoder ms at second tag, wall ms passed, expected out ms)
        let cases = [
            ("normal", 33, 33, 33),
            ("hole below a second", 900, 33, 900),
            ("hole with wall time behind it", 5000, 4900, 5000),
            ("600 s forward", 600_000, 33, 33),
            ("jitter back", -100, 33, -100),
            ("restart", -50_000, 33, 33),
        ];
        for (name, encoder, wall, expected) in cases {
            let mut clock = InputClock::default();
            clock.rebase(0, 0);
            clock.place(Track::Video, 0, 0, FRAME);
            assert_eq!(clock.place(Track::Video, encoder * MS, wall * MS, FRAME), expected * MS, "{name}");
        }
    }

    #[test]
    fn second_track_adopts_the_offset_of_the_first() {
        let mut clock = InputClock::default();
        clock.rebase(0, 0);
        clock.place(Track::Video, 0, 0, FRAME);
        clock.place(Track::Audio, 0, 0, FRAME);
        assert_eq!(clock.place(Track::Video, 600_000 * MS, 33 * MS, FRAME), 33 * MS);
        assert_eq!(clock.place(Track::Audio, 21 * MS, 33 * MS, FRAME), 21 * MS, "still the old time");
        assert_eq!(clock.place(Track::Audio, 600_009 * MS, 42 * MS, FRAME), 42 * MS, "same relation");
    }

    proptest! {
        #[test]
        fn no_step_goes_beyond_the_bounds(steps in prop::collection::vec((any::<u32>(), 0_i64..3000), 1..200)) {
            let mut clock = InputClock::default();
            let (mut arrival, mut last) = (0, None);
            for (raw, passed) in steps {
                arrival += passed * MS;
                let at = clock.unroll(raw);
                let out = clock.place(Track::Video, at, arrival, FRAME);
                if let Some(last) = last {
                    prop_assert!(out - last >= -BACKSTEP && out - last <= JUMP + passed * MS);
                }
                last = Some(out);
            }
        }
    }
}

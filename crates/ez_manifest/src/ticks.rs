//! Exact arithmetic between media ticks and wall-clock milliseconds.
//!
//! Everything goes through `i128`, so no value that fits the timeline can overflow; results
//! saturate instead of wrapping.

/// Microseconds in a second.
pub(crate) const MICROS: u64 = 1_000_000;

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// `ticks` of `timescale` in milliseconds, rounded down.
pub(crate) fn ms_floor(ticks: i128, timescale: u32) -> i64 {
    saturate((ticks * 1000).div_euclid(i128::from(timescale.max(1))))
}

/// `ticks` of `timescale` in milliseconds, rounded up.
pub(crate) fn ms_ceil(ticks: i128, timescale: u32) -> i64 {
    saturate(-((-ticks * 1000).div_euclid(i128::from(timescale.max(1)))))
}

/// The first time less the second, each in ticks of its own timescale, in milliseconds
/// rounded up once.
pub(crate) fn difference_ms_ceil(first: (i128, u32), second: (i128, u32)) -> i64 {
    let (one, two) = (i128::from(first.1.max(1)), i128::from(second.1.max(1)));
    let ticks = first.0 * two - second.0 * one;
    saturate(-((-ticks * 1000).div_euclid(one * two)))
}

/// `ticks` of `timescale` in milliseconds, rounded to the nearest.
pub(crate) fn ms_round(ticks: i128, timescale: u32) -> i64 {
    let scale = i128::from(timescale.max(1));
    saturate((ticks * 2000 + scale).div_euclid(2 * scale))
}

/// Milliseconds in ticks of `timescale`, rounded to the nearest.
pub(crate) fn from_ms(ms: i64, timescale: u32) -> i128 {
    (i128::from(ms) * i128::from(timescale) * 2 + 1000).div_euclid(2000)
}

/// Ticks of one timescale in those of another, rounded to the nearest.
pub(crate) fn rescale(ticks: u64, from: u32, to: u32) -> u64 {
    let scale = u128::from(from.max(1));
    let value = (u128::from(ticks) * u128::from(to) * 2 + scale) / (2 * scale);
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// `ticks` of `timescale` in microseconds, rounded to the nearest.
pub(crate) fn micros(ticks: u64, timescale: u32) -> u64 {
    let scale = u128::from(timescale.max(1));
    let value = (u128::from(ticks) * u128::from(MICROS) * 2 + scale) / (2 * scale);
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// Whether a duration rounds to at most `target` seconds (RFC 8216 4.3.3.1).
pub(crate) fn fits_target(duration: u64, timescale: u32, target: u32) -> bool {
    // Rounded to the nearest integer, halves upward: d/ts < target + 1/2.
    u128::from(duration) * 2 < u128::from(timescale) * (u128::from(target) * 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_the_named_side_on_both_sides_of_zero() {
        let cases =
            [(1i128, 0, 1, 0), (-1, -1, 0, 0), (89, 0, 1, 1), (-89, -1, 0, -1), (90, 1, 1, 1), (45, 0, 1, 1)];
        for (ticks, floor, ceil, round) in cases {
            assert_eq!(ms_floor(ticks, 90_000), floor, "floor of {ticks}");
            assert_eq!(ms_ceil(ticks, 90_000), ceil, "ceil of {ticks}");
            assert_eq!(ms_round(ticks, 90_000), round, "round of {ticks}");
        }
    }

    #[test]
    fn target_is_compared_after_rounding() {
        assert!(fits_target(224_999, 90_000, 2));
        assert!(!fits_target(225_000, 90_000, 2));
        assert!(fits_target(180_480, 90_000, 2));
    }

    #[test]
    fn differences_are_rounded_once() {
        assert_eq!(difference_ms_ceil((718_080, 90_000), (-1920, 90_000)), 8000);
        assert_eq!(difference_ms_ceil((383_000, 48_000), (-1919, 90_000)), 8001);
        assert_eq!(difference_ms_ceil((0, 90_000), (91, 90_000)), -1);
    }

    #[test]
    fn extremes_saturate() {
        assert_eq!(ms_floor(i128::from(u64::MAX), 1), i64::MAX);
        assert_eq!(rescale(u64::MAX, 1, u32::MAX), u64::MAX);
        assert_eq!(micros(u64::MAX, 0), u64::MAX);
    }
}

//! Nanoseconds on the run's clock, and exact multiples of fractions.
//!
//! Signed, because offsets and leads are. Values taken from outside are capped far from overflow.

use std::time::Duration;

/// Nanoseconds; as a point in time: since the run began.
pub(crate) type Nanos = i64;

/// One millisecond, the unit of FLV.
pub(crate) const MS: Nanos = 1_000_000;
/// One second.
pub(crate) const SECOND: Nanos = 1_000_000_000;

/// A duration from outside; capped at 36 years so that sums stay in range.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX).min(Nanos::MAX / 8)
}

/// Back to the outside; what lies before zero becomes zero.
pub(crate) fn duration(value: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(value).unwrap_or(0))
}

/// `count * numerator / denominator` seconds, rounded down once at the end.
pub(crate) fn fraction(count: i64, numerator: u32, denominator: u32) -> Nanos {
    let exact = i128::from(count) * i128::from(numerator) * i128::from(SECOND);
    Nanos::try_from(exact.div_euclid(i128::from(denominator.max(1)))).unwrap_or(Nanos::MAX / 8)
}

/// Nearest whole millisecond.
pub(crate) const fn to_ms(value: Nanos) -> i64 {
    value.saturating_add(MS / 2).div_euclid(MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_frames_does_not_slip() {
        // 44.1 kHz: 44100 frames of 1024 samples are exactly 1024 seconds.
        assert_eq!(fraction(44_100 * 84, 1024, 44_100), 1024 * 84 * SECOND);
        assert_eq!(fraction(30_000, 1001, 30_000), 1001 * SECOND);
        assert_eq!((to_ms(1_499_999), to_ms(1_500_000), to_ms(-1)), (1, 2, 0));
        assert_eq!(nanos(Duration::MAX), Nanos::MAX / 8);
    }
}

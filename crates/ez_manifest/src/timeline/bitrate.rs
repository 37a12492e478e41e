//! Measured bitrates of a rendition.
//!
//! Manifests get them rounded up to two digits, so that the multivariant playlist changes
//! seldom: each change is a write to the store and a purge in every cache.

use serde::{Deserialize, Serialize};

/// Sums over all published segments of a rendition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Highest bitrate of a segment, in bits per second (RFC 8216 4.3.4.2).
    pub peak_bps: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Duration of all segments in microseconds.
    pub micros: u64,
}

impl Measured {
    /// Counts one segment.
    ///
    /// `peak_span` is the span whose bitrate may set the peak: bytes and microseconds.
    pub(super) fn count(&mut self, bytes: u64, micros: u64, peak_span: Option<(u64, u64)>) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.micros = self.micros.saturating_add(micros);
        if let Some((bytes, micros)) = peak_span {
            self.peak_bps = self.peak_bps.max(bits_per_second(bytes, micros));
        }
    }

    pub(super) fn peak_rounded_bps(&self) -> u64 {
        round_up(self.peak_bps)
    }

    pub(super) fn average_rounded_bps(&self) -> Option<u64> {
        (self.micros > 0).then(|| round_up(bits_per_second(self.bytes, self.micros)))
    }
}

fn bits_per_second(bytes: u64, micros: u64) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(crate::ticks::MICROS) / u128::from(micros.max(1));
    u64::try_from(bits).unwrap_or(u64::MAX)
}

/// Rounds up to two significant digits.
fn round_up(value: u64) -> u64 {
    let mut unit: u64 = 1;
    while value / unit >= 100 {
        unit *= 10;
    }
    value.div_ceil(unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_up_to_two_digits() {
        for (value, rounded) in
            [(0, 0), (99, 99), (100, 100), (101, 110), (999, 1000), (2_000_001, 2_100_000)]
        {
            assert_eq!(round_up(value), rounded, "{value}");
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn averages_over_everything_but_peaks_only_where_told() {
        let mut measured = Measured::default();
        measured.count(250_000, 2_000_000, Some((250_000, 2_000_000)));
        measured.count(50_000, 100_000, None);
        assert_eq!(measured.peak_bps, 1_000_000);
        assert_eq!(measured.average_rounded_bps(), Some(1_200_000));
    }
}

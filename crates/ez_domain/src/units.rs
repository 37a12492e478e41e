//! Quantities with their unit in the type.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A bit rate in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bitrate(u64);

impl Bitrate {
    /// A rate of `bps` bits per second.
    pub const fn from_bps(bps: u64) -> Self {
        Self(bps)
    }

    /// A rate of `kbps` thousand bits per second.
    pub const fn from_kbps(kbps: u64) -> Self {
        Self(kbps.saturating_mul(1000))
    }

    /// Bits per second.
    pub const fn bps(self) -> u64 {
        self.0
    }

    /// Thousands of bits per second, rounded down.
    pub const fn kbps(self) -> u64 {
        self.0 / 1000
    }
}

impl fmt::Display for Bitrate {
    /// The shortest spelling that users write themselves: `500k`, or bit/s when that is not whole.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 && self.0.is_multiple_of(1000) {
            write!(formatter, "{}k", self.0 / 1000)
        } else {
            write!(formatter, "{}", self.0)
        }
    }
}

/// A frame rate as an exact fraction of frames per second, reduced to lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct FrameRate {
    numerator: u32,
    denominator: u32,
}

/// The rates that cameras and encoders really use; measured rates are snapped to these.
const STANDARD_RATES: [(u32, u32); 12] = [
    (10, 1),
    (12, 1),
    (15, 1),
    (20, 1),
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
];

impl FrameRate {
    /// `numerator / denominator` frames per second; `None` when either is zero.
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let divisor = greatest_common_divisor(numerator, denominator);
        Some(Self { numerator: numerator / divisor, denominator: denominator / divisor })
    }

    /// The exact fraction behind a decimal number: 29.97 is 30000/1001, 12.5 is 25/2.
    ///
    /// `None` for anything that is not a finite positive number.
    pub fn from_decimal(frames_per_second: f64) -> Option<Self> {
        if !frames_per_second.is_finite() || frames_per_second <= 0.0 || frames_per_second > 1000.0 {
            return None;
        }
        let ntsc = [(24_000, 1001), (30_000, 1001), (48_000, 1001), (60_000, 1001), (120_000, 1001)];
        for (numerator, denominator) in ntsc {
            if (frames_per_second - f64::from(numerator) / f64::from(denominator)).abs() < 0.005 {
                return Self::new(numerator, denominator);
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the value lies between 0 and 1,000,000"
        )]
        let thousandths = (frames_per_second * 1000.0).round() as u32;
        Self::new(thousandths, 1000)
    }

    /// The standard rate nearest to a measured one, or the measured one where none is within 3 %.
    pub fn snapped(measured: f64) -> Option<Self> {
        let nearest = STANDARD_RATES
            .into_iter()
            .min_by(|left, right| distance(*left, measured).total_cmp(&distance(*right, measured)))?;
        if distance(nearest, measured) <= 0.03 * measured {
            Self::new(nearest.0, nearest.1)
        } else {
            Self::from_decimal(measured)
        }
    }

    /// Frames in `denominator` seconds.
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// Seconds that hold `numerator` frames.
    pub const fn denominator(self) -> u32 {
        self.denominator
    }

    /// Frames per second as a decimal number, for display and estimates.
    pub fn as_f64(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

fn distance((numerator, denominator): (u32, u32), measured: f64) -> f64 {
    (f64::from(numerator) / f64::from(denominator) - measured).abs()
}

const fn greatest_common_divisor(mut left: u32, mut right: u32) -> u32 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

impl fmt::Display for FrameRate {
    /// As ffmpeg and `FRAME-RATE` readers take it: `30` or `30000/1001`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.denominator == 1 {
            write!(formatter, "{}", self.numerator)
        } else {
            write!(formatter, "{}/{}", self.numerator, self.denominator)
        }
    }
}

impl TryFrom<(u32, u32)> for FrameRate {
    type Error = &'static str;

    fn try_from((numerator, denominator): (u32, u32)) -> Result<Self, Self::Error> {
        Self::new(numerator, denominator).ok_or("a frame rate has no zero in its fraction")
    }
}

impl From<FrameRate> for (u32, u32) {
    fn from(rate: FrameRate) -> Self {
        (rate.numerator, rate.denominator)
    }
}

/// A point in time: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The instant `millis` milliseconds later.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant; zero when `earlier` lies after it.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_rates_become_exact_fractions() {
        for (decimal, text) in [
            (25.0, "25"),
            (29.97, "30000/1001"),
            (23.976, "24000/1001"),
            (59.94, "60000/1001"),
            (12.5, "25/2"),
            (119.88, "120000/1001"),
        ] {
            assert_eq!(FrameRate::from_decimal(decimal).unwrap().to_string(), text);
        }
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(FrameRate::from_decimal(bad), None);
        }
    }

    #[test]
    fn measured_rates_snap_to_the_nearest_standard() {
        for (measured, text) in [
            (29.91, "30000/1001"),
            (30.2, "30"),
            (24.9, "25"),
            (59.99, "60"),
            (23.97, "24000/1001"),
            (7.0, "7"),
        ] {
            assert_eq!(FrameRate::snapped(measured).unwrap().to_string(), text, "{measured}");
        }
    }

    #[test]
    fn bitrates_print_as_users_write_them() {
        assert_eq!(Bitrate::from_kbps(365).to_string(), "365k");
        assert_eq!(Bitrate::from_bps(1500).to_string(), "1500");
    }
}

//! The instants at which every rendition of a ladder can be cut, in exact arithmetic.
//!
//! Renditions of different rates (30 and 60, 24 and 30) are cut on the coarsest grid that all of them share: the
//! greatest common divisor of their rates. Rates that share none (25 and 29.97) cannot be cut alike.

use crate::units::FrameRate;

/// The instants, counted from the start of a period, at which every rendition has a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutGrid {
    rate: FrameRate,
    is_common: bool,
}

/// A grid coarser than this moves cuts by more than a quarter of a second: of no use, unless every whole second
/// is on it, because segments and GOPs last whole seconds.
const COARSEST_GRID_HZ: u64 = 4;

impl CutGrid {
    /// The grid that all `rates` share; the first rate's own where there is none.
    ///
    /// `None` without rates.
    pub fn of(rates: impl IntoIterator<Item = FrameRate>) -> Option<Self> {
        let mut rates = rates.into_iter();
        let first = rates.next()?;
        let mut common = (u64::from(first.numerator()), u64::from(first.denominator()));
        for rate in rates {
            common = common_divisor(common, (u64::from(rate.numerator()), u64::from(rate.denominator())))
                .unwrap_or((0, 1));
        }
        let (numerator, denominator) = common;
        let shared = u32::try_from(numerator)
            .ok()
            .zip(u32::try_from(denominator).ok())
            .and_then(|(numerator, denominator)| FrameRate::new(numerator, denominator))
            .filter(|_| {
                numerator >= COARSEST_GRID_HZ * denominator
                    || numerator.is_multiple_of(denominator)
                    || common == exactly(first)
            });
        Some(match shared {
            Some(rate) => Self { rate, is_common: true },
            None => Self { rate: first, is_common: false },
        })
    }

    /// Whether all renditions can be cut at the same instants.
    pub const fn is_common(self) -> bool {
        self.is_common
    }

    /// The grid itself, in cuts that would be possible per second.
    pub const fn rate(self) -> FrameRate {
        self.rate
    }
}

const fn exactly(rate: FrameRate) -> (u64, u64) {
    (rate.numerator() as u64, rate.denominator() as u64)
}

/// gcd(a/b, c/d) = gcd(a*d, c*b) / (b*d), reduced; `None` on overflow.
fn common_divisor((a, b): (u64, u64), (c, d): (u64, u64)) -> Option<(u64, u64)> {
    let numerator = gcd(a.checked_mul(d)?, c.checked_mul(b)?);
    let denominator = b.checked_mul(d)?;
    let divisor = gcd(numerator, denominator);
    (divisor > 0).then(|| (numerator / divisor, denominator / divisor))
}

const fn gcd(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn rate(numerator: u32, denominator: u32) -> FrameRate {
        FrameRate::new(numerator, denominator).unwrap()
    }

    #[test]
    fn grids_of_mixed_ladders() {
        let ntsc = rate(30_000, 1001);
        for (rates, grid, is_common) in [
            (vec![rate(30, 1)], "30", true),
            (vec![rate(2, 1)], "2", true),
            (vec![rate(30, 1), rate(60, 1)], "30", true),
            (vec![rate(24, 1), rate(30, 1)], "6", true),
            (vec![rate(24, 1), rate(25, 1)], "1", true),
            (vec![rate(60_000, 1001), ntsc], "30000/1001", true),
            (vec![rate(24_000, 1001), ntsc], "6000/1001", true),
            (vec![rate(25, 1), ntsc], "25", false),
            (vec![rate(999_983, 1), rate(u32::MAX, 999_979), rate(1, 4_294_967_291)], "999983", false),
        ] {
            let found = CutGrid::of(rates.clone()).unwrap();
            assert_eq!(
                (found.rate().to_string().as_str(), found.is_common()),
                (grid, is_common),
                "{rates:?}"
            );
        }
        assert_eq!(CutGrid::of([]), None);
    }
}

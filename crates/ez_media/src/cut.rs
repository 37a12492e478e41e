//! Where the renditions are cut: one rule, in exact arithmetic, for the whole ladder.
//!
//! Players switch between renditions at segment edges, so every rendition must have its key
//! frames at the same instants. Segment duration and key-frame interval are whole seconds;
//! at NTSC rates a second is not a whole number of frames (29.97 frames), so the cut falls
//! on the first frame at or after each multiple of the interval. Segments then last 2.002 s
//! and, once in half a minute, 1.968 s: they never drift away from the clock or the audio.
//!
//! Renditions of different rates (30 and 60, 24 and 30) are cut on the coarsest grid that
//! all of them share: the greatest common divisor of their rates. Rates that share none
//! (25 and 29.97) cannot be cut alike; [`CutGrid::of`] says so.
//!
//! ffmpeg evaluates the rule in double precision. The grid index is an integer before it is
//! multiplied, so the comparison is exact for centuries, unlike `gte(t,n_forced*2)`, which
//! depends on the rounding of `n*1001/30000`. The rule looks at time alone, not at a count
//! of forced frames, so a jump of the timeline cannot make it force every following frame.

use ez_domain::units::FrameRate;

/// The instants, counted from the start of a period, at which every rendition has a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutGrid {
    rate: FrameRate,
    is_common: bool,
}

/// A grid coarser than this moves cuts by more than a quarter of a second: of no use.
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
            .filter(|_| numerator >= COARSEST_GRID_HZ * denominator || common == exactly(first));
        Some(match shared {
            Some(rate) => Self { rate, is_common: true },
            None => Self { rate: first, is_common: false },
        })
    }

    /// Whether all renditions can be cut at the same instants.
    pub const fn is_common(self) -> bool {
        self.is_common
    }

    /// ffmpeg's `-force_key_frames` expression for a key frame in every `gop_seconds`.
    ///
    /// A frame is a key frame when it is the first in its interval. `t` is the output time;
    /// 0.001 of a grid step absorbs the rounding of `t`, a frame on the grid is never nearer
    /// than that to the next index.
    pub fn key_frame_expression(self, gop_seconds: u32) -> String {
        let interval = |time: &str| {
            let numerator = self.rate.numerator();
            let denominator = self.rate.denominator();
            let ticks = u64::from(numerator) * u64::from(gop_seconds);
            format!("floor(floor({time}*{numerator}/{denominator}+0.001)*{denominator}/{ticks})")
        };
        format!("expr:if(isnan(prev_forced_t),1,gt({},{}))", interval("t"), interval("prev_forced_t"))
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

    /// The expression as ffmpeg evaluates it: in doubles, frame by frame.
    fn key_frames(
        grid: CutGrid,
        frame_rate: FrameRate,
        gop_seconds: u32,
        frames: std::ops::Range<u64>,
    ) -> Vec<u64> {
        let (n, d) = (f64::from(grid.rate().numerator()), f64::from(grid.rate().denominator()));
        let ticks = n * f64::from(gop_seconds);
        let interval = |t: f64| ((t * n / d + 0.001).floor() * d / ticks).floor();
        let time_base = f64::from(frame_rate.denominator()) / f64::from(frame_rate.numerator());
        let mut previous = None;
        frames
            .filter(|&frame| {
                #[expect(clippy::cast_precision_loss, reason = "frame numbers stay below 2^53")]
                let t = frame as f64 * time_base;
                let forced = previous.is_none_or(|previous| interval(t) > interval(previous));
                if forced {
                    previous = Some(t);
                }
                forced
            })
            .collect()
    }

    #[test]
    fn cuts_are_exact_at_every_rate_also_after_a_year() {
        for (numerator, denominator) in [
            (10, 1),
            (24_000, 1001),
            (24, 1),
            (25, 1),
            (30_000, 1001),
            (30, 1),
            (50, 1),
            (60_000, 1001),
            (60, 1),
        ] {
            let frame_rate = rate(numerator, denominator);
            let grid = CutGrid::of([frame_rate]).unwrap();
            for gop in [1_u32, 2, 10] {
                for start in [0_u64, 365 * 86_400] {
                    let (n, d, g) = (u64::from(numerator), u64::from(denominator), u64::from(gop));
                    let first_interval = (start / g).next_multiple_of(d);
                    let first = (first_interval * g * n).div_ceil(d);
                    let found = key_frames(grid, frame_rate, gop, first..first + 3000);
                    let expected: Vec<u64> = (first_interval..)
                        .map(|interval| (interval * g * n).div_ceil(d))
                        .take_while(|&frame| frame < first + 3000)
                        .collect();
                    assert_eq!(found, expected, "{frame_rate} every {gop} s from {start} s");
                }
            }
        }
    }

    #[test]
    fn ladders_of_two_rates_are_cut_at_the_same_times() {
        for (slow, fast) in [
            (rate(30_000, 1001), rate(60_000, 1001)),
            (rate(24, 1), rate(30, 1)),
            (rate(24_000, 1001), rate(30_000, 1001)),
        ] {
            let grid = CutGrid::of([fast, slow]).unwrap();
            let times = |frame_rate: FrameRate| -> Vec<(u64, u64)> {
                key_frames(
                    grid,
                    frame_rate,
                    2,
                    0..u64::from(frame_rate.numerator()) * 120 / u64::from(frame_rate.denominator()),
                )
                .into_iter()
                .map(|frame| {
                    let (numerator, denominator) =
                        (frame * u64::from(frame_rate.denominator()), u64::from(frame_rate.numerator()));
                    let divisor = gcd(numerator, denominator);
                    (numerator / divisor, denominator / divisor)
                })
                .collect()
            };
            assert_eq!(times(slow), times(fast), "{slow} and {fast}");
            assert!(times(slow).len() >= 59);
        }
    }

    #[test]
    fn the_expression_for_ntsc() {
        let expression = CutGrid::of([rate(30_000, 1001)]).unwrap().key_frame_expression(2);
        assert_eq!(
            expression,
            "expr:if(isnan(prev_forced_t),1,gt(floor(floor(t*30000/1001+0.001)*1001/60000),\
             floor(floor(prev_forced_t*30000/1001+0.001)*1001/60000)))"
        );
    }
}

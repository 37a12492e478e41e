//! Where the renditions are cut: one rule, in exact arithmetic, for the whole ladder.
//!
//! Players switch between renditions at segment edges, so every rendition must have its key
//! frames at the same instants. Segment duration and key-frame interval are whole seconds;
//! at NTSC rates a second is not a whole number of frames (29.97 frames), so the cut falls
//! on the first frame at or after each multiple of the interval. Segments then last 2.002 s
//! and, once in half a minute, 1.968 s: they never drift away from the clock or the audio.
//!
//! Renditions of different rates are cut on the grid that all of them share ([`CutGrid`]).
//!
//! ffmpeg evaluates the rule in double precision. The grid index is an integer before it is
//! multiplied, so the comparison is exact for centuries, unlike `gte(t,n_forced*2)`, which
//! depends on the rounding of `n*1001/30000`. The rule looks at time alone, not at a count
//! of forced frames, so a jump of the timeline cannot make it force every following frame.

use ez_domain::cut_grid::CutGrid;

/// ffmpeg's `-force_key_frames` expression for a key frame in every `gop_seconds`.
///
/// A frame is a key frame when it is the first in its interval. `t` is the output time;
/// 0.001 of a grid step absorbs the rounding of `t`, a frame on the grid is never nearer
/// than that to the next index.
pub fn key_frame_expression(grid: CutGrid, gop_seconds: u32) -> String {
    let interval = |time: &str| {
        let numerator = grid.rate().numerator();
        let denominator = grid.rate().denominator();
        let ticks = u64::from(numerator) * u64::from(gop_seconds);
        format!("floor(floor({time}*{numerator}/{denominator}+0.001)*{denominator}/{ticks})")
    };
    format!("expr:if(isnan(prev_forced_t),1,gt({},{}))", interval("t"), interval("prev_forced_t"))
}

#[cfg(test)]
mod tests {
    use ez_domain::units::FrameRate;

    use super::*;

    const fn rate(numerator: u32, denominator: u32) -> FrameRate {
        FrameRate::new(numerator, denominator).unwrap()
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
            (rate(24, 1), rate(25, 1)),
            (rate(24_000, 1001), rate(30_000, 1001)),
        ] {
            let grid = CutGrid::of([fast, slow]).unwrap();
            let times = |frame_rate: FrameRate| -> Vec<u64> {
                key_frames(
                    grid,
                    frame_rate,
                    2,
                    0..u64::from(frame_rate.numerator()) * 120 / u64::from(frame_rate.denominator()),
                )
                .into_iter()
                .map(|frame| {
                    let nanos = 1_000_000_000 * frame * u64::from(frame_rate.denominator());
                    nanos / u64::from(frame_rate.numerator())
                })
                .collect()
            };
            assert_eq!(times(slow), times(fast), "{slow} and {fast}");
            assert!(times(slow).len() >= 59);
        }
    }

    #[test]
    fn the_expression_for_ntsc() {
        let expression = key_frame_expression(CutGrid::of([rate(30_000, 1001)]).unwrap(), 2);
        assert_eq!(
            expression,
            "expr:if(isnan(prev_forced_t),1,gt(floor(floor(t*30000/1001+0.001)*1001/60000),\
             floor(floor(prev_forced_t*30000/1001+0.001)*1001/60000)))"
        );
    }
}

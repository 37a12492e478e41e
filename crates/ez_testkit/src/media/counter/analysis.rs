//! Judges a list of frame readings: what was dropped, doubled, swapped or damaged.
//!
//! Counting is exact for an output with the frame rate of its source (each frame moves the
//! number on by one). For other rates say so with [`Cadence`]; then frames that the conversion
//! itself skips or repeats do not count, what remains is a lower bound, and a lost output frame
//! shows for certain in [`Analysis::longest_time_step`] only.

use std::collections::BTreeSet;

use crate::media::counter::FrameReading;
use crate::media::source::FrameRate;

/// How the numbers are expected to move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cadence {
    /// How far one output frame may move the number on (source rate / output rate, rounded up; one
    /// more where frames are left out, because FLV rounds times to milliseconds).
    longest_step: u32,
    /// How many output frames may show one number (output rate / source rate, rounded up).
    longest_hold: u32,
    /// Numbers go on with the first one after so many: the frames of a looped contribution, or 65536.
    cycle: u32,
    /// The lowest number of the cycle.
    first: u16,
}

impl Cadence {
    /// Output rate and source rate are the same.
    pub const SAME_RATE: Self = Self { longest_step: 1, longest_hold: 1, cycle: 1 << 16, first: 0 };

    /// The output has another rate than the source.
    pub fn converted(source: FrameRate, output: FrameRate) -> Self {
        let numerator = u64::from(source.frames) * u64::from(output.seconds);
        let denominator = u64::from(source.seconds) * u64::from(output.frames);
        let ceiling = |a: u64, b: u64| u32::try_from(a.div_ceil(b.max(1))).unwrap_or(u32::MAX).max(1);
        Self {
            longest_step: ceiling(numerator, denominator) + u32::from(numerator > denominator),
            longest_hold: ceiling(denominator, numerator),
            ..Self::SAME_RATE
        }
    }

    /// The publisher loops a contribution of so many frames that begins with the number `first`.
    #[must_use]
    pub fn looped(self, first: u16, frames: u32) -> Self {
        Self { cycle: frames.clamp(1, 1 << 16), first, ..self }
    }
}

/// The judgement on a list of readings.
///
/// All counts are between the first and the last readable frame; what lies outside (a slate
/// before the publisher came, say) is in `leading_unreadable` and `trailing_unreadable`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Analysis {
    /// Frames with a readable number.
    pub readable: usize,
    /// First readable number.
    pub first: Option<u16>,
    /// Last readable number.
    pub last: Option<u16>,
    /// Numbers that never came, less the unreadable frames that stand in their place.
    pub dropped: usize,
    /// Frames whose number had been shown before.
    pub doubled: usize,
    /// Frames whose number is lower than one that was shown before.
    pub out_of_order: usize,
    /// Frames without a readable number.
    pub unreadable: usize,
    /// Frames before the first readable one.
    pub leading_unreadable: usize,
    /// Frames after the last readable one.
    pub trailing_unreadable: usize,
    /// The longest run of frames that show the same number: 1 when nothing stands still.
    pub longest_hold: usize,
    /// Frames whose presentation time is not after that of the frame before.
    pub times_not_rising: usize,
    /// The longest distance between two presentation times.
    pub longest_time_step: f64,
}

impl Analysis {
    /// Whether every frame came once, in order, readable and with a rising time.
    pub fn is_clean(&self) -> bool {
        self.readable > 1
            && [self.dropped, self.doubled, self.out_of_order, self.unreadable, self.times_not_rising]
                .iter()
                .all(|faults| *faults == 0)
    }
}

/// A place where numbers were passed over.
#[derive(Default)]
struct Gap {
    missing: BTreeSet<u64>,
    unreadable: usize,
}

/// Judges readings in the order in which they are presented.
pub fn analyse(frames: &[FrameReading], cadence: Cadence) -> Analysis {
    let Some(start) = frames.iter().position(|frame| frame.counter.is_some()) else {
        return Analysis { leading_unreadable: frames.len(), ..Analysis::default() };
    };
    let end = frames.iter().rposition(|frame| frame.counter.is_some()).unwrap_or(start);
    let inside = &frames[start..=end];
    let mut analysis = Analysis {
        first: frames[start].counter,
        last: frames[end].counter,
        leading_unreadable: start,
        trailing_unreadable: frames.len() - 1 - end,
        unreadable: inside.iter().filter(|frame| frame.counter.is_none()).count(),
        ..Analysis::default()
    };
    judge_times(inside, &mut analysis);
    judge_numbers(inside, cadence, &mut analysis);
    analysis
}

fn judge_times(frames: &[FrameReading], analysis: &mut Analysis) {
    for pair in frames.windows(2) {
        let step = pair[1].pts_seconds - pair[0].pts_seconds;
        analysis.longest_time_step = analysis.longest_time_step.max(step);
        analysis.times_not_rising += usize::from(step <= 0.0);
    }
}

fn judge_numbers(frames: &[FrameReading], cadence: Cadence, analysis: &mut Analysis) {
    let cycle = u64::from(cadence.cycle);
    let mut gaps: Vec<Gap> = Vec::new();
    let mut unreadable = 0;
    let mut previous: Option<u64> = None;
    let mut highest = None;
    let mut hold = 0;
    for frame in frames {
        let Some(counter) = frame.counter else {
            unreadable += 1;
            continue;
        };
        analysis.readable += 1;
        let counter = u64::from(counter.wrapping_sub(cadence.first)) % cycle;
        let position = highest.map_or(cycle + counter, |highest| unwrap(counter, highest, cycle));
        hold = if previous == Some(position) { hold + 1 } else { 1 };
        analysis.longest_hold = analysis.longest_hold.max(hold);
        previous = Some(position);
        match highest {
            Some(highest) if position == highest => {
                // A hold that the conversion makes is fine; coming back to a number never is.
                let is_return = hold == 1;
                let is_too_long = hold > usize::try_from(cadence.longest_hold).unwrap_or(1);
                analysis.doubled += usize::from(is_return || is_too_long);
            }
            Some(highest) if position < highest => {
                analysis.out_of_order += 1;
                let late = gaps.iter_mut().any(|gap| gap.missing.remove(&position));
                analysis.doubled += usize::from(!late);
            }
            before => {
                let expected = before.map_or(position, |before| before + u64::from(cadence.longest_step));
                let missing = (expected..position).collect();
                gaps.push(Gap { missing, unreadable: std::mem::take(&mut unreadable) });
                highest = Some(position);
            }
        }
    }
    analysis.dropped = gaps.iter().map(|gap| gap.missing.len().saturating_sub(gap.unreadable)).sum();
}

/// The position nearest to `highest` that shows as `counter` in a repeating cycle.
fn unwrap(counter: u64, highest: u64, cycle: u64) -> u64 {
    let base = highest - highest % cycle + counter;
    [base.saturating_sub(cycle), base, base + cycle]
        .into_iter()
        .min_by_key(|position| position.abs_diff(highest))
        .unwrap_or(base)
}

#[cfg(test)]
mod tests;

//! Times of the GAPs that stand for lost segments.
//!
//! While a GAP is the last entry no playlist shows it, so its times are an estimate that gets
//! better with every slot: beside the segments of the other renditions first, and to the tick
//! once the rendition's own next segment is there.

use super::{Entry, Error, SMALL_HOLE_MS, Segment};
use crate::ticks;

/// Rounding of packager's timescale may move a begin by this much in either direction.
const JITTER_MS: i64 = 1;

/// A segment of another rendition in the same slot.
#[derive(Clone, Copy)]
pub(super) struct Beside {
    /// Its begin, from the period's zero.
    pub(super) offset: i128,
    pub(super) duration: u64,
    pub(super) timescale: u32,
}

impl Beside {
    /// Its duration in the ticks of another track.
    pub(super) fn duration_in(&self, timescale: u32) -> u64 {
        ticks::rescale(self.duration, self.timescale, timescale).max(1)
    }
}

/// Checks that `segment` follows `entries`, and lets GAPs at their end meet it.
pub(super) fn join(
    rendition: &str,
    entries: &mut [Entry],
    segment: &Segment,
    timescale: u32,
    target: u32,
) -> Result<(), Error> {
    let (gaps, begin) = open_end(entries);
    let Some(begin) = begin else { return Ok(()) };
    let wrong = Error::Discontiguous { rendition: rendition.to_owned(), expected: begin, found: segment.t };
    let jump_ms = ticks::ms_round(i128::from(segment.t) - i128::from(begin), timescale);
    let is_met = if gaps.is_empty() {
        (-JITTER_MS..SMALL_HOLE_MS).contains(&jump_ms)
    } else {
        stretch(gaps, begin, segment.t, timescale, target)
    };
    if is_met { Ok(()) } else { Err(wrong) }
}

/// Lets GAPs at the end of `entries` end where `beside` begins, if that is possible.
pub(super) fn align(entries: &mut [Entry], beside: &Beside, zero: u64, timescale: u32, target: u32) {
    let offset = beside.offset * i128::from(timescale) / i128::from(beside.timescale.max(1));
    let end = u64::try_from(i128::from(zero) + offset).unwrap_or(0);
    if let (gaps, Some(begin)) = open_end(entries) {
        stretch(gaps, begin, end, timescale, target);
    }
}

/// The GAPs at the end, and the decode time at which they or the next segment begin; none
/// where there is no entry at all.
fn open_end(entries: &mut [Entry]) -> (&mut [Entry], Option<u64>) {
    let first_gap = entries.iter().rposition(|entry| !entry.is_gap()).map_or(0, |last| last + 1);
    let (before, gaps) = entries.split_at_mut(first_gap);
    let begin = before.last().map(Entry::end).or(gaps.first().map(|gap| gap.t));
    (gaps, begin)
}

/// Lets `gaps` cover the time from `begin` to `end`.
///
/// Earlier GAPs already stand beside segments of other renditions, so as few of the last as
/// possible give way. Changes nothing and says no where one would become longer than the
/// target duration or shorter than a millisecond, which EXT-X-PROGRAM-DATE-TIME could not show.
fn stretch(gaps: &mut [Entry], begin: u64, end: u64, timescale: u32, target: u32) -> bool {
    let shortest = u64::from(timescale).div_ceil(1000);
    for first in (0..gaps.len()).rev() {
        let (kept, moved) = gaps.split_at_mut(first);
        let begin = kept.last().map_or(begin, Entry::end);
        let stretched = in_proportion(moved, begin, end);
        if stretched.iter().all(|gap| gap.d >= shortest && ticks::fits_target(gap.d, timescale, target)) {
            moved.copy_from_slice(&stretched);
            return true;
        }
    }
    false
}

/// `gaps` between `begin` and `end`, each with its share of their estimated duration.
fn in_proportion(gaps: &[Entry], begin: u64, end: u64) -> Vec<Entry> {
    let estimated: u128 = gaps.iter().map(|gap| u128::from(gap.d)).sum();
    let total = u128::from(end.saturating_sub(begin));
    let (mut before, mut t) = (0u128, begin);
    let each = gaps.iter().map(|gap| {
        before += u128::from(gap.d);
        let offset = total * before / estimated.max(1);
        let next = begin.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX));
        let entry = Entry { t, d: next.saturating_sub(t), bytes: None };
        t = next;
        entry
    });
    each.collect()
}

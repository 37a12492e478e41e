//! Where a period meets the one before it: its final start, and the hole between them.
//!
//! In DASH the start alone carries a hole. HLS players lose their way at a bare jump of time,
//! so the hole is filled with GAPs at the end of the old period, in the write that brings the
//! first segment after it. A hole longer than the window is not filled: numbers advance as if
//! its GAPs had slid through the window.

use super::{Entry, Error, Left, Period, SMALL_HOLE_MS, Segment, Slot, Timeline};
use crate::ticks;

impl Timeline {
    /// Makes the open period's zero, start and index final, and fills the hole before it.
    pub(super) fn place_first_slot(&mut self, slot: &Slot, now_ms: i64) -> Result<Left, Error> {
        let anchor = self.anchor_of(slot).ok_or(Error::EmptySlot)?;
        let Some((period, before)) = self.periods.split_last_mut() else { return Err(Error::NoOpenPeriod) };
        period.anchor = Some(anchor);
        for track in period.tracks.iter_mut().filter(|track| !track.declared) {
            track.timescale = anchor.1;
        }
        // How far before or after the zero each rendition begins, in ticks.
        let offsets: Vec<i128> = self
            .ladder
            .iter()
            .zip(&period.tracks)
            .map(|(rendition, track)| {
                slot.get(&rendition.name).map_or(0, |segment| period.ticks_from_zero(track, segment.t))
            })
            .collect();
        let earliest = match before.last() {
            Some(last) => earliest_start(last, period, &offsets),
            None => self.media_end_ms.map(|end| {
                let early = offsets.iter().zip(&period.tracks);
                let early = early.map(|(offset, track)| ticks::ms_floor(*offset, track.timescale)).min();
                end.saturating_sub(early.unwrap_or(0).min(0))
            }),
        };
        if let Some(earliest) = earliest {
            let is_small = period.start_ms < earliest.saturating_add(SMALL_HOLE_MS);
            period.start_ms = if is_small { earliest } else { period.start_ms };
        }
        self.availability_start_ms.get_or_insert(period.start_ms);
        self.next_index = period.index.saturating_add(1);
        Ok(self.fill_hole(&offsets, now_ms))
    }

    /// The media zero: the first video segment of the slot, else its first segment.
    fn anchor_of(&self, slot: &Slot) -> Option<(u64, u32)> {
        let period = self.periods.last()?;
        let mut present = self.ladder.iter().zip(&period.tracks).filter_map(|(rendition, track)| {
            let Segment { t, .. } = slot.get(&rendition.name)?;
            Some((rendition.kind.is_audio(), (*t, track.timescale)))
        });
        let first = present.next()?;
        let video = std::iter::once(first).chain(present).find(|(is_audio, _)| !is_audio);
        Some(video.unwrap_or(first).1)
    }

    fn fill_hole(&mut self, offsets: &[i128], now_ms: i64) -> Left {
        let target_ms = u64::from(self.settings.target_duration_s) * 1000;
        let window_ms = self.settings.window_ms();
        let old_periods = self.periods.len().saturating_sub(1);
        let Some((period, before)) = self.periods.split_last_mut() else { return Left::default() };
        let Some(last) = before.last_mut() else { return Left::default() };
        let holes: Vec<u64> = holes(last, period, offsets);
        let longest_ms = holes
            .iter()
            .zip(&last.tracks)
            .map(|(hole, track)| ticks::ms_ceil((*hole).into(), track.timescale));
        let longest_ms = longest_ms.max().unwrap_or(0).max(0);
        let count = longest_ms.unsigned_abs().div_ceil(target_ms);
        if longest_ms > window_ms {
            for sequence in &mut self.sequences {
                *sequence = sequence.saturating_add(count);
            }
            return self.drop_periods(old_periods, now_ms);
        }
        for (hole, track) in holes.into_iter().zip(&mut last.tracks) {
            if ticks::ms_round(hole.into(), track.timescale) >= SMALL_HOLE_MS {
                let end = track.entries.last().map_or(0, Entry::end);
                track.entries.extend(gaps(end, hole, count));
            }
        }
        Left::default()
    }
}

/// The first start at which no rendition begins before its own end in the old period.
fn earliest_start(last: &Period, period: &Period, offsets: &[i128]) -> Option<i64> {
    let tracks = last.tracks.iter().zip(&period.tracks).zip(offsets);
    let starts = tracks.filter_map(|((old, new), offset)| {
        let end = last.ticks_from_zero(old, old.entries.last()?.end());
        let after_ms = ticks::difference_ms_ceil((end, old.timescale), (*offset, new.timescale));
        Some(last.start_ms.saturating_add(after_ms))
    });
    starts.max()
}

/// Per rendition the ticks (of the old track) between its last entry and its first new one.
fn holes(last: &Period, period: &Period, offsets: &[i128]) -> Vec<u64> {
    let each = last.tracks.iter().zip(&period.tracks).zip(offsets).map(|((old, new), offset)| {
        let Some(end) = old.entries.last().map(Entry::end) else { return 0 };
        let offset = offset * i128::from(old.timescale) / i128::from(new.timescale.max(1));
        let begin = ticks::from_ms(period.start_ms.saturating_sub(last.start_ms), old.timescale) + offset;
        u64::try_from(begin - last.ticks_from_zero(old, end)).unwrap_or(0)
    });
    each.collect()
}

/// `count` GAPs of equal length that cover `total` ticks from `begin` on, to the tick.
fn gaps(begin: u64, total: u64, count: u64) -> impl Iterator<Item = Entry> {
    let at = move |part: u64| {
        let offset = u128::from(total) * u128::from(part) / u128::from(count.max(1));
        begin.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX))
    };
    (0..count).map(move |part| Entry { t: at(part), d: at(part + 1).saturating_sub(at(part)), bytes: None })
}

//! Slots: one segment of every rendition, or a GAP where a rendition has none.

use std::{collections::BTreeMap, num::NonZeroU64};

use super::{
    Entry, Error, Left, MAX_TICKS, Period, Rendition, Timeline,
    gap::{self, Beside},
};
use crate::ticks;

/// One uploaded segment, timed by [`crate::fmp4`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Decode time in ticks of its track's timescale.
    pub t: u64,
    /// Duration in ticks.
    pub d: u64,
    /// Size.
    pub bytes: u64,
}

/// The segments of one slot by name of rendition; a rendition left out has lost its segment.
pub type Slot = BTreeMap<String, Segment>;

impl Timeline {
    /// Appends one slot to the open period and trims the window.
    ///
    /// Renditions that the slot leaves out get a GAP. A slot without any segment (all lost) is
    /// possible except as the first. `now_ms` is when this is published; it dates the deletion
    /// of the segments that left the window, which are the answer.
    ///
    /// # Errors
    /// See [`Error`]; the timeline is then unchanged, and a new period takes the next segment.
    pub fn append(&mut self, slot: &Slot, now_ms: i64) -> Result<Left, Error> {
        let mut next = self.clone();
        let left = next.append_entries(slot, true, now_ms)?;
        *self = next;
        Ok(left)
    }

    /// Appends the audio that is left over at the end of a period, and closes the period.
    ///
    /// AAC frames do not end with the last picture, so audio may have one short segment more;
    /// the other renditions get no GAP for it.
    ///
    /// # Errors
    /// As [`Self::append`], and [`Error::TrailingVideo`].
    pub fn append_trailing(&mut self, slot: &Slot, now_ms: i64) -> Result<Left, Error> {
        let video = self
            .ladder
            .iter()
            .find(|rendition| !rendition.kind.is_audio() && slot.contains_key(&rendition.name));
        if let Some(video) = video {
            return Err(Error::TrailingVideo(video.name.clone()));
        }
        if slot.is_empty() || self.periods.last().is_none_or(|period| period.anchor.is_none()) {
            return Err(Error::EmptySlot);
        }
        let mut next = self.clone();
        let left = next.append_entries(slot, false, now_ms)?;
        next.close_period();
        *self = next;
        Ok(left)
    }

    fn append_entries(&mut self, slot: &Slot, with_gaps: bool, now_ms: i64) -> Result<Left, Error> {
        self.check(slot)?;
        let mut left = Left::default();
        if self.periods.last().is_some_and(|period| period.anchor.is_none()) {
            left = self.place_first_slot(slot, now_ms)?;
        }
        let settings = self.settings.clone();
        let period = self.periods.last_mut().ok_or(Error::NoOpenPeriod)?;
        let beside = reference(period, &self.ladder, slot);
        let nominal = Beside { offset: 0, duration: settings.segment_ms.into(), timescale: 1000 };
        let anchor = period.anchor;
        for (rendition, track) in self.ladder.iter_mut().zip(&mut period.tracks) {
            let timescale = track.timescale;
            if let Some(segment) = slot.get(&rendition.name) {
                gap::join(
                    &rendition.name,
                    &mut track.entries,
                    segment,
                    timescale,
                    settings.target_duration_s,
                )?;
                let bytes = NonZeroU64::new(segment.bytes);
                let span = peak_span(track.entries.last(), segment, timescale, settings.target_duration_s);
                rendition.measured.count(segment.bytes, ticks::micros(segment.d, timescale), span);
                track.entries.push(Entry { t: segment.t, d: segment.d, bytes });
            } else {
                let zero = anchor.map_or(0, |(t, scale)| ticks::rescale(t, scale, timescale));
                if let Some(beside) = &beside {
                    gap::align(&mut track.entries, beside, zero, timescale, settings.target_duration_s);
                }
                if with_gaps {
                    let t = track.entries.last().map_or(zero, Entry::end);
                    let d = beside.as_ref().unwrap_or(&nominal).duration_in(timescale);
                    track.entries.push(Entry { t, d, bytes: None });
                }
            }
        }
        self.media_end_ms = self.media_end_ms.max(period.end_ms());
        left.append(self.trim(now_ms));
        Ok(left)
    }

    /// Everything that can be said about a slot without its neighbours.
    fn check(&self, slot: &Slot) -> Result<(), Error> {
        if self.ended {
            return Err(Error::Ended);
        }
        let period = self.periods.last().filter(|period| !period.closed).ok_or(Error::NoOpenPeriod)?;
        if period.anchor.is_none() && slot.is_empty() {
            return Err(Error::EmptySlot);
        }
        for (name, &Segment { t, d, bytes }) in slot {
            let position = self.position(name).ok_or_else(|| Error::UnknownRendition(name.clone()))?;
            let track = period.tracks.get(position).filter(|track| track.declared);
            let track = track.ok_or_else(|| Error::NoTrack { rendition: name.clone(), period: period.id })?;
            if t >= MAX_TICKS || d >= MAX_TICKS || d == 0 || bytes == 0 {
                return Err(Error::ImpossibleSegment { rendition: name.clone(), t, d, bytes });
            }
            if !ticks::fits_target(d, track.timescale, self.settings.target_duration_s) {
                return Err(Error::TooLong {
                    rendition: name.clone(),
                    t,
                    duration_ms: ticks::ms_round(d.into(), track.timescale),
                    target: self.settings.target_duration_s,
                });
            }
        }
        Ok(())
    }
}

/// The segment that GAPs of its slot are placed beside: that of the first video rendition
/// present, else of the first present.
fn reference(period: &Period, ladder: &[Rendition], slot: &Slot) -> Option<Beside> {
    let mut present = ladder.iter().zip(&period.tracks).filter_map(|(rendition, track)| {
        let segment = slot.get(&rendition.name)?;
        let offset = period.ticks_from_zero(track, segment.t);
        Some((rendition.kind.is_audio(), Beside { offset, duration: segment.d, timescale: track.timescale }))
    });
    let first = present.next()?;
    let video = std::iter::once(first).chain(present).find(|(is_audio, _)| !is_audio);
    Some(video.unwrap_or(first).1)
}

/// The span whose bitrate counts as a peak: RFC 8216 4.1 looks only at spans of 0.5 to 1.5
/// target durations, so a short last segment counts together with the one before it.
fn peak_span(before: Option<&Entry>, segment: &Segment, timescale: u32, target: u32) -> Option<(u64, u64)> {
    let target_us = u64::from(target) * 1_000_000;
    let micros = ticks::micros(segment.d, timescale);
    if micros * 2 >= target_us {
        return Some((segment.bytes, micros));
    }
    let before = before.filter(|entry| entry.end() == segment.t)?;
    let both = micros.saturating_add(ticks::micros(before.d, timescale));
    let bytes = before.bytes?.get().saturating_add(segment.bytes);
    let doubled = both.saturating_mul(2);
    (doubled >= target_us && doubled <= target_us * 3).then_some((bytes, both))
}

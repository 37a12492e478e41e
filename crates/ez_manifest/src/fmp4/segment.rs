//! Media segments: exact begin and duration, from the fragments themselves.

use mp4_atom::{Tfdt, Tfhd, Trun, TrunSamples};

use super::{
    Error, InitSegment,
    boxes::{RawBox, find, require, walk},
};

/// ISO/IEC 14496-12 8.8.3.1: `sample_is_non_sync_sample`.
const NON_SYNC: u32 = 0x0001_0000;

/// What one media segment (one or many `moof` + `mdat`) holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaSegment {
    /// Decode time of the first sample, in ticks of the init segment's timescale.
    pub decode_time: u64,
    /// Sum of all sample durations, in ticks.
    pub duration: u64,
    /// Whether the first sample is a sync sample, so that a decoder can begin here.
    pub starts_with_sync: bool,
    /// Whether the samples, in the order in which they are shown, follow each other without a hole. Pictures are
    /// coded after those that they refer to: where an encoder died, one may be there whose predecessors are not.
    pub is_gapless: bool,
    /// Number of `moof` boxes.
    pub fragments: u32,
    /// Size of the file.
    pub bytes: u64,
}

impl MediaSegment {
    /// Reads a whole media segment that belongs to `init`.
    ///
    /// # Errors
    /// [`Error::Torn`] when the top-level boxes do not add up to the file, else what is
    /// missing or not understood.
    pub fn read(file: &[u8], init: &InitSegment) -> Result<Self, Error> {
        let top = walk(file)?;
        require(&top, "mdat")?;
        let mut decode_time = None;
        let mut first_flags = None;
        let mut duration: u64 = 0;
        let mut shown = Shown::default();
        let mut fragments: u32 = 0;
        for moof in top.iter().filter(|candidate| &candidate.kind == b"moof") {
            let fragment = Fragment::read(*moof, init)?;
            decode_time = decode_time.or(Some(fragment.decode_time));
            first_flags = first_flags.or(fragment.first_flags);
            shown.join(&fragment.shown);
            duration = duration.checked_add(fragment.duration).ok_or(Error::Time("durations overflow"))?;
            fragments = fragments.saturating_add(1);
        }
        let decode_time = decode_time.ok_or(Error::Missing("moof"))?;
        decode_time.checked_add(duration).ok_or(Error::Time("decode time overflows"))?;
        Ok(Self {
            decode_time,
            duration,
            starts_with_sync: first_flags.is_some_and(|flags| flags & NON_SYNC == 0),
            is_gapless: shown.is_gapless(duration),
            fragments,
            bytes: u64::try_from(file.len()).unwrap_or(u64::MAX),
        })
    }
}

/// When samples are shown (ISO/IEC 14496-12 8.8.8: decode time and composition time offset), in ticks.
#[derive(Debug, Default)]
struct Shown {
    /// Begin of the first one and end of the last one.
    span: Option<(i128, i128)>,
    /// The least duration of a sample.
    shortest: Option<u64>,
}

impl Shown {
    fn add(&mut self, begin: i128, duration: u64) {
        let end = begin + i128::from(duration);
        let (first, last) = self.span.unwrap_or((begin, end));
        self.span = Some((first.min(begin), last.max(end)));
        self.shortest = Some(self.shortest.map_or(duration, |shortest| shortest.min(duration)));
    }

    fn join(&mut self, other: &Self) {
        let Some((begin, end)) = other.span else { return };
        let (first, last) = self.span.unwrap_or((begin, end));
        self.span = Some((first.min(begin), last.max(end)));
        self.shortest = [self.shortest, other.shortest].into_iter().flatten().min();
    }

    /// Whether `duration`, the sum of all samples, covers the span: less than half a sample is rounding.
    fn is_gapless(&self, duration: u64) -> bool {
        let Some((first, last)) = self.span else { return true };
        let missing = (last - first) - i128::from(duration);
        missing * 2 < i128::from(self.shortest.unwrap_or(0)).max(1)
    }
}

struct Fragment {
    decode_time: u64,
    duration: u64,
    shown: Shown,
    /// Flags of the first sample; `None` when the fragment holds none.
    first_flags: Option<u32>,
}

impl Fragment {
    fn read(moof: RawBox<'_>, init: &InitSegment) -> Result<Self, Error> {
        let children = walk(moof.body)?;
        let tracks = children.iter().filter(|child| &child.kind == b"traf").count();
        if tracks > 1 {
            return Err(Error::SeveralTracks(tracks));
        }
        let traf = walk(require(&children, "traf")?.body)?;
        let header: Tfhd = require(&traf, "tfhd")?.decode("tfhd")?;
        if header.track_id != init.track_id {
            return Err(Error::OtherTrack { expected: init.track_id, found: header.track_id });
        }
        // Optional in ISOBMFF, required by CMAF 7.5.16; without it a segment has no place.
        let Some(tfdt) = find(&traf, "tfdt") else { return Err(Error::Missing("tfdt")) };
        let decode_time = tfdt.decode::<Tfdt>("tfdt")?.base_media_decode_time;
        let default_duration = u64::from(header.default_sample_duration.unwrap_or(init.default_duration));
        let default_flags = header.default_sample_flags.unwrap_or(init.default_flags);
        let mut fragment = Self { decode_time, duration: 0, shown: Shown::default(), first_flags: None };
        for run in traf.iter().filter(|child| &child.kind == b"trun") {
            let samples = run.decode::<Trun>("trun")?.samples;
            if let Some(first) = samples.get(0) {
                fragment.first_flags = fragment.first_flags.or(Some(first.flags.unwrap_or(default_flags)));
            }
            let begin = i128::from(decode_time) + i128::from(fragment.duration);
            let run_duration = match &samples {
                // Multiplied, not walked: the count is a bare number in the file.
                TrunSamples::Inherited { count, .. } => {
                    let duration = u64::from(*count).checked_mul(default_duration);
                    fragment.shown.add(begin, duration.unwrap_or(0));
                    duration
                }
                TrunSamples::Explicit(entries) => entries.iter().try_fold(0u64, |sum, entry| {
                    let duration = entry.duration.map_or(default_duration, u64::from);
                    let offset = i128::from(entry.cts.unwrap_or(0));
                    fragment.shown.add(begin + i128::from(sum) + offset, duration);
                    sum.checked_add(duration)
                }),
            };
            fragment.duration = run_duration
                .and_then(|added| fragment.duration.checked_add(added))
                .ok_or(Error::Time("durations overflow"))?;
        }
        Ok(fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures in the order of decoding, by the place where they are shown; each lasts 3003 ticks.
    fn shown(places: &[i128], duration_of_last: u64) -> bool {
        let mut shown = Shown::default();
        let last = places.len() - 1;
        let mut sum = 0;
        for (at, place) in places.iter().enumerate() {
            let duration = if at == last { duration_of_last } else { 3003 };
            shown.add(place * 3003 + 90_000, duration);
            sum += duration;
        }
        shown.is_gapless(sum)
    }

    #[test]
    fn a_picture_that_came_before_those_it_jumped_over_leaves_a_hole() {
        assert!(shown(&[0, 4, 2, 1, 3, 8, 6, 5, 7], 3003), "whole groups");
        assert!(shown(&[0, 1, 2], 2998), "rounded");
        assert!(shown(&[0], 3003));
        assert!(!shown(&[0, 4, 2, 1], 3003), "3 is missing");
        assert!(!shown(&[0, 4, 2, 1, 3, 8], 3003), "5 to 7 are missing");
        assert!(Shown::default().is_gapless(0), "nothing at all");
    }

    #[test]
    fn fragments_are_judged_together() {
        let fragment = |places: [i128; 2]| {
            let mut shown = Shown::default();
            for place in places {
                shown.add(place * 10, 10);
            }
            shown
        };
        let mut whole = fragment([0, 3]);
        whole.join(&fragment([1, 2]));
        assert!(whole.is_gapless(40));
        let mut holed = fragment([0, 3]);
        holed.join(&fragment([1, 4]));
        assert!(!holed.is_gapless(40));
    }
}

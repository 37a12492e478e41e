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
        let mut fragments: u32 = 0;
        for moof in top.iter().filter(|candidate| &candidate.kind == b"moof") {
            let fragment = Fragment::read(*moof, init)?;
            decode_time = decode_time.or(Some(fragment.decode_time));
            first_flags = first_flags.or(fragment.first_flags);
            duration = duration.checked_add(fragment.duration).ok_or(Error::Time("durations overflow"))?;
            fragments = fragments.saturating_add(1);
        }
        let decode_time = decode_time.ok_or(Error::Missing("moof"))?;
        decode_time.checked_add(duration).ok_or(Error::Time("decode time overflows"))?;
        Ok(Self {
            decode_time,
            duration,
            starts_with_sync: first_flags.is_some_and(|flags| flags & NON_SYNC == 0),
            fragments,
            bytes: u64::try_from(file.len()).unwrap_or(u64::MAX),
        })
    }
}

struct Fragment {
    decode_time: u64,
    duration: u64,
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
        let mut fragment = Self { decode_time, duration: 0, first_flags: None };
        for run in traf.iter().filter(|child| &child.kind == b"trun") {
            let samples = run.decode::<Trun>("trun")?.samples;
            if let Some(first) = samples.get(0) {
                fragment.first_flags = fragment.first_flags.or(Some(first.flags.unwrap_or(default_flags)));
            }
            let run_duration = match &samples {
                // Multiplied, not walked: the count is a bare number in the file.
                TrunSamples::Inherited { count, .. } => u64::from(*count).checked_mul(default_duration),
                TrunSamples::Explicit(entries) => entries.iter().try_fold(0u64, |sum, entry| {
                    sum.checked_add(entry.duration.map_or(default_duration, u64::from))
                }),
            };
            fragment.duration = run_duration
                .and_then(|added| fragment.duration.checked_add(added))
                .ok_or(Error::Time("durations overflow"))?;
        }
        Ok(fragment)
    }
}

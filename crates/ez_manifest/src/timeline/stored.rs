//! The stored form: JSON in and out, and the checks that nothing in it contradicts the rest.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Entry, Error, MAX_TICKS, Timeline};

/// Version of the JSON.
pub(super) const FORMAT: u32 = 1;

/// Wall-clock bound in either direction: the year 9999.
const MAX_MS: i64 = 253_402_300_799_999;

impl Timeline {
    /// Reads the stored object.
    ///
    /// # Errors
    /// [`Error::Format`] for another version, [`Error::Json`] and [`Error::Corrupt`] for what
    /// is no timeline.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Probe {
            format: u32,
        }
        let Probe { format } = serde_json::from_slice(json)?;
        if format != FORMAT {
            return Err(Error::Format { found: format, supported: FORMAT });
        }
        let timeline: Self = serde_json::from_slice(json)?;
        timeline.validate()?;
        Ok(timeline)
    }

    /// Writes the object to store.
    ///
    /// # Errors
    /// [`Error::Json`], which no timeline made by this crate causes.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        Ok(serde_json::to_vec(self)?)
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        let names: BTreeSet<&str> = self.ladder.iter().map(|rendition| rendition.name.as_str()).collect();
        let ensure = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(Error::Corrupt(what)) };
        ensure(!self.ladder.is_empty(), "the ladder has no rendition")?;
        ensure(names.len() == self.ladder.len(), "a rendition's name stands twice in the ladder")?;
        ensure(names.iter().all(|name| is_folder(name)), "a rendition's name is no folder name")?;
        ensure(self.settings.target_duration_s > 0, "the target duration is zero")?;
        ensure(self.settings.segment_ms > 0, "the segment duration is zero")?;
        ensure(self.sequences.len() == self.ladder.len(), "not one media sequence per rendition")?;
        let sequences = self.sequences.iter().all(|sequence| *sequence < MAX_TICKS);
        ensure(sequences && self.next_index < MAX_TICKS, "a counter is beyond all bounds")?;
        let times = [self.availability_start_ms, self.media_end_ms].into_iter().flatten();
        let mut times = times.chain(self.periods.iter().map(|period| period.start_ms));
        ensure(
            times.all(|ms| (-MAX_MS..=MAX_MS).contains(&ms)),
            "a wall-clock time is beyond the year 9999",
        )?;
        for period in &self.periods {
            ensure(
                period.tracks.len() == self.ladder.len(),
                "a period does not have one track per rendition",
            )?;
            ensure(period.tracks.iter().all(|track| track.timescale > 0), "a timescale is zero")?;
            ensure(
                period.anchor.is_none_or(|(t, scale)| t < MAX_TICKS && scale > 0),
                "a period's zero is no time",
            )?;
            ensure(period.anchor.is_some() || period.is_empty(), "a period has media but no zero")?;
            ensure(period.index <= self.next_index, "a period's index is above the next")?;
            ensure(
                period.tracks.iter().all(|track| track.left < MAX_TICKS),
                "a counter is beyond all bounds",
            )?;
            let keys = period.tracks.iter().flat_map(|track| &track.keys);
            let one_line = |key: &String| key.starts_with("#EXT-X-KEY:") && !key.contains(['\n', '\r']);
            ensure(keys.into_iter().all(one_line), "a key is not one EXT-X-KEY line")?;
        }
        let open = self.periods.iter().rev().skip(1).all(|period| period.closed);
        ensure(open, "a period before the last is open")?;
        ensure(
            !self.ended || self.periods.iter().all(|period| period.closed),
            "an ended channel has an open period",
        )?;
        let ordered = self.periods.windows(2).all(|pair| match pair {
            [before, after] => before.index < after.index && before.id < after.id,
            _ => true,
        });
        ensure(ordered, "the periods are not in order")
    }
}

/// Whether `name` can be one folder of an object key and stand in URIs without escapes.
fn is_folder(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !name.is_empty() && name.len() <= 255 && name.bytes().all(plain)
}

/// Entries as runs `[t, d, [bytes...]]`.
pub(super) mod runs {
    use std::num::NonZeroU64;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _, ser::SerializeSeq as _};

    use super::{Entry, MAX_TICKS};

    type Run = (u64, u64, Vec<u64>);

    pub(in crate::timeline) fn serialize<S: Serializer>(
        entries: &[Entry],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        for run in entries.chunk_by(|one, next| one.d == next.d && one.end() == next.t) {
            if let Some(first) = run.first() {
                let bytes: Vec<u64> =
                    run.iter().map(|entry| entry.bytes.map_or(0, NonZeroU64::get)).collect();
                sequence.serialize_element(&(first.t, first.d, bytes))?;
            }
        }
        sequence.end()
    }

    pub(in crate::timeline) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Entry>, D::Error> {
        let runs = Vec::<Run>::deserialize(deserializer)?;
        let mut entries = Vec::new();
        for (t, d, bytes) in runs {
            let mut t = t;
            for bytes in bytes {
                if t >= MAX_TICKS || d == 0 || d >= MAX_TICKS {
                    return Err(D::Error::custom("a time of an entry is beyond all bounds"));
                }
                entries.push(Entry { t, d, bytes: NonZeroU64::new(bytes) });
                t += d;
            }
        }
        Ok(entries)
    }
}

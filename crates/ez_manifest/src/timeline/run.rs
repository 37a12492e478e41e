//! Runs and periods begin and end; the channel ends and resumes.

use super::{Error, Left, Period, PeriodId, Rendition, Settings, Timeline, Track, TrackInfo};
use crate::ticks;

/// Timescale of a track until its init segment is known.
const UNDECLARED_TIMESCALE: u32 = 90_000;

impl Timeline {
    /// Takes the channel over for the run with this epoch, or goes on under the same one.
    ///
    /// A period that the former owner left open is closed.
    ///
    /// # Errors
    /// [`Error::Zombie`] when a higher epoch has written.
    pub fn begin_run(&mut self, epoch: u64) -> Result<(), Error> {
        if epoch < self.epoch {
            return Err(Error::Zombie { ours: epoch, stored: self.epoch });
        }
        self.close_period();
        if epoch > self.epoch {
            self.epoch = epoch;
            self.next_number = 1;
            self.takeovers = 0;
        }
        Ok(())
    }

    /// Takes the channel over from an earlier process of the same run; an open period stays open.
    ///
    /// Only the stored bytes change, and with them their tag: a write of that process which is still
    /// on its way is refused once this is stored.
    pub fn take_over(&mut self) {
        self.takeovers = self.takeovers.saturating_add(1);
    }

    /// Opens the next period of this epoch and closes the one before.
    ///
    /// `wall_ms` is the ingest clock's time of the period's first picture. The start becomes
    /// final with the first slot: never before the end of the period before, and exactly there
    /// when the hole is small. Store the timeline before anything is uploaded to the period's
    /// folder, so that no other owner of the same epoch takes the name again.
    ///
    /// # Errors
    /// [`Error::NotBegun`] before the first run, [`Error::Ended`] after the end.
    pub fn open_period(&mut self, wall_ms: i64) -> Result<PeriodId, Error> {
        if self.epoch == 0 {
            return Err(Error::NotBegun);
        }
        if self.ended {
            return Err(Error::Ended);
        }
        self.close_period();
        let id = PeriodId { epoch: self.epoch, number: self.next_number };
        self.next_number = self.next_number.saturating_add(1);
        self.periods.push(Period {
            id,
            index: self.next_index,
            start_ms: wall_ms,
            anchor: None,
            closed: false,
            tracks: vec![Track::undeclared(UNDECLARED_TIMESCALE); self.ladder.len()],
        });
        Ok(id)
    }

    /// Declares a rendition of the open period, once its init segment is in the store.
    ///
    /// # Errors
    /// [`Error::NoOpenPeriod`], [`Error::UnknownRendition`], or [`Error::TrackInUse`] when the
    /// timescale differs from that of media already there.
    pub fn set_track(&mut self, rendition: &str, info: TrackInfo) -> Result<(), Error> {
        let position =
            self.position(rendition).ok_or_else(|| Error::UnknownRendition(rendition.to_owned()))?;
        let period = self.periods.last_mut().filter(|period| !period.closed).ok_or(Error::NoOpenPeriod)?;
        let id = period.id;
        let track = period.tracks.get_mut(position).ok_or(Error::Corrupt("a period lacks a track"))?;
        if info.timescale == 0 || info.keys.iter().any(|key| !is_key_line(key)) {
            return Err(Error::Corrupt("a track needs a timescale, and keys of one EXT-X-KEY line each"));
        }
        if info.timescale != track.timescale && (track.has_media() || track.left > 0) {
            let timescale = track.timescale;
            return Err(Error::TrackInUse { rendition: rendition.to_owned(), period: id, timescale });
        }
        // GAPs from before the init segment move to its timescale; no playlist shows them yet (T2).
        for entry in &mut track.entries {
            let end = ticks::rescale(entry.end(), track.timescale, info.timescale);
            entry.t = ticks::rescale(entry.t, track.timescale, info.timescale);
            entry.d = end.saturating_sub(entry.t).max(1);
        }
        track.timescale = info.timescale;
        track.declared = true;
        track.keys = info.keys;
        track.protection = info.protection;
        if let Some(rendition) = self.ladder.get_mut(position) {
            rendition.codec.get_or_insert(info.codec);
            if let (super::Kind::Audio { sample_rate, channels, .. }, Some(audio)) =
                (&mut rendition.kind, info.audio)
            {
                sample_rate.get_or_insert(audio.0);
                channels.get_or_insert(audio.1);
            }
        }
        Ok(())
    }

    /// Closes the open period; without one nothing happens.
    ///
    /// Slots at its end that no rendition has are taken back, and a period without media
    /// vanishes: no player was told of either.
    pub fn close_period(&mut self) {
        let Some(period) = self.periods.last_mut().filter(|period| !period.closed) else { return };
        period.closed = true;
        let lost = |period: &Period| {
            !period.is_empty()
                && period.tracks.iter().all(|track| track.entries.last().is_none_or(super::Entry::is_gap))
        };
        while lost(period) {
            for track in &mut period.tracks {
                track.entries.pop();
            }
        }
        if period.is_empty() {
            self.periods.pop();
        }
    }

    /// Ends the channel: playlists get ENDLIST, the MPD becomes static.
    pub fn end(&mut self) {
        self.close_period();
        self.ended = true;
    }

    /// Takes up an ended channel: ENDLIST and all old periods leave, sequences go on.
    ///
    /// `now_ms` is when this is published; it dates the deletion of what left.
    ///
    /// # Errors
    /// [`Error::NotEnded`] when the channel has not ended.
    pub fn resume(&mut self, now_ms: i64) -> Result<Left, Error> {
        if !self.ended {
            return Err(Error::NotEnded);
        }
        self.ended = false;
        Ok(self.drop_periods(self.periods.len(), now_ms))
    }

    /// Gives a resumed channel, of which nothing is in the window, another ladder and other settings.
    ///
    /// Every rendition goes on behind the highest number that any of the former ones had, so that no
    /// playlist falls (T5), whichever ladder a name was in.
    ///
    /// # Errors
    /// [`Error::Ended`] before the resume, [`Error::InWindow`] while periods are in the window, and those
    /// of [`Timeline::new`].
    pub fn rebuild(&mut self, settings: Settings, ladder: Vec<Rendition>) -> Result<(), Error> {
        if self.ended {
            return Err(Error::Ended);
        }
        if !self.periods.is_empty() {
            return Err(Error::InWindow);
        }
        let highest = self.sequences.iter().copied().max().unwrap_or(0);
        let next = Self { settings, sequences: vec![highest; ladder.len()], ladder, ..self.clone() };
        next.validate()?;
        *self = next;
        Ok(())
    }
}

fn is_key_line(line: &str) -> bool {
    line.starts_with("#EXT-X-KEY:") && !line.contains(['\n', '\r'])
}

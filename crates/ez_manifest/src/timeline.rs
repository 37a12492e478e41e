//! The truth of what was published: `output_<id>/timeline.json`.
//!
//! A [`Timeline`] is stored as one object, replaced by compare-and-swap; playlists and MPD are
//! projections of it ([`crate::hls`], [`crate::dash`]). It names only segments that the store has
//! acknowledged: append after the upload, publish after the append was stored. It does no input
//! or output and has no clock.
//!
//! How one run uses it: [`Timeline::begin_run`] (or [`Timeline::take_over`]), store; [`Timeline::open_period`], store (so that
//! the period's folder is never used twice), [`Timeline::set_track`] per init segment, then
//! [`Timeline::append`] per slot, [`Timeline::close_period`] when ffmpeg or packager ended. An
//! operation that answers with an error has changed nothing; the way out of a refused segment is
//! always a new period.
//!
//! Invariants:
//! - T1 Slots: every rendition gets one entry per slot, a segment or a GAP; only the audio at the
//!   very end of a period may have one more. Entries leave the window slot by slot, so the top of
//!   every rendition's window lies in the same period.
//! - T2 A number once used by a rendition keeps its entry: entries are appended at the end and
//!   removed at the front. GAPs at the end may still change, because no playlist shows a GAP
//!   before the real segment that follows it.
//! - T3 `Period::index` counts the periods that have media over the life of the channel; it is
//!   the discontinuity sequence number of the period's segments in every rendition.
//! - T4 Periods do not overlap in wall-clock time in any rendition.
//! - T5 MEDIA-SEQUENCE, `Period::index` and the epoch never fall, also across end and resume.

use serde::{Deserialize, Serialize};

use crate::uri;

mod append;
mod bitrate;
mod error;
mod gap;
mod ladder;
mod period;
mod run;
mod seam;
mod stored;
mod window;

pub use append::{Segment, Slot};
pub use bitrate::Measured;
pub use error::Error;
pub use ladder::{Kind, Rendition, Settings};
pub use period::{Entry, Period, PeriodId, Track, TrackInfo};
pub use window::{Expired, Left};

/// Holes shorter than this are closed by letting the new period begin where the last ended;
/// longer ones are written as GAPs.
pub const SMALL_HOLE_MS: i64 = 300;

/// Upper bound of decode times and durations, so that sums cannot overflow.
pub(crate) const MAX_TICKS: u64 = 1 << 62;

/// Everything that was published and is still in the window, and the counters of what left it.
///
/// JSON keys are the field names except in the entries of tracks, see `Track`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// Version of this format; readers refuse another.
    pub(crate) format: u32,
    /// Epoch of the run that wrote last; zero before the first run.
    pub(crate) epoch: u64,
    /// How often a process took over from another one of this epoch.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) takeovers: u32,
    /// Number of the next period of this epoch.
    pub(crate) next_number: u32,
    /// `Period::index` of the next period that gets media (T3).
    pub(crate) next_index: u64,
    /// Wall clock of the first period's media zero; never changes once set.
    pub(crate) availability_start_ms: Option<i64>,
    /// Wall clock at which the last media ended, also of media that has left.
    pub(crate) media_end_ms: Option<i64>,
    /// Whether the channel has ended (ENDLIST, static MPD).
    pub(crate) ended: bool,
    pub(crate) settings: Settings,
    /// Renditions in the order of the request; constant until the channel is ended and rebuilt.
    pub(crate) ladder: Vec<Rendition>,
    /// Per rendition: MEDIA-SEQUENCE, the number of entries that have left.
    pub(crate) sequences: Vec<u64>,
    pub(crate) periods: Vec<Period>,
}

impl Timeline {
    /// Begins the record of a channel that has published nothing.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the settings or the ladder cannot be: no rendition, a name
    /// twice or one that is no folder name, a zero target duration.
    pub fn new(settings: Settings, ladder: Vec<Rendition>) -> Result<Self, Error> {
        let timeline = Self {
            format: stored::FORMAT,
            epoch: 0,
            takeovers: 0,
            next_number: 1,
            next_index: 0,
            availability_start_ms: None,
            media_end_ms: None,
            ended: false,
            settings,
            sequences: vec![0; ladder.len()],
            ladder,
            periods: Vec::new(),
        };
        timeline.validate()?;
        Ok(timeline)
    }

    /// Epoch of the run that wrote last; zero before the first run.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the channel has ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Wall clock (ms) of the first period's media zero point, once there was media.
    pub fn availability_start_ms(&self) -> Option<i64> {
        self.availability_start_ms
    }

    /// Wall clock (ms) at which the last published media ends.
    pub fn media_end_ms(&self) -> Option<i64> {
        self.media_end_ms
    }

    /// Settings that every projection follows.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Renditions in the order of the request.
    pub fn ladder(&self) -> &[Rendition] {
        &self.ladder
    }

    /// Periods in the window, oldest first; the last may be open and without media.
    pub fn periods(&self) -> &[Period] {
        &self.periods
    }

    /// The period that is open: media may be appended to it.
    pub fn open_period_id(&self) -> Option<PeriodId> {
        self.periods.last().filter(|period| !period.closed).map(|period| period.id)
    }

    /// Whether this name was ever given to a period.
    pub fn has_opened(&self, id: PeriodId) -> bool {
        id.epoch < self.epoch || (id.epoch == self.epoch && id.number < self.next_number)
    }

    /// URIs of all objects in the window, relative to the job's prefix.
    pub fn uris(&self) -> impl Iterator<Item = String> {
        self.periods.iter().flat_map(|period| {
            let tracks = self.ladder.iter().zip(&period.tracks);
            let key = period.is_encrypted().then(|| uri::content_key(period.id));
            let media = tracks.flat_map(|(rendition, track)| {
                let init = track.declared.then(|| uri::init(period.id, &rendition.name));
                let media = track.entries.iter().filter(|entry| !entry.is_gap());
                init.into_iter().chain(media.map(|entry| uri::segment(period.id, &rendition.name, entry.t)))
            });
            key.into_iter().chain(media)
        })
    }

    /// MEDIA-SEQUENCE of a rendition's first kept entry.
    pub fn media_sequence(&self, rendition: &str) -> Option<u64> {
        self.sequences.get(self.position(rendition)?).copied()
    }

    /// Place of a rendition in the ladder.
    pub(crate) fn position(&self, rendition: &str) -> Option<usize> {
        self.ladder.iter().position(|candidate| candidate.name == rendition)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

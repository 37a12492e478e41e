//! Why the timeline refuses an operation.

use super::PeriodId;

/// A refused operation; the timeline is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A run with a higher epoch owns the channel.
    #[error(
        "epoch {ours} is older than epoch {stored} in the timeline: another run owns this channel, stop writing"
    )]
    Zombie {
        /// The caller's epoch.
        ours: u64,
        /// The epoch that wrote last.
        stored: u64,
    },
    /// No run has begun.
    #[error("no run has begun on this timeline; call begin_run with the run's epoch first")]
    NotBegun,
    /// The channel has ended.
    #[error("the channel has ended; resume it before new media")]
    Ended,
    /// Resume of a channel that has not ended.
    #[error("the channel has not ended, there is nothing to resume")]
    NotEnded,
    /// Another ladder for media that players may still fetch.
    #[error("periods of the present ladder are in the window; end and resume the channel before it changes")]
    InWindow,
    /// No period is open.
    #[error("no period is open; open one before its init segments and slots")]
    NoOpenPeriod,
    /// A rendition that the ladder does not have.
    #[error("rendition `{0}` is not in the ladder of this timeline")]
    UnknownRendition(String),
    /// A segment came before its init segment.
    #[error("rendition `{rendition}` has no track in period {period}; declare its init segment first")]
    NoTrack {
        /// Name of the rendition.
        rendition: String,
        /// The open period.
        period: PeriodId,
    },
    /// A track is declared anew with other times while it has media.
    #[error("rendition `{rendition}` already has media in period {period} with timescale {timescale}")]
    TrackInUse {
        /// Name of the rendition.
        rendition: String,
        /// The open period.
        period: PeriodId,
        /// The timescale of that media.
        timescale: u32,
    },
    /// Nothing in the first slot of a period, or nothing in a trailing slot.
    #[error("the slot is empty; a period begins and ends with at least one segment")]
    EmptySlot,
    /// Zero duration or size, or a number beyond all bounds.
    #[error("segment {t} of `{rendition}` cannot be: duration {d}, {bytes} bytes")]
    ImpossibleSegment {
        /// Name of the rendition.
        rendition: String,
        /// Decode time in ticks.
        t: u64,
        /// Duration in ticks.
        d: u64,
        /// Size.
        bytes: u64,
    },
    /// A segment whose duration rounds to more than the target duration (RFC 8216 4.3.3.1).
    #[error(
        "segment {t} of `{rendition}` lasts {duration_ms} ms, more than the channel's target duration of {target} s; \
         leave it out and open a new period"
    )]
    TooLong {
        /// Name of the rendition.
        rendition: String,
        /// Decode time in ticks.
        t: u64,
        /// Its duration.
        duration_ms: i64,
        /// The target duration in seconds.
        target: u32,
    },
    /// A segment that does not begin where the one before it ended.
    #[error(
        "segment of `{rendition}` begins at {found} but {expected} was expected; close the period and open a new one"
    )]
    Discontiguous {
        /// Name of the rendition.
        rendition: String,
        /// The end of what lies before, in ticks.
        expected: u64,
        /// The segment's decode time in ticks.
        found: u64,
    },
    /// A video rendition in a trailing slot.
    #[error(
        "rendition `{0}` is not audio; only audio may have a segment more than the others at the end of a period"
    )]
    TrailingVideo(String),
    /// The stored format is of another version.
    #[error(
        "timeline format {found} is not {supported}; this build cannot go on with the channel, use a newer one"
    )]
    Format {
        /// The version in the object.
        found: u32,
        /// The version of this build.
        supported: u32,
    },
    /// The stored text is not the JSON of a timeline.
    #[error("the stored timeline is not readable")]
    Json(#[from] serde_json::Error),
    /// The parts contradict each other.
    #[error("the timeline contradicts itself: {0}")]
    Corrupt(&'static str),
}

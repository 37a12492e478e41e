//! What the strict client complains of.

/// A broken rule; the text says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "fields are named like the tags and explained by the messages")]
pub enum Violation {
    #[error("not a media playlist: {0}")]
    Unreadable(#[from] super::ParseError),
    #[error("EXT-X-MEDIA-SEQUENCE fell from {before} to {now} (RFC 8216 6.2.2)")]
    MediaSequenceFell { before: u64, now: u64 },
    #[error("the end of the playlist fell from number {before} to {now}: published segments were taken back")]
    EndFell { before: u64, now: u64 },
    #[error("number {sequence} was `{before}` and is now `{now}` (RFC 8216 6.2.1)")]
    UriChanged { sequence: u64, before: String, now: String },
    #[error("`{uri}` had number {before} and now has {now}")]
    NumberChanged { uri: String, before: u64, now: u64 },
    #[error("number {sequence} changed its duration, date or EXT-X-GAP")]
    SegmentChanged { sequence: u64 },
    #[error("EXT-X-DISCONTINUITY-SEQUENCE fell from {before} to {now} (RFC 8216 6.2.2)")]
    DiscontinuitySequenceFell { before: u64, now: u64 },
    #[error("number {sequence} had discontinuity sequence number {before} and now has {now}")]
    DiscontinuityChanged { sequence: u64, before: u64, now: u64 },
    #[error(
        "EXTINF of number {sequence} is {duration_us} us, more than target duration {target} s when rounded (4.3.3.1)"
    )]
    TooLong { sequence: u64, duration_us: u64, target: u64 },
    #[error(
        "number {sequence} lasts {duration_us} us; segments with others after them last {expected_us} us"
    )]
    Uneven { sequence: u64, duration_us: u64, expected_us: u64 },
    #[error("target duration changed from {before} to {now} (RFC 8216 6.2.1)")]
    TargetDurationChanged { before: u64, now: u64 },
    #[error("date of number {sequence} is {now}, not after {before}")]
    DateNotGrowing { sequence: u64, before: i64, now: i64 },
    #[error("date of number {sequence} is {found} us, but date and duration before it give {expected} us")]
    DateJumped { sequence: u64, expected: i64, found: i64 },
    #[error("number {sequence} has no date although it is the first of the playlist or of a discontinuity")]
    DateMissing { sequence: u64 },
    #[error("the playlist ends with EXT-X-GAP (number {sequence})")]
    EndsWithGap { sequence: u64 },
    #[error("the playlist goes on after EXT-X-ENDLIST")]
    MediaAfterEnd,
    #[error("number {sequence} has no EXT-X-MAP since the top or the last EXT-X-DISCONTINUITY")]
    MapMissing { sequence: u64 },
    #[error("EXT-X-VERSION is {found} but its tags need {needed} (RFC 8216bis 8)")]
    VersionTooLow { found: u32, needed: u32 },
    #[error("`{rendition}` has EXT-X-DISCONTINUITY-SEQUENCE {found}, `{other}` has {expected}")]
    RenditionsDiscontinuity { rendition: String, other: String, found: u64, expected: u64 },
    #[error(
        "`{rendition}` number {sequence} at {begin_ms} ms has nothing beside it in `{other}` within {tolerance_ms} ms"
    )]
    RenditionsMisaligned { rendition: String, other: String, sequence: u64, begin_ms: i64, tolerance_ms: i64 },
    #[error("discontinuity {discontinuity}: `{rendition}` has {found} entries, `{other}` has {expected}")]
    RenditionsCount { rendition: String, other: String, discontinuity: u64, found: usize, expected: usize },
}

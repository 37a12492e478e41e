//! Reads what packager cut: init segments and media segments of fragmented MP4 (CMAF).
//!
//! Times come from `tfdt` and `trun` because packager's manifests round them. Samples are not
//! decoded, and nothing is written. Every function takes a whole file as bytes; none of them
//! panics on any input, and none allocates in proportion to a number that stands in the file.

mod boxes;
mod codec;
mod encryption;
mod init;
mod segment;

pub use encryption::Encryption;
pub use init::{InitSegment, Media};
pub use segment::MediaSegment;

/// Why a file cannot be taken as a segment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A box ends beyond its file or its parent: the file is torn or still being written.
    #[error(
        "box `{kind}` at byte {offset} claims {claimed} bytes but only {present} are there: the file is torn or \
         still being written; read it again after it was closed"
    )]
    Torn {
        /// The four-character code as far as it is there.
        kind: String,
        /// Where the box begins in its file or parent.
        offset: usize,
        /// The size in its header.
        claimed: u64,
        /// The bytes from its begin to the end.
        present: usize,
    },
    /// A box without a length of its own ("to the end of the file"): a torn file would not be seen.
    #[error(
        "box `{kind}` at byte {offset} has no length; only boxes with a length can be checked for completeness"
    )]
    Unbounded {
        /// The four-character code.
        kind: String,
        /// Where the box begins in its file or parent.
        offset: usize,
    },
    /// A box that the reader needs is not there.
    #[error("no `{0}` box: this is not a complete single-track fragmented MP4 file of the expected sort")]
    Missing(&'static str),
    /// A box has contents that its definition does not allow.
    #[error("box `{kind}` is malformed")]
    Malformed {
        /// The four-character code.
        kind: &'static str,
        /// What the decoder found.
        #[source]
        source: mp4_atom::Error,
    },
    /// The file holds more than one track; packager writes one file per rendition.
    #[error("{0} tracks in one file; each rendition must be packaged into files of its own")]
    SeveralTracks(usize),
    /// The media segment belongs to another track than the init segment.
    #[error("the segment holds track {found} but its init segment describes track {expected}")]
    OtherTrack {
        /// Track id of the init segment.
        expected: u32,
        /// Track id of the media segment.
        found: u32,
    },
    /// The sample entry is of a codec that has no RFC 6381 string here.
    #[error(
        "codec `{0}` is not supported in segments; use H.264, H.265, AV1, AAC, AC-3, E-AC-3, Opus or FLAC"
    )]
    UnknownCodec(String),
    /// The track is neither video nor audio.
    #[error("handler `{0}` is neither video nor audio")]
    UnknownHandler(String),
    /// The timescale is zero or a time does not fit.
    #[error("time out of range: {0}")]
    Time(&'static str),
}

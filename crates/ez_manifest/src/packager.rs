//! Reads from packager's own manifests the two things that only packager knows.
//!
//! These are the `#EXT-X-KEY` lines of a media playlist (they carry the IV it drew) and the
//! `ContentProtection` elements of the MPD (they carry `default_KID` and `pssh`). Nothing else
//! in its manifests is used: durations are rounded there, and numbers begin anew with every
//! process.

mod key;
mod protection;

pub use key::{KeyLine, key_lines};
pub use protection::{Protection, content_protection};

/// Why packager's manifest gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The MPD is not well-formed.
    #[error(
        "packager's MPD is not well-formed at byte {position}; it may still be being written, read it again"
    )]
    Xml {
        /// Where the reader stopped.
        position: u64,
        /// What it found.
        #[source]
        source: quick_xml::Error,
    },
    /// The MPD ends inside an element.
    #[error("packager's MPD ends inside an element; it may still be being written, read it again")]
    Torn,
}

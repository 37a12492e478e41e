//! The FLV container: tags, their writer and an incremental parser.
//!
//! Bodies stay opaque here; [`crate::media`] looks into them. Encrypted tags (filter bit) are refused.
//! Reference: Adobe Flash Video File Format Specification 10.1, annex E.

mod parse;
mod write;

use bytes::Bytes;

pub use parse::{ParseError, Parser};
pub use write::{encode, header, write_tag};

/// Largest body that is accepted: a key frame of 4K at 100 Mbit/s stays below it.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// What a tag carries (E.4.1 `TagType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `TagType` 8.
    Audio,
    /// `TagType` 9.
    Video,
    /// `TagType` 18: AMF0 data such as `onMetaData`.
    Script,
}

/// One FLV tag, or one RTMP audio, video or data message: the two have the same body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What the body is.
    pub kind: Kind,
    /// Decoding time in milliseconds, all 32 bits (`Timestamp` and `TimestampExtended`).
    pub timestamp_ms: u32,
    /// The body without any framing.
    pub body: Bytes,
}

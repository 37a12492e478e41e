//! Writes HLS playlists (RFC 8216, protocol version 6 and 8) from a timeline.
//!
//! The shapes are those that shaka-player and hls.js were seen to take across seams and holes.
//! Nothing is decided here: what is in the window, its numbers and times come from the
//! timeline.

mod attribute;
mod media;
mod multivariant;

pub use media::media_playlist;
pub use multivariant::multivariant_playlist;

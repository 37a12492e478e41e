//! A strict client: holds every media playlist of a rendition against all it saw before.
//!
//! It is the judge of our tests, from property tests to the end-to-end ones, so it shares no
//! code with the writer: it has a parser of its own and knows playlists only as text. It does
//! not fetch; it does not look into segments.

mod compare;
mod history;
mod playlist;
#[cfg(test)]
mod tests;
mod violation;

pub use compare::{Listed, compare};
pub use history::Watch;
pub use playlist::{ListedSegment, MediaPlaylist, ParseError};
pub use violation::Violation;

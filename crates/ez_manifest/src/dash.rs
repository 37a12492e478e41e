//! Writes the DASH manifest (ISO/IEC 23009-1, live profile, several periods) from a timeline.
//!
//! Times stay ticks (`SegmentTimeline`, `$Time$`); a hole is nothing but a later
//! `Period@start`. `AdaptationSet` and Representation ids depend on the ladder only, so they
//! are the same in each period and players switch through a seam without a new choice.

mod manifest;
mod period;
mod segment_timeline;
mod xml;

pub use manifest::{UtcTiming, mpd};

//! The truth of what was published, and its projections as HLS and DASH.
//!
//! The way through the crate: [`fmp4`] reads exact times out of the files that packager cut,
//! [`timeline`] records them and decides what is in the window, [`hls`] and [`dash`] write
//! that record down for players, [`protection`] what they must know of an encryption, and
//! [`watch`] is the strict client that our tests hold against every playlist we write.
//!
//! The crate is pure: no clock, no randomness, no input or output, no tasks. Time and bytes
//! are arguments.

pub mod dash;
pub mod fmp4;
pub mod hls;
pub mod protection;
mod ticks;
pub mod timeline;
pub mod uri;
mod utc;
pub mod watch;

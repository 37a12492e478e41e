//! Faults on a running channel, judged by what viewers get.
//!
//! A [`session::Session`] holds one channel on a whole installation with a strict [`viewer::Viewer`]
//! that polls like a player and keeps everything it saw. A [`round::run`] publishes numbered frames,
//! injects one [`fault::Fault`], and counts: the longest wait for a next segment, the frames that no
//! viewer got, and the rules that the playlists broke.

pub mod fault;
pub mod outage;
pub mod player;
pub mod report;
pub mod round;
pub mod session;
pub mod store;
pub mod viewer;

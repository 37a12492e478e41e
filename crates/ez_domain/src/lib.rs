//! The rules of ezLiveStreaming, free of any side effect.
//!
//! What a job is ([`spec`]), what it goes through ([`lifecycle`]) and where it runs
//! ([`placement`]) are decided here by plain functions on plain values. Nothing in this
//! crate knows a clock, a random source, a socket, Redis or a child process: time,
//! epochs and identifiers come in as arguments. That is what makes every rule testable
//! in a table and usable from each binary.

pub mod content_key;
pub mod cut_grid;
pub mod durations;
pub mod fault;
pub mod id;
pub mod job;
pub mod lifecycle;
pub mod placement;
pub mod secret;
pub mod spec;
pub mod units;

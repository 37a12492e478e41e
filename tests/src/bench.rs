//! Benchmarks of a whole installation, each beside a baseline of the same run.

pub mod channels;
pub mod control;
mod cost;
mod floor;
mod ladder;
pub mod media;
pub mod start;
mod viewing;

//! Benchmarks of a whole installation, each beside a baseline of the same run.

pub mod media;
pub mod process;
pub mod start;

//! The real binary against a scheduler and transcoders that the tests play.
//!
//! Real are the processes, signals, sockets, ports and files; only what goes over them is made up.
//! The transcoder is this test program itself, started again by a small script.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that panics has failed")]

mod drain;
mod faults;
mod logs;
mod metrics;
mod orders;
mod properties;
mod restart;
mod scheduler;
mod start;
mod transcoder;
mod worker;

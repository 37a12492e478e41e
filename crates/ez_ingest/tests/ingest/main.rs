//! The listener over real sockets: real encoders, strangers, rivals for the seat, and the protocol's edges.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod bench;
mod encoders;
mod lifetime;
mod seat;
mod strangers;
mod wire;

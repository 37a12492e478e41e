//! The RTMP contribution listener: one channel per listener, one publisher at a time.
//!
//! [`Ingest::serve`] takes a listener that the caller has bound, speaks RTMP with whoever connects,
//! lets in the one encoder that shows the right stream key and hands its audio, video and script
//! messages on as FLV tags, untouched: timestamps are the encoder's, all 32 bits.
//!
//! What it deliberately does not do: know stream keys (see [`Authorise`]), look into media, repair a
//! timeline, play anything back, or speak TLS, RTMPE and RTMPT.
//!
//! Invariants, each held by a test:
//!
//! - I1: at most one session is between its [`Event::PublishStarted`] and its [`Event::PublishEnded`].
//! - I2: nothing is told of a publisher before its stream key was accepted, except
//!   [`Event::Refused`], which is dropped rather than waited with.
//! - I3: a connection without an accepted key costs bounded memory ([`MessageLimits::UNAUTHENTICATED`])
//!   and bounded time ([`Limits::publish`]), and there are never more than
//!   [`Limits::max_unauthenticated`] of them.
//! - I4: no bytes make it panic.
//!
//! # Back-pressure
//!
//! Events go through the caller's bounded channel. When it is full, nothing more is read from the
//! publisher, and TCP tells the encoder to slow down; meanwhile neither the idle time-out nor a
//! take-over counts against it. The memory of a listener is the channel's capacity times the
//! tags in it, plus [`MessageLimits::partial_bytes`].

mod admission;
mod authorise;
mod connection;
mod counters;
mod event;
mod limits;
mod linger;
mod publishing;
mod rtmp;
mod seat;
mod serve;
mod session;

#[cfg(test)]
#[path = "../tests/ingest/wire.rs"]
mod wire;

pub use authorise::{Authorise, PublishRequest, Refusal};
pub use counters::{Counters, Totals};
pub use event::{EndReason, Event, RefusedReason, SessionId};
pub use limits::{Limits, MessageLimits};
pub use serve::Ingest;

//! The scheduler: takes commands from the queue, places runs on workers, gives up runs whose
//! worker fell silent, and removes the media of deleted jobs.
//!
//! All state is in the store, so any number of instances may run side by side; what one holds in
//! memory (addresses for pokes, stream-key verifiers, back-off of chores) is only a cache. Each
//! decision is `ez_domain::lifecycle::step` or `ez_domain::placement::plan`; this crate carries
//! records to them and commits what they answer.
//!
//! Deliberately not here: anything about media, and the public API.
//!
//! Invariants:
//! - S1: a message is acknowledged only after its effect is stored, or when it is void;
//! - S2: no run is given up while it is in doubt whether the control plane itself was the one that
//!   was away ([`brake`]);
//! - S3: the reply to a heartbeat never leaves a run out because something failed here: the worker
//!   would end it. Then the whole reply is an error, and the worker keeps what it has.

pub mod app;
pub mod brake;
pub mod buckets;
pub mod config;
pub mod key_source;

mod chores;
mod facts;
mod figures;
mod hints;
mod intake;
mod keys;
mod orders;
mod planner;
mod poke;
mod queue_window;
mod router;
mod routes;
mod sweeper;
mod troubles;

pub use app::{App, Timing, run};
pub use config::Config;

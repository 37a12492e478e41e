//! A run: takes the contribution, drives ffmpeg and Shaka packager, publishes what they make.
//!
//! - [`mod@run`] owns the run: one task that hears the RTMP listener, the worker, the children and the
//!   origin, and decides.
//! - [`period`] is one ffmpeg and one packager with the files they write.
//! - `ez_origin` uploads closed files, keeps the timeline and publishes the manifests.
//! - [`control`] speaks with `worker_app`.
//!
//! Invariants:
//! - a playlist names only what the store has acknowledged;
//! - nothing is started before a publisher showed the right stream key;
//! - a run that sees a higher epoch in the store writes nothing any more.

mod authorise;
mod control;
mod period;
mod run;

pub use run::run;

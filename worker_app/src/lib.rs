//! The worker of one host: it holds runs for the scheduler, one `worker_transcoder` process each.
//!
//! It tells the scheduler every two seconds how its runs are and gets back the full set that it
//! must hold; what is missing is started, what is not listed is abandoned. Everything else that
//! tells the two about each other (pokes, state changes) only makes the next heartbeat come
//! sooner. While the scheduler is away nothing changes: runs go on, and a transcoder that crashes
//! is restarted here under the same epoch.
//!
//! Transcoders are no hostages of this process: they survive its death, and the next `worker_app`
//! on the same data folder takes them up again. It deliberately knows nothing about media, and
//! decides nothing about where a job runs.

mod app;
mod capacity;
pub mod config;
mod disk;
mod figures;
mod heartbeat;
mod identity;
mod ports;
mod registration;
mod router;
mod runs;
mod tools;

pub use app::run;

//! The control plane without media: real schedulers and API servers on a real Redis, and workers that only
//! talk.
//!
//! A [`plane::Plane`] holds the services, each a process that can be killed and started again. A
//! [`fleet::Fleet`] registers, beats and obeys as `worker_app` does and holds runs that make nothing. What
//! its workers did is a [`history::History`], which pure checks judge; a [`storm::run`] makes one while
//! services die.

pub mod api;
pub mod fleet;
pub mod history;
pub mod order;
pub mod plane;
pub mod service;
pub mod storm;
pub mod user;
pub mod verdict;
mod worker;

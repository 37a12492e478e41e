//! What can be said of the containers without a container engine: the files agree with each other, with the
//! programs and with the scripts.

pub mod coherence;
pub mod compose;
pub mod dockerfile;
pub mod plain;
pub mod variables;

//! What the end-to-end tests share: a whole installation on free ports, its API, a browser; a control plane
//! without media.
//!
//! The services are the real programs of this build, started by the launcher that `script/up` uses.

pub mod bench;
pub mod browser;
pub mod chaos;
pub mod cloud;
pub mod console;
pub mod containers;
pub mod control;
pub mod disk;
pub mod documents;
pub mod installation;
pub mod mpd;
pub mod postman;
pub mod processes;
pub mod secrets;
pub mod served;

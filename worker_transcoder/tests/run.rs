//! Whole runs on real media: a real publisher, real ffmpeg and packager, a real S3 server; only
//! `worker_app` is played by the test.

#![expect(clippy::unwrap_used, reason = "a failing set-up fails the test")]

#[path = "run/crash.rs"]
mod crash;
#[path = "run/forms.rs"]
mod forms;
#[path = "run/harness.rs"]
mod harness;
#[path = "run/live.rs"]
mod live;
#[path = "run/owners.rs"]
mod owners;
#[path = "run/protected.rs"]
mod protected;
#[path = "run/reconnect.rs"]
mod reconnect;
#[path = "run/strangers.rs"]
mod strangers;

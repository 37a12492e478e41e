//! Real servers, real media tools and exact measurements for the tests of this workspace.
//!
//! Nothing here is mocked: [`redis`] starts a private redis-server, [`sqs`] one that speaks SQS, [`media`] makes
//! contributions with a burned-in frame number, pushes them with ffmpeg and reads the numbers
//! back from what came out, [`metrics`] reads what a service tells about itself. Each checker has a negative control of its own. The crate is a
//! development dependency only; it never ends up in a binary that is shipped.

pub mod machine;
pub mod media;
pub mod metrics;
pub mod redis;
pub mod sqs;
pub mod tools;
pub mod wait;

//! One machine: what the big engines do in production, small enough for a laptop and for tests.

pub mod cli;
pub mod launch;
pub mod s3;

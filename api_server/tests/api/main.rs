//! The service as its clients see it: the real router on a real port, a real Redis behind it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod bad_requests;
mod console;
mod create;
mod health_and_time;
mod life;
mod lists;
mod logs;
mod metrics;
mod openapi;
mod outages;
mod process;
mod properties;
mod repeat;
mod replace;
mod support;

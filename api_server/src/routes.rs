//! The handlers: one file for each route.

pub(crate) mod console;
pub(crate) mod jobs;
mod query;
pub(crate) mod time;
pub(crate) mod workers;

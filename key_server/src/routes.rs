//! The handlers: one file for each route.

pub(crate) mod keys;

//! Content keys: the original's two verbs.

pub(crate) mod create;
pub(crate) mod get;

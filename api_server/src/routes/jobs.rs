//! Jobs: the original's verbs, each in a file of its own.

mod content_type;
mod cost;
pub(crate) mod create;
pub(crate) mod delete;
mod dry_run;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod logs;
mod path;
pub(crate) mod put;
pub(crate) mod resume;
pub(crate) mod stop;
mod wish;

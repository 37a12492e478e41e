//! The state of an installation: jobs and workers in Redis.
//!
//! [`Store`] is what the services see. Decisions are made by `ez_domain::lifecycle::step`;
//! a store only loads a record, commits its successor by compare-and-set on the version and
//! moves the indexes that follow from the record in the same atomic script.
//!
//! Invariants:
//! - a record is an opaque string to Lua: it is never decoded or re-encoded there;
//! - Redis `TIME` is the only clock in scripts and the only source of `now` for decisions;
//! - every script may be repeated after a lost answer without doing its work twice.

pub mod apply;
pub mod conformance;
pub mod cursor;
pub mod index_changes;
pub mod keys;
pub mod once;
pub mod redis_store;
pub mod seal;
pub mod selection;
pub mod standing;
pub mod store;

pub use apply::{Applied, apply, apply_to};
pub use ez_redis::Access as Config;
pub use once::{Created, Once};
pub use redis_store::RedisStore;
pub use seal::{MasterKey, SealError, random_stream_key, stream_key_verifier, verify};
pub use selection::Selection;
pub use store::{
    BeatReply, Census, CommitGuard, CreateError, FIRST_LEASE_MS, LEASE_GRACE_MS, LEASE_MS, Page, RunFigures,
    Store, StoreError, Stored, Totals, WorkerRecord,
};

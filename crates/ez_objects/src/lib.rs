//! The object store: the one place that viewers read from, and the fence between runs.
//!
//! [`ObjectStore`] is the small trait that the rest of the system sees; [`s3::S3Store`] speaks to
//! S3 and everything that is compatible with it, [`memory::MemoryStore`] lives in the process.
//! Each implementation passes [`conformance`]. On top of the trait stand the three things that
//! make a channel survive: [`immutable`] puts segments, [`stable`] replaces playlists by
//! compare-and-swap, and [`fence`] finds out at start whether the store can be trusted with that.
//!
//! Deliberately not here: names of objects, their content types and the order of uploads (the
//! callers decide), and multi-part uploads (a segment is one request).
//!
//! Invariants:
//! - O1: every request that may change an object can be told apart afterwards by its write-id, so
//!   a lost answer never becomes a guess.
//! - O2: one attempt is one request. The SDK's own retries are off: a retry that nobody sees turns
//!   our own success into a failed precondition.
//! - O3: time and chance come in from outside ([`dice::Dice`], tokio's clock), so tests replay.

pub mod conformance;
pub mod dice;
pub mod error;
pub mod fence;
pub mod health;
pub mod immutable;
pub mod memory;
pub mod object;
pub mod retry;
pub mod s3;
pub mod stable;
pub mod unreliable;

pub use error::{Cause, Error};
pub use object::{Body, ETag, ObjectInfo, ObjectStore, Precondition, PutOptions, WriteId};

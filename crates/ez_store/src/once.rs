//! Creating a job once, however often it is asked for.
//!
//! A client that does not know whether its request arrived sends it again under the same key. What was
//! made with a key is remembered in the same script that makes the job, so a crash leaves both or neither.

use ez_domain::id::JobId;

/// How long a key is remembered: 24 hours.
pub const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1000;

/// What tells a repeated request from another one. Both are keyed hashes: the store learns no text of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Of the client's key.
    pub key: String,
    /// Of the request's body; hexadecimal.
    pub body: String,
}

/// What came of a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The job is there now.
    New,
    /// Another one was made with the same key and body before.
    Before(JobId),
}

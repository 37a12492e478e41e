//! The trait that the system sees, and the values that it is told in.
//!
//! The trait has one method per request and no policy: no retries, no order, no naming.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use ez_domain::id::Epoch;

use crate::error::{Cause, Error};

/// The most keys that one [`ObjectStore::delete_batch`] takes (a limit of S3's `DeleteObjects`).
pub const DELETE_BATCH_MAX: usize = 1000;

/// A bucket. Each call is exactly one request.
#[async_trait]
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// Writes one object and returns its new `ETag`.
    async fn put(&self, key: &str, body: &Body, options: &PutOptions) -> Result<ETag, Error>;

    /// Reads one object; `None` if there is none.
    async fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectInfo)>, Error>;

    /// Reads what is known about one object; `None` if there is none.
    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Error>;

    /// Deletes up to [`DELETE_BATCH_MAX`] objects. Keys without an object are no error.
    async fn delete_batch(&self, keys: &[String]) -> Result<(), Error>;

    /// Lists a page of the keys that begin with `prefix`, in order, from where the page before ended.
    async fn list(&self, prefix: &str, continuation: Option<&str>) -> Result<Page, Error>;
}

/// The store's name for one content of an object, opaque, as the store writes it (with its quotes).
///
/// Most stores derive it from the bytes alone: the same bytes written again have the same tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// Wraps the value of an `ETag` header.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value for an `If-Match` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is uploaded.
#[derive(Debug, Clone)]
pub enum Body {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A closed file on disk; it is read anew at each attempt.
    File(PathBuf),
}

impl Body {
    /// The number of bytes that will be sent.
    pub async fn size(&self, key: &str) -> Result<u64, Error> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::File(path) => tokio::fs::metadata(path)
                .await
                .map(|metadata| metadata.len())
                .map_err(|source| file_error(key, path, source)),
        }
    }
}

/// The error for a body that cannot be read from `path`.
pub(crate) fn file_error(key: &str, path: &std::path::Path, source: std::io::Error) -> Error {
    Error::new("put", key, Cause::File, path.display().to_string()).caused_by(source)
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// How an object is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// `Content-Type`.
    pub content_type: String,
    /// `Cache-Control`.
    pub cache_control: String,
    /// Metadata `epoch`: the run that writes.
    pub epoch: Option<Epoch>,
    /// Metadata `write-id`: this very write.
    pub write_id: Option<WriteId>,
    /// What must hold for the write to happen.
    pub precondition: Precondition,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: overwrite whatever is there.
    #[default]
    None,
    /// There is no such object (`If-None-Match: *`).
    IfAbsent,
    /// The object still has this tag (`If-Match`).
    IfMatch(ETag),
}

/// The name of one write: who wrote and the how-many-eth write of that writer it was.
///
/// After a lost answer it tells an own success from another's write, and among our own writes
/// one that was given up on and landed late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId {
    /// A random number that one writer draws when it begins.
    pub writer: u64,
    /// Grows by one with each write of this writer; all attempts at one write share it.
    pub sequence: u64,
}

impl fmt::Display for WriteId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}-{}", self.writer, self.sequence)
    }
}

/// A text that is no write-id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a write-id is 16 hexadecimal digits, a hyphen and a number, not {0:?}")]
pub struct NoWriteId(String);

impl FromStr for WriteId {
    type Err = NoWriteId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (writer, sequence) = text.split_once('-')?;
            let writer = (writer.len() == 16).then(|| u64::from_str_radix(writer, 16).ok())??;
            Some(Self { writer, sequence: sequence.parse().ok()? })
        };
        parse().ok_or_else(|| NoWriteId(text.to_owned()))
    }
}

/// What the store knows about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The tag of the present content.
    pub etag: ETag,
    /// The number of bytes.
    pub size: u64,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// Metadata `epoch`; `None` if it is missing or unreadable, which ranks below every epoch.
    pub epoch: Option<Epoch>,
    /// Metadata `write-id`; `None` if it is missing or unreadable.
    pub write_id: Option<WriteId>,
    /// When it was last written, by the store's clock.
    pub last_modified: Option<SystemTime>,
}

/// A part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects, in the order of their keys.
    pub objects: Vec<Listed>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// The number of bytes.
    pub size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_id_has_one_spelling() {
        let write_id = WriteId { writer: 0xab, sequence: 12 };
        assert_eq!(write_id.to_string(), "00000000000000ab-12");
        assert_eq!("00000000000000ab-12".parse(), Ok(write_id));
        for wrong in ["", "ab-12", "00000000000000ab", "00000000000000ab-", "00000000000000ag-1", "-1"] {
            assert!(wrong.parse::<WriteId>().is_err(), "{wrong}");
        }
    }
}

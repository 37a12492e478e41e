//! A store in the memory of the process, for tests and simulations of what stands on the trait.
//!
//! It behaves like S3 where that matters to the fence: the tag depends on the bytes alone (the same
//! bytes written again have the same tag), metadata do not count. It keeps every version that was
//! ever written, so that a test can judge the whole history and not just the end.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::{Cause, Error};
use crate::object::{
    Body, DELETE_BATCH_MAX, ETag, Listed, ObjectInfo, ObjectStore, Page, Precondition, PutOptions, file_error,
};

/// How many keys a page of a listing has; small, so that callers meet more than one page.
const PAGE: usize = 100;

/// A bucket in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<String, Version>,
    history: Vec<(String, Version)>,
}

/// One content that an object has or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The bytes.
    pub bytes: Bytes,
    /// What is known about it.
    pub info: ObjectInfo,
}

impl MemoryStore {
    /// An empty bucket.
    pub fn new() -> Self {
        Self::default()
    }

    /// All versions that `key` ever had, the oldest first.
    pub fn history(&self, key: &str) -> Vec<Version> {
        let inner = self.lock();
        inner
            .history
            .iter()
            .filter(|(written, _)| written == key)
            .map(|(_, version)| version.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn put(&self, key: &str, body: &Body, options: &PutOptions) -> Result<ETag, Error> {
        let bytes = match body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::File(path) => {
                tokio::fs::read(path).await.map_err(|source| file_error(key, path, source))?.into()
            }
        };
        let mut inner = self.lock();
        let present = inner.objects.get(key).map(|version| &version.info.etag);
        let holds = match &options.precondition {
            Precondition::None => true,
            Precondition::IfAbsent => present.is_none(),
            Precondition::IfMatch(etag) => present == Some(etag),
        };
        if !holds {
            return Err(Error::new("put", key, Cause::PreconditionFailed, format!("the tag is {present:?}")));
        }
        let etag = tag(&bytes);
        let age = Duration::from_secs(inner.history.len() as u64);
        let info = ObjectInfo {
            etag: etag.clone(),
            size: bytes.len() as u64,
            content_type: Some(options.content_type.clone()),
            cache_control: Some(options.cache_control.clone()),
            epoch: options.epoch,
            write_id: options.write_id,
            last_modified: Some(SystemTime::UNIX_EPOCH + age),
        };
        let version = Version { bytes, info };
        inner.history.push((key.to_owned(), version.clone()));
        inner.objects.insert(key.to_owned(), version);
        Ok(etag)
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectInfo)>, Error> {
        Ok(self.lock().objects.get(key).map(|version| (version.bytes.clone(), version.info.clone())))
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        Ok(self.lock().objects.get(key).map(|version| version.info.clone()))
    }

    async fn delete_batch(&self, keys: &[String]) -> Result<(), Error> {
        if keys.len() > DELETE_BATCH_MAX {
            return Err(Error::new("delete", "", Cause::Other, format!("{} keys at once", keys.len())));
        }
        let mut inner = self.lock();
        for key in keys {
            inner.objects.remove(key);
        }
        Ok(())
    }

    async fn list(&self, prefix: &str, continuation: Option<&str>) -> Result<Page, Error> {
        let inner = self.lock();
        let mut objects: Vec<_> = inner
            .objects
            .iter()
            .filter(|(key, _)| {
                key.starts_with(prefix) && continuation.is_none_or(|after| key.as_str() > after)
            })
            .take(PAGE + 1)
            .map(|(key, version)| Listed { key: key.clone(), size: version.info.size })
            .collect();
        let is_truncated = objects.len() > PAGE;
        objects.truncate(PAGE);
        let next = objects.last().filter(|_| is_truncated).map(|last| last.key.clone());
        Ok(Page { objects, next })
    }
}

fn tag(bytes: &Bytes) -> ETag {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    ETag::new(format!("\"{:016x}\"", hasher.finish()))
}

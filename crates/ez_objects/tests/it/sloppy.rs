//! Stores that break the rules: negative controls for the checkers.

use async_trait::async_trait;
use bytes::Bytes;
use ez_objects::memory::MemoryStore;
use ez_objects::object::Page;
use ez_objects::{Body, Cause, ETag, Error, ObjectInfo, ObjectStore, Precondition, PutOptions};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Checks the precondition, lets others pass, then writes.
    ChecksThenWrites,
    /// Takes no notice of preconditions.
    IgnoresConditions,
    /// Answers 501 to preconditions.
    RefusesConditions,
    /// Answers 412 to every `If-Match`.
    MatchesNever,
    /// Checks `If-None-Match` well, but accepts `If-Match` on nothing.
    MatchesNothing,
    /// Loses the metadata.
    DropsMetadata,
    /// Says yes and writes nothing.
    WritesNothing,
    /// Fails to delete.
    DeletesNothing,
}

#[derive(Debug)]
pub(crate) struct Sloppy {
    pub(crate) inner: MemoryStore,
    pub(crate) fault: Fault,
}

impl Sloppy {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { inner: MemoryStore::new(), fault }
    }
}

#[async_trait]
impl ObjectStore for Sloppy {
    async fn put(&self, key: &str, body: &Body, options: &PutOptions) -> Result<ETag, Error> {
        let unconditional = PutOptions { precondition: Precondition::None, ..options.clone() };
        match self.fault {
            Fault::ChecksThenWrites => {
                let present = self.inner.head(key).await?.map(|info| info.etag);
                let holds = match &options.precondition {
                    Precondition::None => true,
                    Precondition::IfAbsent => present.is_none(),
                    Precondition::IfMatch(etag) => present.as_ref() == Some(etag),
                };
                if !holds {
                    return Err(Error::new("put", key, Cause::PreconditionFailed, ""));
                }
                tokio::task::yield_now().await;
                self.inner.put(key, body, &unconditional).await
            }
            Fault::IgnoresConditions => self.inner.put(key, body, &unconditional).await,
            Fault::RefusesConditions if options.precondition != Precondition::None => {
                Err(Error::new("put", key, Cause::Unsupported, "501 NotImplemented"))
            }
            Fault::MatchesNever if matches!(options.precondition, Precondition::IfMatch(_)) => {
                Err(Error::new("put", key, Cause::PreconditionFailed, "412"))
            }
            Fault::MatchesNothing if self.inner.head(key).await?.is_none() => {
                self.inner.put(key, body, &unconditional).await
            }
            Fault::DropsMetadata => {
                self.inner
                    .put(key, body, &PutOptions { epoch: None, write_id: None, ..options.clone() })
                    .await
            }
            Fault::WritesNothing => Ok(ETag::new("\"0\"")),
            Fault::DeletesNothing
            | Fault::RefusesConditions
            | Fault::MatchesNever
            | Fault::MatchesNothing => self.inner.put(key, body, options).await,
        }
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectInfo)>, Error> {
        self.inner.get(key).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        self.inner.head(key).await
    }

    async fn delete_batch(&self, keys: &[String]) -> Result<(), Error> {
        if self.fault == Fault::DeletesNothing { Ok(()) } else { self.inner.delete_batch(keys).await }
    }

    async fn list(&self, prefix: &str, continuation: Option<&str>) -> Result<Page, Error> {
        self.inner.list(prefix, continuation).await
    }
}

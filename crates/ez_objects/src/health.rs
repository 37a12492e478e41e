//! How a store is doing, as seen by the requests that go to it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use crate::error::{Cause, Error};
use crate::object::{Body, ETag, ObjectInfo, ObjectStore, Page, PutOptions};

/// Failures for this long without one success are trouble; less is a hiccup.
const PATIENCE: Duration = Duration::from_secs(5);

/// A store whose health can be asked.
#[derive(Debug)]
pub struct Observed {
    inner: Arc<dyn ObjectStore>,
    health: Arc<Health>,
}

/// What the requests of one store have shown.
#[derive(Debug, Default)]
pub struct Health(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    failures: u64,
    /// Since when every request failed, and how the last one did.
    failing: Option<(Instant, Cause)>,
}

/// A store that has answered nothing for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Instant,
    /// What kind of failure came last; does not change from request to request.
    pub error: Cause,
}

impl Health {
    /// Requests that failed or were not answered.
    pub fn failures(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failures
    }

    /// What is wrong, when nothing has succeeded for a while.
    pub fn trouble(&self) -> Option<Trouble> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, error) = seen.failing?;
        (since.elapsed() >= PATIENCE).then_some(Trouble { since, error })
    }

    fn count(&self, failure: Option<Cause>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            // A lost race is an answer.
            None | Some(Cause::PreconditionFailed | Cause::File) => seen.failing = None,
            // To come again later is none, whatever the store does with the rest.
            Some(Cause::Conflict) => {}
            Some(cause) => {
                seen.failures = seen.failures.saturating_add(1);
                let since = seen.failing.map_or_else(Instant::now, |(since, _)| since);
                seen.failing = Some((since, cause));
            }
        }
    }
}

/// Counts a request as unanswered unless it is told otherwise: the caller drops what takes too long.
struct Request<'health> {
    health: &'health Health,
    is_answered: bool,
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.health.count(Some(Cause::Timeout));
        }
    }
}

impl Observed {
    /// Watches the requests to `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, health: Arc::default() }
    }

    /// What they have shown.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    async fn pass<T: fmt::Debug>(
        &self,
        request: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let mut pending = Request { health: &self.health, is_answered: false };
        let answer = request.await;
        pending.is_answered = true;
        self.health.count(answer.as_ref().err().map(|error| error.cause));
        answer
    }
}

#[async_trait]
impl ObjectStore for Observed {
    async fn put(&self, key: &str, body: &Body, options: &PutOptions) -> Result<ETag, Error> {
        self.pass(self.inner.put(key, body, options)).await
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectInfo)>, Error> {
        self.pass(self.inner.get(key)).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        self.pass(self.inner.head(key)).await
    }

    async fn delete_batch(&self, keys: &[String]) -> Result<(), Error> {
        self.pass(self.inner.delete_batch(keys)).await
    }

    async fn list(&self, prefix: &str, continuation: Option<&str>) -> Result<Page, Error> {
        self.pass(self.inner.list(prefix, continuation)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::memory::MemoryStore;
    use crate::unreliable::{Faults, Unreliable};

    #[tokio::test(start_paused = true)]
    async fn only_failures_without_an_end_are_trouble() {
        let store = Arc::new(Unreliable::new(MemoryStore::default(), Faults::default(), Dice::from_seed(1)));
        let observed = Observed::new(Arc::clone(&store) as Arc<dyn ObjectStore>);
        let health = observed.health();
        store.set(Faults { lose_request: 1000, ..Faults::default() });
        observed.head("a").await.unwrap_err();
        assert_eq!(health.trouble(), None, "a hiccup");
        tokio::time::advance(PATIENCE).await;
        observed.head("a").await.unwrap_err();
        assert_eq!(health.trouble().map(|trouble| trouble.error), Some(Cause::Timeout));
        store.heal();
        observed.head("a").await.unwrap();
        assert_eq!((health.trouble(), health.failures()), (None, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_the_caller_gives_up_counts() {
        let store = Unreliable::new(
            MemoryStore::default(),
            Faults { longest_delay: Duration::from_secs(3600), ..Faults::default() },
            Dice::from_seed(1),
        );
        let observed = Observed::new(Arc::new(store));
        tokio::time::timeout(Duration::from_millis(1), observed.head("a")).await.unwrap_err();
        assert_eq!(observed.health().failures(), 1);
    }
}

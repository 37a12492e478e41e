//! The probe tells stores that can carry the fence from those that cannot.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ez_objects::dice::Dice;
use ez_objects::fence::{Fence, ROUNDS, probe};
use ez_objects::memory::MemoryStore;
use ez_objects::object::Page;
use ez_objects::retry::Policy;
use ez_objects::unreliable::{Faults, Unreliable};
use ez_objects::{Body, Cause, ETag, Error, ObjectInfo, ObjectStore, PutOptions};
use tokio::time::Instant;

use crate::local::LocalS3;
use crate::sloppy::{Fault, Sloppy};

async fn probed(store: &dyn ObjectStore) -> Result<Fence, ez_objects::Error> {
    let policy = Policy { give_up_after: Some(Duration::from_secs(30)), ..Policy::default() };
    probe(store, "probe/", &policy, &mut Dice::from_seed(1), ROUNDS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_s3_carries_the_fence() {
    let s3 = LocalS3::start().await;
    let store = s3.store().await;
    assert_eq!(probed(&store).await.unwrap(), Fence::Conditional);
    assert!(store.list("probe/", None).await.unwrap().objects.is_empty(), "the probe cleans up");
    s3.stop().await;
}

#[tokio::test]
async fn stores_that_race_or_ignore_do_not() {
    assert_eq!(probed(&MemoryStore::new()).await.unwrap(), Fence::Conditional);
    for (fault, part) in [
        (Fault::ChecksThenWrites, "16 of 16 racing writes"),
        (Fault::IgnoresConditions, "16 of 16 racing writes"),
        (Fault::RefusesConditions, "501"),
        (Fault::MatchesNothing, "If-Match on an object that is not there was accepted"),
        (Fault::MatchesNever, "all of 16 racing writes with IfMatch"),
        (Fault::WritesNothing, "racing writes"),
    ] {
        let fence = probed(&Sloppy::new(fault)).await.unwrap();
        assert!(!fence.is_conditional() && fence.to_string().contains(part), "{fault:?}: {fence}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_disturbed_network_is_no_answer() {
    let hiccup = Faults { fail_first: 20, ..Faults::default() };
    let store = Unreliable::new(MemoryStore::new(), hiccup, Dice::from_seed(1));
    assert_eq!(probed(&store).await.unwrap(), Fence::Conditional);

    for seed in 0..50 {
        let half = Faults {
            throttle: 100,
            lose_request: 150,
            lose_answer: 150,
            delay_write: 100,
            ..Faults::default()
        };
        let store = Unreliable::new(MemoryStore::new(), half, Dice::from_seed(seed));
        assert_eq!(probed(&store).await.unwrap(), Fence::Conditional, "seed {seed}");
    }

    let dead = Faults { lose_request: 1000, ..Faults::default() };
    let store = Unreliable::new(MemoryStore::new(), dead, Dice::from_seed(1));
    assert_eq!(probed(&store).await.unwrap_err().cause, Cause::Timeout);
}

/// Takes one write to a key each second and sends all others away.
#[derive(Debug, Default)]
struct OneASecond {
    inner: MemoryStore,
    written: Mutex<HashMap<String, Instant>>,
}

#[async_trait]
impl ObjectStore for OneASecond {
    async fn put(&self, key: &str, body: &Body, options: &PutOptions) -> Result<ETag, Error> {
        let last = self.written.lock().unwrap().get(key).copied();
        if last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            return Err(Error::new("put", key, Cause::Throttled, "429"));
        }
        self.written.lock().unwrap().insert(key.to_owned(), Instant::now());
        self.inner.put(key, body, options).await
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectInfo)>, Error> {
        self.inner.get(key).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        self.inner.head(key).await
    }

    async fn delete_batch(&self, keys: &[String]) -> Result<(), Error> {
        self.inner.delete_batch(keys).await
    }

    async fn list(&self, prefix: &str, continuation: Option<&str>) -> Result<Page, Error> {
        self.inner.list(prefix, continuation).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lets_one_writer_at_a_time_to_a_key_can_carry_it() {
    assert_eq!(probed(&OneASecond::default()).await.unwrap(), Fence::Conditional);
}

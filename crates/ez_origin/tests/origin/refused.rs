//! A bucket that refuses.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ez_domain::fault::Fault;
use ez_objects::memory::MemoryStore;
use ez_objects::object::Page;
use ez_objects::unreliable::Faults;
use ez_objects::{Body, ETag, Error, ObjectInfo, ObjectStore, Precondition, PutOptions};
use ez_origin::{Playlists, Stopped, Tail, end_channel};
use tokio::time::Instant;

use super::feeder::Process;
use super::judge::judge;
use super::stage::Stage;

fn refusing() -> Faults {
    Faults { refuse: 1000, ..Faults::default() }
}

fn assert_refused(stopped: &Stopped, began: Instant) {
    let Stopped::Failed(failure) = stopped else { panic!("{stopped:?}") };
    assert_eq!((failure.fault, failure.retryable), (Fault::Destination, false), "{failure:?}");
    assert!(failure.reason.contains("credentials"), "{}", failure.reason);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_the_take_over_ends_the_run() {
    let stage = Stage::new(40);
    stage.store.set(refusing());
    let began = Instant::now();
    assert_refused(&Process::start(&stage, 1).stopped().await, began);
    let began = Instant::now();
    assert_refused(&end_channel(&stage.settings(1), &(stage.store.clone() as _)).await.unwrap_err(), began);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_uploads_and_manifests_ends_the_run() {
    let stage = Stage::new(41);
    let mut process = Process::start(&stage, 1);
    process.begin(1, 0).await;
    process.slots(1, 0..2).await;
    process.until("two slots", |progress| progress.committed == 2).await;
    stage.store.set(refusing());
    let began = Instant::now();
    process.slots(1, 2..4).await;
    assert_refused(&process.stopped().await, began);
    stage.store.heal();
    judge(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_end_ends_the_run() {
    let stage = Stage::new(42);
    let mut process = Process::start(&stage, 1);
    process.begin(1, 0).await;
    process.slots(1, 0..2).await;
    process.until("two slots", |progress| progress.committed == 2).await;
    stage.store.set(refusing());
    let began = Instant::now();
    // Only manifests are left to be written.
    process.end(1, Tail::Keep).await;
    assert_refused(&process.stopped().await, began);
}

/// Permissions take a moment to spread.
#[tokio::test(start_paused = true)]
async fn two_refusals_are_not_believed() {
    for seed in 0..20 {
        let stage = Stage::new(43 + seed);
        let process = Process::start(&stage, 1);
        process.begin(1, 0).await;
        process.slots(1, 0..2).await;
        process.until("two slots", |progress| progress.committed == 2).await;
        // One in fifty: three in a row at one object would be bad luck.
        stage.store.set(Faults { refuse: 20, ..Faults::default() });
        process.slots(1, 2..6).await;
        process.end(1, Tail::Keep).await;
        process.leave(Playlists::Rest).await;
        judge(&stage);
    }
}

/// Takes no notice of preconditions.
#[derive(Debug)]
struct Careless(MemoryStore);

#[async_trait]
impl ObjectStore for Careless {
    async fn put(&self, key: &str, body: &Body, options: &PutOptions) -> Result<ETag, Error> {
        self.0.put(key, body, &PutOptions { precondition: Precondition::None, ..options.clone() }).await
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectInfo)>, Error> {
        self.0.get(key).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        self.0.head(key).await
    }

    async fn delete_batch(&self, keys: &[String]) -> Result<(), Error> {
        self.0.delete_batch(keys).await
    }

    async fn list(&self, prefix: &str, continuation: Option<&str>) -> Result<Page, Error> {
        self.0.list(prefix, continuation).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_fence_is_not_used() {
    let stage = Stage::new(44);
    let process = Process::start(&stage, 1);
    process.begin(1, 0).await;
    process.slots(1, 0..2).await;
    process.end(1, Tail::Keep).await;
    process.leave(Playlists::Rest).await;
    let published = Body::Bytes(stage.text("timeline.json").unwrap().into());
    let store: Arc<dyn ObjectStore> = Arc::new(Careless(MemoryStore::new()));
    let end = async || end_channel(&stage.settings(2), &store).await;
    assert_eq!(end().await, Ok(false), "where nothing was published, nothing is written");
    store.put(&stage.key("timeline.json"), &published, &PutOptions::default()).await.unwrap();
    let Err(Stopped::Failed(failure)) = end().await else { panic!("it is used") };
    assert_eq!((failure.fault, failure.retryable), (Fault::Destination, false));
    assert!(failure.reason.contains("If-Match"), "{}", failure.reason);
}

/// Nobody has to guess why a channel does not begin.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_at_the_beginning_is_told() {
    let stage = Stage::new(45);
    stage.store.set(Faults { lose_request: 1000, ..Faults::default() });
    let process = Process::start(&stage, 1);
    process.until("the trouble", |progress| progress.trouble.is_some() && !progress.ready).await;
    stage.store.heal();
    process.until("its end", |progress| progress.ready && progress.trouble.is_none()).await;
    process.leave(Playlists::Rest).await;
}

/// The publisher waits for it, and the predecessor has probed the store.
#[tokio::test(start_paused = true)]
async fn a_process_that_takes_over_does_not_probe_the_store_again() {
    let stage = Stage::new(46);
    let asked = async |process: &Process<'_>, before: u64| {
        process.until("the bucket", |progress| progress.ready).await;
        stage.store.requests() - before
    };
    let process = Process::start(&stage, 1);
    let first = asked(&process, 0).await;
    process.begin(1, 0).await;
    process.slots(1, 0..2).await;
    process.until("two slots", |progress| progress.committed == 2).await;
    drop(process);
    let before = stage.store.requests();
    let process = Process::start(&stage, 1);
    let second = asked(&process, before).await;
    assert!(second < first / 3, "{first} requests at first, then {second}");
    process.leave(Playlists::Rest).await;
    // A run of its own knows nothing of that store.
    let before = stage.store.requests();
    let process = Process::start(&stage, 2);
    assert!(asked(&process, before).await > first / 2);
    process.leave(Playlists::Rest).await;
}

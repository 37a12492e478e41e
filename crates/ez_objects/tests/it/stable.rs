//! The compare-and-swap cell, case by case.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ez_domain::id::Epoch;
use ez_objects::dice::Dice;
use ez_objects::memory::MemoryStore;
use ez_objects::retry::Policy;
use ez_objects::stable::{Mark, Outcome, Settings, StableObject};
use ez_objects::unreliable::{Faults, Unreliable};
use ez_objects::{Body, Cause, ObjectStore, PutOptions};

use crate::local::LocalS3;
use crate::sloppy::{Fault, Sloppy};

pub(crate) const KEY: &str = "output_1/video/playlist.m3u8";

pub(crate) fn settings(mark: Mark, conditional: bool) -> Settings {
    Settings {
        key: KEY.to_owned(),
        content_type: "application/vnd.apple.mpegurl".to_owned(),
        cache_control: "max-age=1".to_owned(),
        mark,
        conditional,
        policy: Policy::default(),
    }
}

fn cell(store: &Arc<impl ObjectStore + 'static>, seed: u64) -> StableObject {
    StableObject::new(
        Arc::clone(store) as Arc<dyn ObjectStore>,
        settings(Mark::HashComment, true),
        Dice::from_seed(seed),
    )
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn epoch(number: u64) -> Epoch {
    Epoch::new(number)
}

fn is_written(outcome: &Result<Outcome, ez_objects::Error>) -> bool {
    matches!(outcome, Ok(Outcome::Written(_)))
}

#[tokio::test]
async fn unchanged_content_costs_no_request() {
    let store = Arc::new(MemoryStore::new());
    let mut cell = cell(&store, 1);
    assert!(is_written(&cell.write(&text("a\n"), epoch(1)).await));
    assert_eq!(cell.write(&text("a\n"), epoch(1)).await.unwrap(), Outcome::Unchanged);
    assert!(is_written(&cell.write(&text("b\n"), epoch(1)).await));
    let history = store.history(KEY);
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].bytes, "b\n# epoch 1\n");
    assert_eq!(history[1].info.cache_control.as_deref(), Some("max-age=1"));
    assert_ne!(history[0].info.write_id, history[1].info.write_id, "every write has an id of its own");
}

async fn a_takeover_of_unchanged_content_fences_the_old_owner_on(store: Arc<impl ObjectStore + 'static>) {
    let (mut old, mut new) = (cell(&store, 1), cell(&store, 2));
    assert!(is_written(&old.write(&text("a\n"), epoch(1)).await));
    assert_eq!(new.read().await.unwrap().unwrap().bytes, "a\n# epoch 1\n");
    assert!(is_written(&new.write(&text("a\n"), epoch(2)).await));
    // The very first write of the zombie fails, and every later one.
    for content in ["a2\n", "a\n", "a3\n"] {
        let outcome = old.write(&text(content), epoch(1)).await;
        let outcome = match outcome {
            Ok(Outcome::Unchanged) => continue,
            other => other,
        };
        assert_eq!(outcome.unwrap(), Outcome::Fenced { seen: epoch(2) }, "{content}");
    }
    assert!(is_written(&new.write(&text("b\n"), epoch(2)).await));
    let (bytes, info) = store.get(KEY).await.unwrap().unwrap();
    assert_eq!((bytes, info.epoch), (text("b\n# epoch 2\n"), Some(epoch(2))));
}

#[tokio::test]
async fn a_takeover_of_unchanged_content_fences_the_old_owner() {
    a_takeover_of_unchanged_content_fences_the_old_owner_on(Arc::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_of_unchanged_content_fences_the_old_owner_on_s3() {
    let s3 = LocalS3::start().await;
    a_takeover_of_unchanged_content_fences_the_old_owner_on(Arc::new(s3.store().await)).await;
    s3.stop().await;
}

#[tokio::test]
async fn a_takeover_that_would_leave_the_tag_is_an_error() {
    let store = Arc::new(MemoryStore::new());
    let with_own_mark = |seed| {
        StableObject::new(
            Arc::clone(&store) as Arc<dyn ObjectStore>,
            settings(Mark::InContent, true),
            Dice::from_seed(seed),
        )
    };
    let (mut old, mut new) = (with_own_mark(1), with_own_mark(2));
    assert!(is_written(&old.write(&text("same"), epoch(1)).await));
    new.read().await.unwrap();
    let error = new.write(&text("same"), epoch(2)).await.unwrap_err();
    assert_eq!(error.cause, Cause::Other);
    assert!(error.to_string().contains("must carry its epoch"), "{error}");
    assert!(is_written(&new.write(&text("same, epoch 2"), epoch(2)).await));
}

#[tokio::test]
async fn the_last_write_of_the_predecessor_is_not_lost() {
    let store = Arc::new(MemoryStore::new());
    let (mut old, mut new) = (cell(&store, 1), cell(&store, 2));
    assert!(is_written(&old.write(&text("1\n"), epoch(1)).await));
    new.read().await.unwrap();
    assert!(is_written(&old.write(&text("1\n2\n"), epoch(1)).await));
    let outcome = new.write(&text("1\n"), epoch(2)).await.unwrap();
    let Outcome::Changed(Some(current)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(current.bytes, "1\n2\n# epoch 1\n");
    assert!(is_written(&new.write(&text("1\n2\n3\n"), epoch(2)).await));
    assert_eq!(old.write(&text("zombie\n"), epoch(1)).await.unwrap(), Outcome::Fenced { seen: epoch(2) });
}

#[tokio::test]
async fn nobody_writes_over_what_he_has_not_read() {
    let store = Arc::new(MemoryStore::new());
    let mut first = cell(&store, 1);
    assert!(is_written(&first.write(&text("1\n"), epoch(1)).await));
    // A restarted process of the same run sees its predecessor's content first ...
    let mut restarted = cell(&store, 2);
    let outcome = restarted.write(&text("2\n"), epoch(1)).await.unwrap();
    assert!(matches!(outcome, Outcome::Changed(Some(_))), "{outcome:?}");
    assert!(is_written(&restarted.write(&text("2\n"), epoch(1)).await));
    // ... and the process that it replaced is out, though the epoch is its own.
    assert_eq!(first.write(&text("3\n"), epoch(1)).await.unwrap(), Outcome::Fenced { seen: epoch(1) });
    // An object without any epoch (put there by hand) is shown as well.
    store.put(KEY, &Body::Bytes(text("by hand")), &PutOptions::default()).await.unwrap();
    let outcome = restarted.write(&text("4\n"), epoch(1)).await.unwrap();
    assert!(matches!(outcome, Outcome::Changed(Some(current)) if current.bytes == "by hand"));
}

#[tokio::test]
async fn an_object_that_is_gone_is_told_and_can_be_made_again() {
    let store = Arc::new(MemoryStore::new());
    let mut cell = cell(&store, 1);
    assert!(is_written(&cell.write(&text("1\n"), epoch(1)).await));
    store.delete_batch(&[KEY.to_owned()]).await.unwrap();
    assert_eq!(cell.write(&text("2\n"), epoch(1)).await.unwrap(), Outcome::Changed(None));
    assert!(is_written(&cell.write(&text("2\n"), epoch(1)).await));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_recognised_by_the_write_id() {
    let store = Arc::new(Unreliable::new(MemoryStore::new(), Faults::default(), Dice::from_seed(1)));
    let mut cell = cell(&store, 1);
    assert!(is_written(&cell.write(&text("1\n"), epoch(1)).await));
    store.set(Faults { lose_answer: 700, ..Faults::default() });
    for number in 2..40 {
        assert!(is_written(&cell.write(&text(&format!("{number}\n")), epoch(1)).await));
    }
    assert_eq!(store.inner().history(KEY).len(), 39, "no write happened twice");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_given_up_and_lands_late_is_recognised_as_ours() {
    let store = Arc::new(Unreliable::new(MemoryStore::new(), Faults::default(), Dice::from_seed(1)));
    let mut settings = settings(Mark::HashComment, true);
    settings.policy.give_up_after = Some(Duration::from_secs(5));
    let mut cell =
        StableObject::new(Arc::clone(&store) as Arc<dyn ObjectStore>, settings, Dice::from_seed(1));
    assert!(is_written(&cell.write(&text("1\n"), epoch(1)).await));
    store.set(Faults { delay_write: 1000, hold: true, ..Faults::default() });
    assert!(cell.write(&text("2\n"), epoch(1)).await.unwrap_err().is_ambiguous());
    store.set(Faults { hold: true, ..Faults::default() });
    // The next write reads what is there, then the late one slips in before it.
    cell.read().await.unwrap();
    store.deliver_all().await;
    assert!(is_written(&cell.write(&text("3\n"), epoch(1)).await));
    let written: Vec<_> = store.inner().history(KEY).into_iter().map(|version| version.bytes).collect();
    assert_eq!(written, ["1\n# epoch 1\n", "2\n# epoch 1\n", "3\n# epoch 1\n"]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_cancelled_leaves_no_false_belief() {
    let slow = Faults { longest_delay: Duration::from_secs(4), ..Faults::default() };
    let store = Arc::new(Unreliable::new(MemoryStore::new(), slow, Dice::from_seed(1)));
    let mut cell = cell(&store, 1);
    for number in 0..50 {
        let content = text(&format!("{number}\n"));
        let write = cell.write(&content, epoch(1));
        if let Ok(outcome) = tokio::time::timeout(Duration::from_secs(3), write).await {
            assert!(is_written(&outcome));
        }
    }
    assert!(is_written(&cell.write(&text("end\n"), epoch(1)).await));
    assert_eq!(store.inner().history(KEY).last().unwrap().bytes, "end\n# epoch 1\n");
}

#[tokio::test(start_paused = true)]
async fn going_back_after_a_cancelled_write_is_no_unchanged_content() {
    let store = Arc::new(Unreliable::new(MemoryStore::new(), Faults::default(), Dice::from_seed(1)));
    let mut cell = cell(&store, 1);
    assert!(is_written(&cell.write(&text("a\n"), epoch(1)).await));
    store.set(Faults { lose_answer: 1000, ..Faults::default() });
    let content = text("b\n");
    let cancelled = tokio::time::timeout(Duration::from_secs(3), cell.write(&content, epoch(1))).await;
    assert!(cancelled.is_err());
    store.heal();
    assert!(is_written(&cell.write(&text("a\n"), epoch(1)).await));
    assert_eq!(store.inner().history(KEY).last().unwrap().bytes, "a\n# epoch 1\n");
}

#[tokio::test]
async fn without_conditional_writes_the_epoch_is_looked_at() {
    let store = Arc::new(MemoryStore::new());
    let without = |seed| {
        StableObject::new(
            Arc::clone(&store) as Arc<dyn ObjectStore>,
            settings(Mark::HashComment, false),
            Dice::from_seed(seed),
        )
    };
    let (mut old, mut new) = (without(1), without(2));
    assert!(is_written(&old.write(&text("1\n"), epoch(1)).await));
    assert!(is_written(&old.write(&text("2\n"), epoch(1)).await));
    assert!(is_written(&new.update(epoch(2), |_| text("3\n")).await));
    assert_eq!(old.write(&text("4\n"), epoch(1)).await.unwrap(), Outcome::Fenced { seen: epoch(2) });
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_its_own_tag_is_not_tried_for_ever() {
    for (fault, cause) in
        [(Fault::RefusesConditions, Cause::Unsupported), (Fault::MatchesNever, Cause::PreconditionFailed)]
    {
        let store = Arc::new(Sloppy::new(fault));
        store.inner.put(KEY, &Body::Bytes(text("0")), &PutOptions::default()).await.unwrap();
        let mut cell = cell(&store, 1);
        let error = cell.update(epoch(1), |_| text("1\n")).await.unwrap_err();
        assert_eq!(error.cause, cause, "{fault:?}");
    }
}

//! Segments arrive exactly once, whatever happens to requests and answers.

use std::time::Duration;

use bytes::Bytes;
use ez_domain::id::Epoch;
use ez_objects::dice::Dice;
use ez_objects::immutable::{Immutable, Stored, put_immutable};
use ez_objects::memory::MemoryStore;
use ez_objects::retry::Policy;
use ez_objects::unreliable::{Faults, Unreliable};
use ez_objects::{Body, Cause, ObjectStore};
use proptest::prelude::*;

const KEY: &str = "output_1/3-0/video/100.m4s";

fn segment(epoch: u64) -> Immutable {
    Immutable {
        content_type: "video/mp4".to_owned(),
        cache_control: "public, max-age=31536000, immutable".to_owned(),
        epoch: Epoch::new(epoch),
        conditional: true,
    }
}

fn body(text: &'static str) -> Body {
    Body::Bytes(Bytes::from_static(text.as_bytes()))
}

async fn put(store: &dyn ObjectStore, text: &'static str, epoch: u64) -> Result<Stored, ez_objects::Error> {
    put_immutable(store, KEY, &body(text), &segment(epoch), &Policy::default(), &mut Dice::from_seed(5)).await
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_an_own_success() {
    // Every answer is lost: the write is only known by the look at the store.
    let faults = Faults { lose_answer: 1000, ..Faults::default() };
    let store = Unreliable::new(MemoryStore::new(), faults, Dice::from_seed(1));
    let heal = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        store.heal();
    };
    let (stored, ()) = tokio::join!(put(&store, "segment", 3), heal);
    assert!(matches!(stored.unwrap(), Stored::Written(_)));
    assert_eq!(store.inner().history(KEY).len(), 1);
}

#[tokio::test]
async fn what_is_there_already_is_told_from_a_collision() {
    let store = MemoryStore::new();
    assert!(matches!(put(&store, "segment", 3).await.unwrap(), Stored::Written(_)));
    // The process was restarted and finds its segment: another writer, same epoch, same size.
    let mut restarted = Dice::from_seed(6);
    let again =
        put_immutable(&store, KEY, &body("segment"), &segment(3), &Policy::default(), &mut restarted).await;
    assert!(matches!(again.unwrap(), Stored::AlreadyThere(info) if info.size == 7));
    for (text, epoch) in [("a longer segment", 3), ("segment", 4)] {
        let mut other = Dice::from_seed(7);
        let collision =
            put_immutable(&store, KEY, &body(text), &segment(epoch), &Policy::default(), &mut other).await;
        assert_eq!(collision.unwrap_err().cause, Cause::PreconditionFailed, "{text} {epoch}");
    }
    assert_eq!(store.history(KEY).len(), 1);
}

#[tokio::test]
async fn a_missing_file_is_told_at_once() {
    let body = Body::File("/nowhere/100.m4s".into());
    let store = MemoryStore::new();
    let answer =
        put_immutable(&store, KEY, &body, &segment(3), &Policy::default(), &mut Dice::from_seed(1)).await;
    let error = answer.unwrap_err();
    assert_eq!(error.cause, Cause::File);
    assert!(error.to_string().contains("/nowhere/100.m4s"), "{error}");
}

proptest! {
    #[test]
    fn each_segment_is_written_once_through_any_faults(
        seed: u64,
        (throttle, lose_request, lose_answer, delay_write) in (0u16..400, 0u16..400, 0u16..400, 0u16..400),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let faults = Faults {
                fail_first: 1, throttle, lose_request, lose_answer, delay_write,
                longest_delay: Duration::from_secs(2),
                hold: false,
                refuse: 0,
            };
            let store = Unreliable::new(MemoryStore::new(), faults, Dice::from_seed(seed));
            let mut dice = Dice::from_seed(!seed);
            for number in 0..5u8 {
                let (key, bytes) = (format!("k{number}"), Bytes::from(vec![number; 10]));
                let stored =
                    put_immutable(&store, &key, &Body::Bytes(bytes), &segment(3), &Policy::default(), &mut dice).await;
                prop_assert!(matches!(stored, Ok(Stored::Written(_))), "{stored:?}");
            }
            store.heal();
            store.deliver_all().await;
            for number in 0..5u8 {
                let history = store.inner().history(&format!("k{number}"));
                prop_assert_eq!(history.len(), 1);
                prop_assert_eq!(&history[0].bytes[..], &[number; 10][..]);
            }
            Ok(())
        })?;
    }
}

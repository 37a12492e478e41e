//! The probe tells stores that can carry the fence from those that cannot.

use std::time::Duration;

use ez_objects::dice::Dice;
use ez_objects::fence::{Fence, probe};
use ez_objects::memory::MemoryStore;
use ez_objects::retry::Policy;
use ez_objects::unreliable::{Faults, Unreliable};
use ez_objects::{Cause, ObjectStore};

use crate::local::LocalS3;
use crate::sloppy::{Fault, Sloppy};

async fn probed(store: &dyn ObjectStore) -> Result<Fence, ez_objects::Error> {
    let policy = Policy { give_up_after: Some(Duration::from_secs(30)), ..Policy::default() };
    probe(store, "probe/", &policy, &mut Dice::from_seed(1)).await
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

//! A channel without a run is ended.

use std::sync::Arc;
use std::time::Duration;

use ez_domain::id::Epoch;
use ez_objects::ObjectStore;
use ez_objects::dice::Dice;
use ez_objects::unreliable::Faults;
use ez_origin::{Playlists, Settings, Stopped, Tail, end_channel};
use tokio::task::JoinSet;

use super::feeder::Process;
use super::judge::{every, judge};
use super::media::RENDITIONS;
use super::stage::Stage;
use super::unreliable::bad;

async fn end(stage: &Stage, epoch: u64) -> Result<bool, Stopped> {
    let store = Arc::clone(&stage.store) as Arc<dyn ObjectStore>;
    end_channel(&stage.settings(epoch), &store).await
}

/// A channel whose run of epoch 1 has gone and left its playlists resting.
async fn resting(seed: u64) -> Stage {
    let stage = Stage::new(seed);
    let process = Process::start(&stage, 1);
    process.begin(1, 0).await;
    process.slots(1, 0..3).await;
    process.end(1, Tail::Keep).await;
    process.leave(Playlists::Rest).await;
    stage
}

fn assert_ended(stage: &Stage) {
    for name in RENDITIONS {
        let text = stage.playlist(name);
        assert!(text.contains("#EXT-X-ENDLIST\n"), "{name}: {text}");
    }
    assert!(stage.text("master.mpd").unwrap().contains("type=\"static\""));
    judge(stage).assert_exactly(stage, every("1-1", 0..3));
}

#[tokio::test(start_paused = true)]
async fn playlists_of_a_run_that_has_gone_are_ended_once_and_again() {
    let stage = resting(70).await;
    assert_eq!(end(&stage, 2).await, Ok(true));
    assert_ended(&stage);
    assert_eq!(end(&stage, 2).await, Ok(true), "harmless");
    assert_ended(&stage);
    assert_eq!(end(&stage, 1).await, Err(Stopped::Fenced(Epoch::new(2))), "a former owner");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_was_published_nothing_is_written() {
    let stage = Stage::new(71);
    assert_eq!(end(&stage, 1).await, Ok(false));
    assert_eq!(stage.text("timeline.json"), None);
    assert_eq!(stage.text("master.m3u8"), None);
}

/// One of them is gone in the middle: the other one finishes, and never takes the first for an owner.
#[tokio::test(start_paused = true)]
async fn several_at_once_agree_and_one_that_dies_is_made_up_for() {
    for seed in 0..30 {
        let stage = resting(7200 + seed).await;
        let mut dice = Dice::from_seed(seed);
        stage.store.set(if seed % 2 == 0 {
            bad()
        } else {
            Faults { longest_delay: Duration::from_millis(300), ..Faults::default() }
        });
        let mut enders = JoinSet::new();
        for life in [None, None, Some(Duration::from_millis(dice.below(2000)))] {
            let (settings, store) = (stage.settings(2), Arc::clone(&stage.store) as Arc<dyn ObjectStore>);
            let late = Duration::from_millis(dice.below(500));
            enders.spawn(async move {
                tokio::time::sleep(late).await;
                let end = end_channel(&settings, &store);
                match life {
                    Some(life) => tokio::time::timeout(life, end).await.unwrap_or(Ok(true)),
                    None => end.await,
                }
            });
        }
        while let Some(ended) = enders.join_next().await {
            assert_eq!(ended.unwrap(), Ok(true), "seed {seed}");
        }
        stage.store.heal();
        stage.store.deliver_all().await;
        assert_ended(&stage);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_wakes_up_afterwards_is_fenced_and_writes_nothing() {
    let stage = Stage::new(73);
    let mut zombie = Process::start(&stage, 1);
    zombie.begin(1, 0).await;
    zombie.slots(1, 0..3).await;
    zombie.until("three slots", |progress| progress.committed == 3).await;
    assert_eq!(end(&stage, 2).await, Ok(true));
    let ended = RENDITIONS.map(|name| stage.playlist(name));
    zombie.slots(1, 3..6).await;
    assert_eq!(zombie.stopped().await, Stopped::Fenced(Epoch::new(2)));
    assert_eq!(RENDITIONS.map(|name| stage.playlist(name)), ended);
    assert_ended(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_later_run_does_not_begin_under_an_older_epoch() {
    let stage = resting(74).await;
    assert_eq!(end(&stage, 3).await, Ok(true));
    let mut late = Process::start_with(&stage, Settings { epoch: Epoch::new(2), ..stage.settings(2) });
    assert_eq!(late.stopped().await, Stopped::Fenced(Epoch::new(3)));
    assert_ended(&stage);
}

//! Objects that no playlist names.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ez_objects::{Body, ObjectStore as _, PutOptions};
use ez_origin::{Playlists, Tail};

use super::feeder::Process;
use super::judge::{every, judge};
use super::media::{Media, RENDITIONS};
use super::stage::Stage;

/// A window of 10 s: what is behind it goes after at most another 24 s.
fn narrow(seed: u64) -> Stage {
    let mut stage = Stage::new(seed);
    Arc::make_mut(&mut stage.spec).window_seconds = 10;
    stage
}

async fn is_there(stage: &Stage, uri: &str) -> bool {
    stage.store.inner().head(&stage.key(uri)).await.unwrap().is_some()
}

fn segment(period: &str, rendition: &str, n: usize) -> String {
    format!("{period}/{rendition}/{}.m4s", Media::get().times(rendition)[n])
}

#[tokio::test(start_paused = true)]
async fn what_left_the_window_goes_after_its_time() {
    let stage = narrow(80);
    let process = Process::start(&stage, 1);
    process.begin(1, 0).await;
    for n in 0..12 {
        process.slots(1, n..n + 1).await;
        process.until("its slot", |progress| progress.committed == n as u64 + 1).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let playlist = stage.playlist("low");
        for listed in 0..=n {
            let uri = segment("1-1", "low", listed);
            assert!(!playlist.contains(&uri) || is_there(&stage, &uri).await, "{uri} is listed and gone");
        }
        // RFC 8216 6.2.2: the window and its own length more.
        let left = n.saturating_sub(6);
        assert!(is_there(&stage, &segment("1-1", "low", left)).await, "slot {left} is gone too early");
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    for name in RENDITIONS {
        assert!(!is_there(&stage, &segment("1-1", name, 0)).await, "{name}: its time is over");
        assert!(is_there(&stage, &segment("1-1", name, 11)).await, "{name}");
        assert!(is_there(&stage, &format!("1-1/{name}/init.mp4")).await, "{name}: still in use");
    }
    process.end(1, Tail::Keep).await;
    process.leave(Playlists::Rest).await;
    judge(&stage).assert_exactly(&stage, every("1-1", 0..12));
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_behind_goes_and_what_is_named_stays() {
    let stage = narrow(81);
    {
        let process = Process::start(&stage, 1);
        process.begin(1, 0).await;
        process.slots(1, 0..12).await;
        process.until("all slots", |progress| progress.committed == 12).await;
        // Gone before anything was deleted; some of what has left the window is still there.
    }
    let strange = ["1-1/low/77.m4s", "1-7/high/0.m4s", "1-7/high/init.mp4"];
    let newer = "3-1/low/0.m4s";
    let foreign = "thumbnails/1.jpg";
    for uri in strange.iter().chain([&newer, &foreign]) {
        let body = Body::from(Bytes::from_static(b"media"));
        stage.store.inner().put(&stage.key(uri), &body, &PutOptions::default()).await.unwrap();
    }
    let expired = segment("1-1", "low", 0);
    assert!(is_there(&stage, &expired).await);
    let process = Process::start(&stage, 2);
    process.until("the take-over", |progress| progress.ready).await;
    process.begin(1, 26_000).await;
    process.slots(1, 0..1).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(is_there(&stage, &expired).await && is_there(&stage, strange[0]).await, "a player may have it");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(!is_there(&stage, &expired).await, "nobody can have it any more");
    for uri in strange {
        assert!(!is_there(&stage, uri).await, "{uri}");
    }
    assert!(is_there(&stage, newer).await && is_there(&stage, foreign).await, "not ours to delete");
    let playlist = stage.playlist("low");
    for n in (0..12).filter(|n| playlist.contains(&segment("1-1", "low", *n))) {
        assert!(is_there(&stage, &segment("1-1", "low", n)).await, "{n} is listed");
    }
    assert!(is_there(&stage, &segment("2-1", "low", 0)).await);
    assert!(is_there(&stage, "timeline.json").await);
    process.end(1, Tail::Keep).await;
    process.leave(Playlists::Rest).await;
    judge(&stage);
}

/// Deleting is not tried for ever, but a store that was away gets another chance.
#[tokio::test(start_paused = true)]
async fn what_could_not_be_deleted_in_an_outage_goes_later() {
    let stage = narrow(82);
    let process = Process::start(&stage, 1);
    process.begin(1, 0).await;
    process.slots(1, 0..12).await;
    process.until("all slots", |progress| progress.committed == 12).await;
    let lost = ez_objects::unreliable::Faults { lose_request: 1000, ..Default::default() };
    stage.store.set(lost);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(is_there(&stage, &segment("1-1", "low", 0)).await);
    stage.store.heal();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(!is_there(&stage, &segment("1-1", "low", 0)).await);
    process.end(1, Tail::Keep).await;
    process.leave(Playlists::Rest).await;
}

//! A bucket that is away.

use std::time::Duration;

use ez_domain::fault::Fault;
use ez_objects::unreliable::Faults;
use ez_origin::{Playlists, Tail};
use ez_service::latest::Latest as _;

use super::feeder::Process;
use super::judge::{every, judge};
use super::media::Media;
use super::stage::Stage;

fn away() -> Faults {
    Faults { lose_request: 1000, ..Faults::default() }
}

#[tokio::test(start_paused = true)]
async fn an_outage_over_two_periods_loses_nothing() {
    let stage = Stage::new(20);
    let process = Process::start(&stage, 1);
    process.until("the take-over", |progress| progress.ready).await;
    stage.store.set(away());
    process.begin(1, 0).await;
    process.slots(1, 0..6).await;
    // ffmpeg dies while `low` is a segment ahead: that media is encoded again in the next period.
    process.close(1, "low", 6).await;
    let length = process.end(1, Tail::Redo).await;
    assert!((11_900..=12_100).contains(&length.as_millis()), "{length:?}");
    process.begin(2, 12_000).await;
    process.slots(2, 0..6).await;
    assert!((11_900..=12_100).contains(&process.end(2, Tail::Keep).await.as_millis()));

    let troubled = process.until("the trouble", |progress| progress.trouble.is_some()).await;
    let trouble = troubled.trouble.unwrap();
    assert_eq!((trouble.fault, trouble.retryable), (Fault::Destination, true));
    assert_eq!((troubled.committed, troubled.backlog), (0, 36), "all of it waits");
    // It waits on disk: nothing but names and times is held.
    let folders = stage.spooled(1);
    assert_eq!(folders, ["00000001", "00000002", "last"]);
    let media = Media::get();
    for (folder, rendition) in
        folders.iter().take(2).flat_map(|folder| ["low", "high", "sound"].map(|name| (folder, name)))
    {
        for n in 0..6 {
            let time = media.times(rendition)[n];
            let path = stage.spool(1).join(folder).join(rendition).join(format!("{time}.m4s"));
            assert_eq!(std::fs::read(&path).unwrap(), media.segment(rendition, time), "{}", path.display());
        }
    }
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(process.is_running(), "an outage ends no channel");

    stage.store.heal();
    let healed = process.until("the end of the trouble", |progress| progress.trouble.is_none()).await;
    assert!(healed.store_failures > 0);
    process.until("all slots", |progress| progress.committed == 12).await;
    process.leave(Playlists::Rest).await;
    let named = judge(&stage);
    named.assert_exactly(&stage, every("1-1", 0..6).into_iter().chain(every("1-2", 0..6)));
    assert_eq!(stage.spooled(1), ["last"]);
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_is_cut_on_its_way_harms_nobody() {
    for seed in 0..10 {
        let stage = Stage::new(21 + seed);
        let process = Process::start(&stage, 1);
        process.begin(1, 0).await;
        process.slots(1, 0..2).await;
        process.until("two slots", |progress| progress.committed == 2).await;
        stage.store.set(away());
        process.close(1, "low", 2).await;
        // Its upload has failed at least once: it is on its way.
        process.until("a failed upload", |progress| progress.store_failures > 0).await;
        process.end(1, Tail::Redo).await;
        process.begin(2, 4000).await;
        process.slots(2, 0..2).await;
        tokio::time::sleep(Duration::from_millis(700 * seed)).await;
        stage.store.heal();
        process.until("four slots", |progress| progress.committed == 4).await;
        process.end(2, Tail::Keep).await;
        process.leave(Playlists::Rest).await;
        let named = judge(&stage);
        named.assert_exactly(&stage, every("1-1", 0..2).into_iter().chain(every("1-2", 0..2)));
        assert_eq!(stage.spooled(1), ["last"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_begins_in_an_outage_waits_for_its_end() {
    let stage = Stage::new(22);
    stage.store.set(away());
    let process = Process::start(&stage, 1);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(process.is_running() && !process.progress.latest().ready);
    stage.store.heal();
    process.until("the take-over", |progress| progress.ready).await;
    process.begin(1, 0).await;
    process.slots(1, 0..2).await;
    process.end(1, Tail::Keep).await;
    process.leave(Playlists::End).await;
    judge(&stage).assert_exactly(&stage, every("1-1", 0..2));
}

/// What was to be shown is shown, though the state that follows it has nothing new for players.
#[tokio::test(start_paused = true)]
async fn the_last_slots_of_a_period_are_shown_before_the_next_has_media() {
    let stage = Stage::new(23);
    let process = Process::start(&stage, 1);
    process.begin(1, 0).await;
    process.slots(1, 0..2).await;
    process.until("two slots", |progress| progress.committed == 2).await;
    for n in 2..12 {
        // Slow enough that states are passed over.
        stage.store.set(Faults { longest_delay: Duration::from_millis(900), ..Faults::default() });
        let local = u32::try_from(n).unwrap() - 1;
        process.slots(local, 2..4).await;
        process.end(local, Tail::Keep).await;
        process.begin(local + 1, 8000 * i64::from(local)).await;
        process.slots(local + 1, 0..2).await;
        process.until("its slots", |progress| progress.committed == u64::from(local) * 4 + 2).await;
        process.close(local + 1, "low", 2).await;
        process.close(local + 1, "low", 3).await;
    }
    process.end(11, Tail::Redo).await;
    process.begin(12, 88_000).await;
    stage.store.heal();
    // Nothing of period 12 comes, and all of the others is to be seen.
    process.until("everything", |progress| progress.committed == 42 && progress.backlog == 0).await;
    process.taken().await;
    let named = judge(&stage);
    assert!(named.has(&format!("1-11/low/{}.m4s", Media::get().times("low")[1])), "{}", named.last["low"]);
    process.end(12, Tail::Keep).await;
    process.leave(Playlists::Rest).await;
}

//! A bucket that works.

use ez_manifest::watch::MediaPlaylist;
use ez_objects::unreliable::Faults;
use ez_origin::{Playlists, Tail};
use ez_testkit::wait::eventually;

use super::feeder::{LONG, Process};
use super::judge::{every, judge};
use super::media::{Media, SLOTS};
use super::stage::Stage;

#[tokio::test(start_paused = true)]
async fn segments_become_playlists_and_leave_the_disk() {
    let stage = Stage::new(1);
    let process = Process::start(&stage, 1);
    process.until("the take-over", |progress| progress.ready).await;
    process.begin(1, 0).await;
    process.slots(1, 0..3).await;
    process.until("three slots", |progress| progress.committed == 3).await;
    assert!(!stage.playlist("low").contains("#EXT-X-ENDLIST"), "a live playlist has no end");
    process.slots(1, 3..SLOTS).await;
    let progress = process.until("all slots", |progress| progress.committed == SLOTS as u64).await;
    assert_eq!((progress.newest_period, progress.backlog, progress.given_up), (1, 0, 0));
    assert_eq!(progress.unfinished, None);
    let (length, trailing) = (process.end(1, Tail::Keep).await, Media::get().times("sound").len() > SLOTS);
    assert!((39_900..=40_100).contains(&length.as_millis()), "{length:?}, trailing: {trailing}");
    process.leave(Playlists::End).await;

    let named = judge(&stage);
    named.assert_exactly(&stage, every("1-1", 0..SLOTS));
    assert!(named.last.values().all(|text| text.contains("#EXT-X-ENDLIST\n")));
    assert!(stage.text("master.mpd").unwrap().contains("type=\"static\""));
    assert_eq!(stage.spooled(1), ["last"]);
    let variants = stage.text("master.m3u8").unwrap();
    let (low, high) = (variants.find("low/playlist.m3u8"), variants.find("high/playlist.m3u8"));
    assert!(low.is_some() && low < high, "the order of the ladder: {variants}");
}

#[tokio::test(start_paused = true)]
async fn the_next_epoch_goes_on_where_playlists_rest() {
    let stage = Stage::new(2);
    for (epoch, offset) in [(1, 0), (2, 10_000)] {
        let process = Process::start(&stage, epoch);
        process.until("the take-over", |progress| progress.ready).await;
        process.begin(1, offset).await;
        process.slots(1, 0..4).await;
        process.end(1, Tail::Keep).await;
        process.leave(Playlists::Rest).await;
        assert!(!stage.playlist("low").contains("#EXT-X-ENDLIST"));
        assert!(stage.text("master.mpd").unwrap().contains("type=\"dynamic\""));
        assert_eq!(stage.spooled(epoch), ["last"]);
    }
    let named = judge(&stage);
    named.assert_exactly(&stage, every("1-1", 0..4).into_iter().chain(every("2-1", 0..4)));
    for text in named.last.values() {
        let playlist = MediaPlaylist::parse(text).unwrap();
        assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
        // The hole of 2 s between both is a GAP in each rendition.
        let gaps = playlist.segments.iter().filter(|segment| segment.is_gap).count();
        assert_eq!((playlist.media_sequence, gaps, playlist.segments.len()), (0, 1, 9), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ended_channel_is_resumed_by_the_next_epoch() {
    let stage = Stage::new(3);
    for epoch in [1, 2] {
        let process = Process::start(&stage, epoch);
        process.until("the take-over", |progress| progress.ready).await;
        process.begin(1, 60_000 * i64::try_from(epoch).unwrap()).await;
        process.slots(1, 0..3).await;
        process.end(1, Tail::Keep).await;
        process.leave(Playlists::End).await;
        assert!(stage.playlist("sound").contains("#EXT-X-ENDLIST\n"));
    }
    let named = judge(&stage);
    named.assert_exactly(&stage, every("1-1", 0..3).into_iter().chain(every("2-1", 0..3)));
    let last = MediaPlaylist::parse(&named.last["high"]).unwrap();
    assert!(last.media_sequence >= 3 && last.segments.len() == 3, "{}", named.last["high"]);
}

#[tokio::test(start_paused = true)]
async fn sound_that_ends_later_than_the_picture_is_kept_without_a_hole() {
    let stage = Stage::new(4);
    let process = Process::start(&stage, 1);
    process.begin(1, 0).await;
    process.slots(1, 0..2).await;
    process.close(1, "sound", 2).await;
    process.end(1, Tail::Keep).await;
    process.leave(Playlists::Rest).await;
    let named = judge(&stage);
    let trailing = ("1-1".to_owned(), "sound".to_owned(), 2);
    named.assert_exactly(&stage, every("1-1", 0..2).into_iter().chain([trailing]));
    assert!(!named.last["low"].contains("#EXT-X-GAP"), "{}", named.last["low"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_publisher_sends_is_described_by_each_run_anew() {
    let stage = Stage::new(5);
    for epoch in [1, 2] {
        let process = Process::start(&stage, epoch);
        assert!(!process.until("the take-over", |progress| progress.ready).await.input_info_stored);
        process.describe(&format!(r#"{{"epoch":{epoch},"streams":[]}}"#)).await;
        process.until("the description", |progress| progress.input_info_stored).await;
        let text = stage.text("input_info.json").unwrap();
        assert_eq!(text, format!(r#"{{"epoch":{epoch},"streams":[]}}"#));
        process.describe(&format!(r#"{{"epoch":{epoch},"streams":[1]}}"#)).await;
        let changed = || async {
            let text = stage.text("input_info.json").unwrap();
            if text.contains("[1]") { Ok(()) } else { Err(text) }
        };
        eventually(LONG, "another contribution", changed).await.unwrap();
        process.leave(Playlists::Rest).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_description_that_fails_is_tried_again_and_ends_no_run() {
    let stage = Stage::new(6);
    let process = Process::start(&stage, 1);
    process.until("the take-over", |progress| progress.ready).await;
    stage.store.set(Faults { refuse: 1000, ..Faults::default() });
    process.describe(r#"{"epoch":1}"#).await;
    process.until("refusals", |progress| progress.store_failures >= 3).await;
    assert!(process.is_running() && stage.text("input_info.json").is_none());
    stage.store.set(Faults::default());
    process.until("the description", |progress| progress.input_info_stored).await;
    process.leave(Playlists::Rest).await;
}

//! A channel that goes on with another specification.

use ez_domain::spec::JobSpec;
use ez_domain::units::Bitrate;
use ez_manifest::watch::MediaPlaylist;
use ez_origin::{Playlists, Tail, end_channel};

use super::feeder::Process;
use super::judge::{every, judge};
use super::stage::Stage;

/// A run that publishes three slots.
async fn run(stage: &Stage, epoch: u64, playlists: Playlists) {
    let process = Process::start(stage, epoch);
    process.until("the take-over", |progress| progress.ready).await;
    process.begin(1, 60_000 * i64::try_from(epoch).unwrap()).await;
    process.slots(1, 0..3).await;
    process.end(1, Tail::Keep).await;
    process.leave(playlists).await;
}

/// One rung less, with another peak: manifests say something else of both.
fn smaller(spec: &mut JobSpec) {
    spec.video.truncate(1);
    spec.video[0].max_bitrate = Bitrate::from_kbps(2000);
}

fn assert_new_ladder(stage: &Stage, epoch: u64) {
    let multivariant = stage.text("master.m3u8").unwrap();
    assert!(multivariant.contains("BANDWIDTH=2") && !multivariant.contains("high/"), "{multivariant}");
    let mpd = stage.text("master.mpd").unwrap();
    assert!(mpd.contains("low") && !mpd.contains("high"), "{mpd}");
    for name in ["low", "sound"] {
        let text = stage.playlist(name);
        let playlist = MediaPlaylist::parse(&text).unwrap();
        assert!(playlist.media_sequence >= 3 && playlist.segments.len() == 3, "{text}");
        assert!(!text.contains("../1-1/"), "old periods have left: {text}");
        assert!(text.contains(&format!("../{epoch}-1/{name}/init.mp4")), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_channel_plays_its_new_ladder_and_back() {
    let mut stage = Stage::new(80);
    let whole = (*stage.spec).clone();
    run(&stage, 1, Playlists::End).await;
    stage.replace(smaller);
    run(&stage, 2, Playlists::End).await;
    judge(&stage);
    assert_new_ladder(&stage, 2);
    assert!(stage.playlist("high").contains("#EXT-X-ENDLIST\n"), "nobody waits for the rung that is gone");

    stage.replace(|spec| *spec = whole);
    run(&stage, 3, Playlists::End).await;
    let named = judge(&stage);
    let of = |period: &str, names: &[&str]| -> Vec<_> {
        every(period, 0..3).into_iter().filter(|(_, name, _)| names.contains(&name.as_str())).collect()
    };
    let all = ["low", "high", "sound"];
    let expected = [of("1-1", &all), of("2-1", &["low", "sound"]), of("3-1", &all)].concat();
    named.assert_exactly(&stage, expected);
    let sequences: Vec<u64> =
        all.map(|name| MediaPlaylist::parse(&named.last[name]).unwrap().media_sequence).to_vec();
    assert!(sequences.iter().all(|sequence| *sequence == sequences[0]), "{sequences:?}");
    assert!(stage.text("master.m3u8").unwrap().contains("high/playlist.m3u8"));
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_run_left_open_ends_before_the_new_ladder_begins() {
    let mut stage = Stage::new(81);
    run(&stage, 1, Playlists::Rest).await;
    assert!(!stage.playlist("high").contains("#EXT-X-ENDLIST"), "negative control");
    stage.replace(smaller);
    let process = Process::start(&stage, 2);
    let progress = process.until("the take-over", |progress| progress.ready).await;
    assert_eq!(progress.frame_rate, None, "the next contribution decides anew");
    for name in ["low", "high", "sound"] {
        assert!(stage.playlist(name).contains("#EXT-X-ENDLIST\n"), "{name}: {}", stage.playlist(name));
    }
    drop(process);
    run(&stage, 3, Playlists::End).await;
    judge(&stage);
    assert_new_ladder(&stage, 3);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_stopped_before_its_new_ladder_began_is_ended_whole() {
    let mut stage = Stage::new(82);
    run(&stage, 1, Playlists::Rest).await;
    stage.replace(smaller);
    let store = std::sync::Arc::clone(&stage.store) as _;
    assert_eq!(end_channel(&stage.settings(2), &store).await, Ok(true));
    for name in ["low", "high", "sound"] {
        assert!(stage.playlist(name).contains("#EXT-X-ENDLIST\n"), "{name}");
    }
}

/// The process dies between taking the channel over and its first media.
#[tokio::test(start_paused = true)]
async fn a_crash_in_between_changes_nothing() {
    let mut stage = Stage::new(83);
    run(&stage, 1, Playlists::Rest).await;
    stage.replace(smaller);
    for _ in 0..2 {
        let process = Process::start(&stage, 2);
        process.until("the take-over", |progress| progress.ready).await;
        drop(process);
    }
    run(&stage, 2, Playlists::End).await;
    judge(&stage);
    assert_new_ladder(&stage, 2);
}

#[tokio::test(start_paused = true)]
async fn longer_segments_and_a_wider_window_hold_from_the_resume_on() {
    let mut stage = Stage::new(84);
    run(&stage, 1, Playlists::End).await;
    stage.replace(|spec| {
        spec.segment_seconds = 3;
        spec.window_seconds = 900;
    });
    run(&stage, 2, Playlists::End).await;
    judge(&stage);
    let text = stage.playlist("low");
    assert!(text.contains("#EXT-X-TARGETDURATION:3\n"), "{text}");
    assert!(stage.text("master.mpd").is_some_and(|mpd| mpd.contains("static")));
    assert!(stage.text("timeline.json").is_some_and(|timeline| timeline.contains("\"window_s\":900")));
}

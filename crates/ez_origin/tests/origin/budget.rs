//! A disk that is too small for the outage.

use ez_manifest::watch::MediaPlaylist;
use ez_objects::unreliable::Faults;
use ez_origin::{Playlists, Settings, Tail};

use super::feeder::Process;
use super::judge::judge;
use super::media::{Media, RENDITIONS};
use super::stage::Stage;

const LAST: usize = 12;

fn bytes(rendition: &str, slots: std::ops::Range<usize>) -> u64 {
    let media = Media::get();
    slots.map(|n| media.segment(rendition, media.times(rendition)[n]).len() as u64).sum()
}

/// Two slots are published, then the store is away for ten, then a process publishes what is left.
async fn overflow(stage: &Stage, spool_bytes: u64, dies: bool) {
    let settings = || Settings { spool_bytes: Some(spool_bytes), ..stage.settings(1) };
    let process = Process::start_with(stage, settings());
    process.begin(1, 0).await;
    process.slots(1, 0..2).await;
    process.until("two slots", |progress| progress.committed == 2).await;
    stage.store.set(Faults { lose_request: 1000, ..Faults::default() });
    process.slots(1, 2..LAST).await;
    process.until("segments given up", |progress| progress.given_up > 0).await;
    process.taken().await;
    let process = if dies {
        drop(process);
        stage.store.heal();
        Process::start_with(stage, settings())
    } else {
        process.end(1, Tail::Keep).await;
        stage.store.heal();
        process
    };
    process.until("nothing to wait for", |progress| progress.ready && progress.backlog == 0).await;
    process.leave(Playlists::Rest).await;
    assert_eq!(stage.spooled(1), ["last"]);
}

/// Which segments of a rendition were published.
fn published(stage: &Stage, rendition: &str) -> Vec<bool> {
    let named = judge(stage);
    let times = Media::get().times(rendition).iter().take(LAST);
    times.map(|time| named.has(&format!("1-1/{rendition}/{time}.m4s"))).collect()
}

fn holes(published: &[bool]) -> usize {
    published.iter().filter(|is_there| !**is_there).count()
}

#[tokio::test(start_paused = true)]
async fn the_best_picture_goes_first_and_its_oldest_segments() {
    for dies in [false, true] {
        let stage = Stage::new(60);
        let room = bytes("low", 2..LAST) + bytes("sound", 2..LAST) + bytes("high", LAST - 3..LAST) + 1000;
        overflow(&stage, room, dies).await;
        assert_eq!(published(&stage, "low"), [true; LAST], "dies: {dies}");
        assert_eq!(published(&stage, "sound"), [true; LAST], "dies: {dies}");
        let high = published(&stage, "high");
        assert!((4..=7).contains(&holes(&high)), "{high:?}");
        assert!(high[..2].iter().chain(&high[LAST - 3..]).all(|is_there| *is_there), "{high:?}");
        for name in RENDITIONS {
            let playlist = MediaPlaylist::parse(&stage.playlist(name)).unwrap();
            assert_eq!(playlist.segments.len(), LAST, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn then_goes_the_next_one_and_sound_last() {
    for dies in [false, true] {
        let stage = Stage::new(61);
        overflow(&stage, bytes("sound", 2..LAST) + bytes("low", LAST - 3..LAST) + 1000, dies).await;
        assert_eq!(published(&stage, "sound"), [true; LAST], "dies: {dies}");
        let (low, high) = (published(&stage, "low"), published(&stage, "high"));
        assert!(holes(&high) >= holes(&low) && holes(&low) >= 4, "{low:?} {high:?}");
        assert!(low[LAST - 3..].iter().all(|is_there| *is_there), "{low:?}");
    }
}

//! The process dies at any moment, and another one takes over.

use std::sync::Mutex;
use std::time::Duration;

use ez_objects::dice::Dice;
use ez_objects::unreliable::Faults;
use ez_origin::{Playlists, Tail};
use ez_testkit::wait::eventually;

use super::feeder::{LONG, Process};
use super::judge::{every, judge};
use super::media::{Media, RENDITIONS};
use super::stage::Stage;
use super::unreliable::bad;

type Closed = Mutex<Vec<(String, String, usize)>>;

/// Lives for `life` of its own time and is gone in the middle of whatever it does.
fn live_for(life: Duration, process: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // Dropped at its end: tasks of the origin end with the runtime.
        drop(tokio::time::timeout(life, process).await);
    });
}

/// Lives to the end.
fn live(process: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LONG * 2, process).await.expect("it ends in time") });
}

fn faults(dice: &mut Dice) -> Faults {
    match dice.below(4) {
        0 => Faults::default(),
        1 => bad(),
        2 => Faults { lose_request: 1000, ..Faults::default() },
        _ => Faults { longest_delay: Duration::from_millis(900), ..Faults::default() },
    }
}

async fn feed_for_ever(stage: &Stage, closed: &Closed, dice: &mut Dice) {
    let process = Process::start(stage, 1);
    process.until("the take-over", |progress| progress.ready).await;
    process.begin(1, 0).await;
    eventually(LONG, "the record of the period", || async {
        if stage.spooled(1).len() == 2 { Ok(()) } else { Err("not yet") }
    })
    .await
    .unwrap();
    stage.store.set(faults(dice));
    for n in 0..15 {
        for name in RENDITIONS {
            closed.lock().unwrap().push(("1-1".to_owned(), name.to_owned(), n));
            process.close(1, name, n).await;
            tokio::time::sleep(Duration::from_millis(dice.below(300))).await;
        }
    }
    std::future::pending::<()>().await;
}

/// What packager had closed or begun when it died with the process, and nobody was told of.
fn leave_more(stage: &Stage, closed: &Closed, dice: &mut Dice) {
    for name in RENDITIONS {
        let mut closed = closed.lock().unwrap();
        let next = closed.iter().filter(|(_, rendition, _)| rendition == name).count();
        let time = |n: usize| Media::get().times(name)[n];
        let folder = stage.work_folder("1-1").join(name);
        let mut torn = next;
        if dice.hits(500) {
            closed.push(("1-1".to_owned(), name.to_owned(), next));
            std::fs::write(
                folder.join(format!("{}.m4s", time(next))),
                Media::get().segment(name, time(next)),
            )
            .unwrap();
            torn += 1;
        }
        if dice.hits(500) {
            let bytes = Media::get().segment(name, time(torn));
            let length = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
            std::fs::write(folder.join(format!("{}.m4s", time(torn))), &bytes[..length]).unwrap();
        }
    }
}

#[test]
fn whoever_takes_over_publishes_every_closed_segment_once() {
    let mut unfinished = 0;
    for seed in 0..24 {
        let stage = Stage::new(2000 + seed);
        let (mut dice, closed) = (Dice::from_seed(seed), Closed::default());
        let life = Duration::from_millis(100 + dice.below(8000));
        live_for(life, feed_for_ever(&stage, &closed, &mut dice));
        if stage.spooled(1).len() < 2 {
            // Died before there was a period.
            continue;
        }
        leave_more(&stage, &closed, &mut dice);
        let had_published = stage.spool(1).join("last/segment.m4s").exists();
        // Dies again while it recovers, some times.
        for _ in 0..dice.below(3) {
            stage.store.set(faults(&mut dice));
            live_for(Duration::from_millis(dice.below(3000)), async {
                let process = Process::start(&stage, 1);
                process.until("the take-over", |progress| progress.ready).await;
                std::future::pending::<()>().await;
            });
        }
        let was_published_whole = stage.spooled(1) == ["last"];
        stage.store.set(if seed % 3 == 0 { bad() } else { Faults::default() });
        live(async {
            let process = Process::start(&stage, 1);
            let ready = process.until("the take-over", |progress| progress.ready).await;
            if had_published && !was_published_whole {
                assert!(ready.unfinished.is_some(), "seed {seed}: the filler has nothing to show");
                unfinished += 1;
            }
            // The publisher is back.
            process.begin(2, 60_000).await;
            process.slots(2, 0..2).await;
            process.end(2, Tail::Keep).await;
            process.leave(Playlists::End).await;
            stage.store.heal();
            stage.store.deliver_all().await;
            let named = judge(&stage);
            let mut expected = closed.into_inner().unwrap();
            let second = if expected.is_empty() { "1-1" } else { "1-2" };
            expected.extend(every(second, 0..2));
            named.assert_exactly(&stage, expected);
            assert!(named.last["low"].contains("#EXT-X-ENDLIST"), "seed {seed}");
            assert_eq!(stage.spooled(1), ["last"], "seed {seed}");
        });
    }
    assert!(unfinished > 3, "most of them died in the middle: {unfinished}");
}

#[test]
fn another_worker_goes_on_without_the_disk() {
    for seed in 0..12 {
        let stage = Stage::new(3000 + seed);
        let (mut dice, closed) = (Dice::from_seed(seed), Closed::default());
        let life = Duration::from_millis(100 + dice.below(8000));
        live_for(life, feed_for_ever(&stage, &closed, &mut dice));
        stage.store.heal();
        live(async {
            let process = Process::start(&stage, 2);
            let ready = process.until("the take-over", |progress| progress.ready).await;
            assert_eq!(ready.unfinished, None);
            process.begin(1, 60_000).await;
            process.slots(1, 0..3).await;
            process.end(1, Tail::Keep).await;
            process.leave(Playlists::End).await;
            stage.store.deliver_all().await;
            let named = judge(&stage);
            for (_, rendition, n) in every("2-1", 0..3) {
                assert!(named.has(&format!("2-1/{rendition}/{}.m4s", Media::get().times(&rendition)[n])));
            }
            assert!(named.last["low"].contains("#EXT-X-ENDLIST"), "seed {seed}");
        });
    }
}

/// A write of the dead process that is still on its way neither lands nor stops its successor.
#[test]
fn a_write_that_was_on_its_way_at_the_crash_does_not_land() {
    let stage = Stage::new(4000);
    live_for(Duration::from_secs(60), async {
        let process = Process::start(&stage, 1);
        process.begin(1, 0).await;
        process.slots(1, 0..2).await;
        process.until("two slots", |progress| progress.committed == 2).await;
        process.end(1, Tail::Keep).await;
        process.until("its end", |progress| progress.backlog == 0).await;
        eventually(LONG, "an empty spool", || async {
            if stage.spooled(1) == ["last"] { Ok(()) } else { Err("not yet") }
        })
        .await
        .unwrap();
        stage.store.set(Faults { delay_write: 1000, hold: true, ..Faults::default() });
        process.begin(2, 10_000).await;
        process.until("a write that hangs", |progress| progress.store_failures > 0).await;
    });
    stage.store.heal();
    stage.store.set(Faults { hold: true, ..Faults::default() });
    live(async {
        let process = Process::start(&stage, 1);
        process.until("the take-over", |progress| progress.ready).await;
        let before = stage.store.inner().history(&stage.key("timeline.json")).len();
        stage.store.deliver_all().await;
        let after = stage.store.inner().history(&stage.key("timeline.json")).len();
        assert_eq!(before, after, "a write of the dead process landed");
        process.begin(3, 20_000).await;
        process.slots(3, 0..2).await;
        process.end(3, Tail::Keep).await;
        process.leave(Playlists::End).await;
        judge(&stage);
        assert_eq!(stage.spooled(1), ["last"]);
    });
    assert!(stage.playlist("low").contains("#EXT-X-ENDLIST"));
}

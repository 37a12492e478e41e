//! Several owners of one object, one after the other and at the same time, through any faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ez_domain::id::Epoch;
use ez_objects::ObjectStore;
use ez_objects::dice::Dice;
use ez_objects::memory::{MemoryStore, Version};
use ez_objects::stable::{Current, Mark, Outcome, StableObject};
use ez_objects::unreliable::{Faults, Unreliable};
use futures::future::join_all;
use proptest::prelude::*;

use crate::stable::{KEY, settings};

/// How an owner ended: what was acknowledged, and whether it was fenced off.
#[derive(Debug)]
struct Report {
    epoch: u64,
    acknowledged: Vec<String>,
    is_fenced: bool,
}

/// Appends line after line to what is there: the most that can get lost or doubled.
async fn own(store: Arc<dyn ObjectStore>, epoch: u64, lines: usize, start: Duration, seed: u64) -> Report {
    tokio::time::sleep(start).await;
    let mut cell = StableObject::new(store, settings(Mark::HashComment, true), Dice::from_seed(seed));
    let mut report = Report { epoch, acknowledged: Vec::new(), is_fenced: false };
    for number in 0..lines {
        let line = format!("{epoch}:{number}");
        let outcome = cell.update(Epoch::new(epoch), |current| append(current, &line)).await.unwrap();
        match outcome {
            Outcome::Written(_) => report.acknowledged.push(line),
            Outcome::Fenced { seen } => {
                assert!(seen.number() > epoch, "fenced by {seen} in epoch {epoch}");
                report.is_fenced = true;
                break;
            }
            other @ (Outcome::Unchanged | Outcome::Changed(_)) => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    report
}

fn append(current: Option<&Current>, line: &str) -> Bytes {
    let mut lines: Vec<String> = current.map(|current| lines(&current.bytes)).unwrap_or_default();
    lines.push(line.to_owned());
    Bytes::from(lines.join("\n") + "\n")
}

fn lines(bytes: &Bytes) -> Vec<String> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn judge(history: &[Version], reports: &[Report]) -> Result<(), String> {
    let mut before: Option<&Version> = None;
    let mut written = BTreeMap::<_, u32>::new();
    for version in history {
        *written.entry(version.info.write_id).or_default() += 1;
        if let Some(before) = before {
            if version.info.epoch < before.info.epoch {
                return Err(format!("epoch fell from {:?} to {:?}", before.info.epoch, version.info.epoch));
            }
            if !lines(&version.bytes).starts_with(&lines(&before.bytes)) {
                return Err(format!("lost update: {:?} after {:?}", version.bytes, before.bytes));
            }
        }
        before = Some(version);
    }
    if let Some((write_id, times)) = written.into_iter().find(|(_, times)| *times > 1) {
        return Err(format!("write {write_id:?} happened {times} times"));
    }
    let end = before.map(|version| lines(&version.bytes)).unwrap_or_default();
    for report in reports {
        for line in &report.acknowledged {
            let times = end.iter().filter(|present| *present == line).count();
            if times != 1 {
                return Err(format!("acknowledged line {line} is there {times} times: {end:?}"));
            }
        }
        if report.is_fenced
            && report.epoch == reports.iter().map(|report| report.epoch).max().unwrap_or_default()
        {
            return Err("the newest owner was fenced".to_owned());
        }
    }
    Ok(())
}

fn play(seed: u64, faults: Faults, starts: &[u16]) -> (Vec<Version>, Vec<Report>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(Unreliable::new(MemoryStore::new(), faults, Dice::from_seed(seed)));
        let owners = starts.iter().zip(1..).map(|(start, epoch)| {
            let store = Arc::clone(&store) as Arc<dyn ObjectStore>;
            own(store, epoch, 8, Duration::from_millis(u64::from(*start)), seed.wrapping_add(epoch))
        });
        let reports = join_all(owners).await;
        store.deliver_all().await;
        (store.inner().history(KEY), reports)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_epoch_falls_and_no_update_is_lost(
        seed: u64,
        (throttle, lose_request, lose_answer, delay_write) in (0u16..300, 0u16..300, 0u16..300, 0u16..300),
        longest_delay_ms in 1u64..3000,
        starts in proptest::collection::vec(0u16..8000, 1..4),
    ) {
        let faults = Faults {
            throttle, lose_request, lose_answer, delay_write,
            longest_delay: Duration::from_millis(longest_delay_ms),
            ..Faults::default()
        };
        let (history, reports) = play(seed, faults, &starts);
        if let Err(violation) = judge(&history, &reports) {
            prop_assert!(false, "{violation}");
        }
    }
}

#[test]
fn zombies_are_met_in_these_plays() {
    let faults = Faults {
        lose_answer: 200,
        delay_write: 200,
        longest_delay: Duration::from_millis(900),
        ..Faults::default()
    };
    let fenced = (0..40)
        .map(|seed| play(seed, faults, &[0, 1500, 3000]).1)
        .filter(|reports| reports.iter().any(|report| report.is_fenced))
        .count();
    assert!(fenced > 20, "only {fenced} of 40 plays had a zombie: the property proves nothing");
}

#[test]
fn the_judge_sees_what_unconditional_writes_do() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let violations = (0..20)
        .filter(|seed| {
            let (history, reports) = runtime.block_on(async {
                let sloppy = crate::sloppy::Sloppy::new(crate::sloppy::Fault::IgnoresConditions);
                let faults = Faults {
                    delay_write: 300,
                    longest_delay: Duration::from_millis(900),
                    ..Faults::default()
                };
                let store = Arc::new(Unreliable::new(sloppy, faults, Dice::from_seed(*seed)));
                let owners = (1..4).map(|epoch| {
                    let store = Arc::clone(&store) as Arc<dyn ObjectStore>;
                    own(store, epoch, 8, Duration::from_millis(1500 * epoch), seed + epoch)
                });
                let reports = join_all(owners).await;
                store.deliver_all().await;
                (store.inner().inner.history(KEY), reports)
            });
            judge(&history, &reports).is_err()
        })
        .count();
    assert!(violations > 15, "only {violations} of 20 plays without conditions were condemned");
}

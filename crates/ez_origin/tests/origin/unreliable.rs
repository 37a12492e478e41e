//! A bucket of which every second answer is bad.

use std::time::Duration;

use ez_objects::dice::Dice;
use ez_objects::unreliable::Faults;
use ez_origin::{Playlists, Tail};

use super::feeder::Process;
use super::judge::{every, judge};
use super::media::SLOTS;
use super::stage::Stage;

/// Half of all calls end badly.
pub(crate) fn bad() -> Faults {
    Faults {
        throttle: 100,
        lose_request: 150,
        lose_answer: 150,
        delay_write: 100,
        longest_delay: Duration::from_millis(400),
        ..Faults::default()
    }
}

#[test]
fn nothing_is_lost_doubled_or_torn() {
    for seed in 0..20 {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let stage = Stage::new(1000 + seed);
            let mut dice = Dice::from_seed(seed);
            stage.store.set(bad());
            let process = Process::start(&stage, 1);
            process.until("the take-over", |progress| progress.ready).await;
            let (mut slot, mut expected, mut offset) = (0, Vec::new(), 0);
            for local in 1..=3_u32 {
                process.begin(local, offset).await;
                for n in 0..=usize::try_from(dice.below(SLOTS as u64)).unwrap() {
                    process.slots(local, n..n + 1).await;
                    expected.extend(every(&format!("1-{local}"), n..n + 1));
                    slot += 1;
                    tokio::time::sleep(Duration::from_millis(dice.below(4000))).await;
                }
                let length = process.end(local, Tail::Keep).await;
                offset += i64::try_from(length.as_millis()).unwrap();
            }
            let end = if seed % 2 == 0 { Playlists::End } else { Playlists::Rest };
            process.until("all slots", |progress| progress.committed == slot).await;
            process.leave(end).await;
            stage.store.heal();
            stage.store.deliver_all().await;
            let named = judge(&stage);
            named.assert_exactly(&stage, expected);
            assert_eq!(stage.spooled(1), ["last"], "seed {seed}");
            let has_ended = named.last["low"].contains("#EXT-X-ENDLIST");
            assert_eq!(has_ended, end == Playlists::End, "seed {seed}");
        });
    }
}

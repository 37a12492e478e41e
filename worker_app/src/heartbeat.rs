//! The conversation with the scheduler: register, then beat.
//!
//! A beat is due after the interval, and at once when poked or when a run's state changed. Beats
//! never overlap, so an answer is never older than what was applied before it. A beat that fails
//! changes nothing; a scheduler that does not know us gets a registration, and its empty list of
//! runs is not taken for an order.

mod contact;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use ez_api::internal::{Heartbeat, HeartbeatReply, RegisterWorker, RunStatus};
use ez_domain::placement::Standing;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

pub(crate) use contact::Contact;

use crate::capacity::Meter;
use crate::disk::Disk;
use crate::figures::Figures;
use crate::registration::{CallError, Scheduler};
use crate::runs::Runs;

/// Time between beats until the scheduler says otherwise.
const INTERVAL: Duration = Duration::from_secs(2);
/// What the scheduler may ask for.
const INTERVALS: std::ops::RangeInclusive<u64> = 100..=10_000;
/// Least time between beats, however often we are poked: 20 a second.
const SHORTEST: Duration = Duration::from_millis(50);
/// Pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long the last two beats may take together.
const FAREWELL: Duration = Duration::from_secs(5);

/// The conversation.
pub(crate) struct Conversation {
    scheduler: Scheduler,
    introduction: RegisterWorker,
    runs: Runs,
    beat_soon: Arc<Notify>,
    contact: Arc<Contact>,
    meter: Meter,
    disk: Disk,
    figures: Figures,
    interval: Duration,
}

impl Conversation {
    pub(crate) fn new(
        scheduler: Scheduler,
        introduction: RegisterWorker,
        runs: Runs,
        beat_soon: Arc<Notify>,
        contact: Arc<Contact>,
        disk: Disk,
        figures: Figures,
    ) -> Self {
        let meter = Meter::start();
        Self { scheduler, introduction, runs, beat_soon, contact, meter, disk, figures, interval: INTERVAL }
    }

    /// Converses until `ending`, then says the last words.
    pub(crate) async fn hold(mut self, ending: CancellationToken) {
        let mut failures = 0_u32;
        loop {
            let began = Instant::now();
            let turn = tokio::select! {
                biased;
                () = ending.cancelled() => break,
                turn = self.turn() => turn,
            };
            let due = match turn {
                Ok(()) => {
                    failures = 0;
                    began + self.interval
                }
                Err(()) => {
                    failures = failures.saturating_add(1);
                    Instant::now() + pause(failures, jitter())
                }
            };
            tokio::select! {
                () = ending.cancelled() => break,
                () = sleep_until(due) => {}
                () = self.beat_soon.notified() => sleep(SHORTEST).await,
            }
        }
        self.farewell().await;
    }

    /// One registration if needed, and one beat.
    async fn turn(&mut self) -> Result<(), ()> {
        if !self.contact.is_registered() {
            let registered =
                self.scheduler.register(&self.introduction).await.map_err(|error| self.failed(&error))?;
            let wished = registered.heartbeat_ms.clamp(*INTERVALS.start(), *INTERVALS.end());
            self.interval = Duration::from_millis(wished);
            self.contact.registered();
            tracing::info!(worker = %self.introduction.worker, interval_ms = wished, "registered with the scheduler");
        }
        let asked = Instant::now();
        let reply = self.beat(self.runs.statuses()).await.map_err(|error| self.failed(&error))?;
        if !reply.known {
            tracing::warn!("the scheduler does not know this worker; registering again");
            self.contact.forgotten();
            return Err(());
        }
        self.contact.answered(asked);
        self.runs.apply(reply.runs);
        Ok(())
    }

    fn failed(&self, error: &CallError) {
        self.contact.failed(&error.words());
    }

    async fn beat(&mut self, runs: Vec<RunStatus>) -> Result<HeartbeatReply, CallError> {
        let beat = Heartbeat {
            worker: self.introduction.worker,
            incarnation: self.introduction.incarnation,
            standing: if self.runs.is_draining() { Standing::Draining } else { self.disk.standing() },
            used_millicores: self.meter.used_millicores(),
            runs,
        };
        let answered = self.scheduler.beat(&beat).await;
        self.figures.beat(beat.used_millicores, answered.is_ok());
        answered
    }

    /// Tells how the runs ended, then that nothing is left.
    async fn farewell(&mut self) {
        let by = Instant::now() + FAREWELL;
        for runs in [self.runs.statuses(), Vec::new()] {
            let mut failures = 0;
            while let Ok(Err(error)) = timeout_at(by, self.beat(runs.clone())).await {
                failures += 1;
                tracing::warn!(error = error.words(), "a last heartbeat failed");
                sleep(pause(failures, jitter())).await;
            }
        }
    }
}

/// Pause after so many failures in a row: doubling, capped, between a half and the whole of it.
fn pause(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(8));
    doubled.min(LONGEST_PAUSE).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

/// A number in 0..1; the hasher's keys are the randomness that the standard library has.
fn jitter() -> f64 {
    let bits = RandomState::new().hash_one(());
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_cap_and_differ() {
        let ms = |failures, jitter| pause(failures, jitter).as_millis();
        assert_eq!(
            [ms(1, 1.0), ms(2, 1.0), ms(3, 1.0), ms(4, 1.0), ms(99, 1.0)],
            [250, 500, 1000, 2000, 2000]
        );
        assert_eq!([ms(1, 0.0), ms(4, 0.0)], [125, 1000]);
        assert!((0..20).map(|_| jitter().to_bits()).collect::<std::collections::BTreeSet<_>>().len() > 10);
    }
}

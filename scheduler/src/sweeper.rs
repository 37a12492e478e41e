//! Looks after time: deadlines that passed, leases that lapsed, workers that are gone for good.

use std::sync::Arc;
use std::time::Duration;

use ez_domain::id::{Epoch, JobId, RunId};
use ez_domain::lifecycle::Event;
use ez_store::{Applied, CommitGuard, StoreError, WorkerRecord, apply};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::{Running, millis};
use crate::brake::{Brake, Pulled};
use crate::troubles::{Troubles, is_away};

/// Most jobs that one look takes in of each kind.
const BATCH: usize = 500;

/// Sweeps until `ended`.
pub(crate) async fn keep_sweeping(running: Arc<Running>, ended: CancellationToken) {
    let brake = Brake::new(Instant::now(), &running.app.timing);
    let mut sweeper = Sweeper { running, brake, troubles: Troubles::new("sweep deadlines and leases") };
    loop {
        let swept = sweeper.sweep(&ended).await;
        sweeper.running.figures.looked("sweeper", &swept);
        match swept {
            Ok(()) => sweeper.troubles.worked(&None),
            Err(error) => sweeper.troubles.failed(None, &error),
        }
        tokio::select! {
            // A time-out is the regular look; the bell only makes it earlier.
            _ = timeout(sweeper.running.app.timing.sweep_every, sweeper.running.hints.sweep.notified()) => {}
            () = ended.cancelled() => return,
        }
    }
}

struct Sweeper {
    running: Arc<Running>,
    brake: Brake,
    troubles: Troubles<Option<JobId>>,
}

impl Sweeper {
    async fn sweep(&mut self, ended: &CancellationToken) -> Result<(), StoreError> {
        let running = Arc::clone(&self.running);
        let store = &*running.app.store;
        self.look_at_workers().await?;

        // Lapsed leases first: the deadline of a first back-off has then passed already.
        let holds = self.brake.holds(Instant::now());
        running.figures.brake_holds(holds);
        if !holds {
            for (id, epoch) in store.lapsed(BATCH).await? {
                if ended.is_cancelled() {
                    return Ok(());
                }
                let swept = self.give_up(id, epoch).await;
                self.settle(id, swept)?;
            }
        }
        for id in store.due(BATCH).await? {
            if ended.is_cancelled() {
                return Ok(());
            }
            let swept = self.tick(id).await;
            self.settle(id, swept)?;
        }
        Ok(())
    }

    async fn look_at_workers(&mut self) -> Result<(), StoreError> {
        let running = Arc::clone(&self.running);
        let store = &*running.app.store;
        let workers = store.workers().await?;
        let asked = Instant::now();
        let now = store.pulse().await?;
        self.store_answered();
        log(self.brake.clock_read(asked..Instant::now(), now));
        running.hints.poker.learn(&workers);

        let silence = |worker: &WorkerRecord| Duration::from_millis(worker.silence_ms(now));
        log(self.brake.workers_seen(Instant::now(), workers.iter().map(silence)));
        let forgotten_after = millis(running.app.timing.forgotten_after);
        for worker in workers {
            if worker.runs.is_empty() && worker.silence_ms(now) > forgotten_after {
                // Should it come back at this very moment, its next heartbeat makes it register again.
                store.forget_worker(worker.id).await?;
                tracing::info!(worker = %worker.id, "forgot a worker: not heard of for long, and it holds no run");
            }
        }
        Ok(())
    }

    async fn give_up(&self, id: JobId, epoch: Epoch) -> Result<(), StoreError> {
        let event = Event::LeaseLapsed { epoch };
        let applied = apply(&*self.running.app.store, id, &event, CommitGuard::LeaseStillLapsed).await?;
        if let Applied::Moved { job, effects } = applied {
            let run = RunId { job: id, epoch };
            tracing::warn!(job = %id, epoch = epoch.number(), %run, phase = job.phase.name().as_str(), "gave up a run: its worker fell silent");
            self.running.figures.given_up.inc();
            self.running.hints.follow(&job, &effects, None);
        }
        Ok(())
    }

    async fn tick(&self, id: JobId) -> Result<(), StoreError> {
        let store = &*self.running.app.store;
        if self.brake.holds(Instant::now()) {
            // The worker may have done in time what it could not report.
            let stored = store.load(id).await?;
            if stored.is_none_or(|stored| stored.job.phase.run().is_some()) {
                return Ok(());
            }
        }
        if let Applied::Moved { job, effects } = apply(store, id, &Event::Tick, CommitGuard::Version).await? {
            let epoch = job.last_epoch;
            let run = (epoch != Epoch::default()).then(|| tracing::field::display(RunId { job: id, epoch }));
            tracing::info!(job = %id, epoch = epoch.number(), run, phase = job.phase.name().as_str(), reason = job.reason(), "deadline passed");
            self.running.hints.follow(&job, &effects, None);
        }
        Ok(())
    }

    /// One unusable record does not keep the others waiting.
    fn settle(&mut self, id: JobId, result: Result<(), StoreError>) -> Result<(), StoreError> {
        match result {
            Ok(()) => self.troubles.worked(&Some(id)),
            Err(error) if is_away(&error) => return Err(error),
            Err(error) => self.troubles.failed(Some(id), &error),
        }
        self.store_answered();
        Ok(())
    }

    fn store_answered(&mut self) {
        log(self.brake.store_answered(Instant::now()));
    }
}

fn log(pulled: Option<Pulled>) {
    match pulled {
        None => {}
        Some(Pulled::StoreWasAway { gap }) => {
            tracing::warn!(gap_ms = millis(gap), "the store took no writes: no run is given up for a while");
        }
        Some(Pulled::ClockLeapt { by }) => {
            tracing::warn!(
                by_ms = millis(by),
                "the store's clock went forward at once: no run is given up for a while"
            );
        }
        Some(Pulled::Storm { silent, of }) => {
            tracing::warn!(silent, of, "many workers fell silent at once: no run is given up for a while");
        }
    }
}

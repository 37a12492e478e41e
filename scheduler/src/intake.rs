//! Takes up commands: from the queue, and from the outbox when the queue lost them.
//!
//! The queue is a hint and the record the truth, so taking up is one event with the command's
//! generation; doing it twice, or with an old one, changes nothing.

use std::sync::Arc;
use std::time::Duration;

use ez_domain::id::JobId;
use ez_domain::lifecycle::Event;
use ez_queue::{Delivery, QueueError};
use ez_store::{Applied, CommitGuard, StoreError, apply};
use futures::future::join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::app::{Running, millis};
use crate::troubles::{Troubles, is_away};

/// Longest wait in one call of the queue (the longest that SQS knows).
const LONG_POLL: Duration = Duration::from_secs(20);
/// Pauses after failures of the queue: doubled from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Deliveries after which a message whose record cannot be used is put aside.
const MOST_ATTEMPTS: u32 = 5;
/// Commands taken from the outbox at once.
const OUTBOX_BATCH: usize = 200;

/// Receives from the queue until `ended`.
pub(crate) async fn receive_commands(running: Arc<Running>, ended: CancellationToken) {
    let mut troubles = Troubles::new("take commands from the queue");
    let mut pause = PAUSES.0;
    while !ended.is_cancelled() {
        let received = tokio::select! {
            received = running.app.queue.receive(LONG_POLL) => received,
            () = ended.cancelled() => return,
        };
        let result = match received {
            Ok(deliveries) => handle(&running, &deliveries).await,
            Err(error) => Err(error.into()),
        };
        match result {
            Ok(()) => {
                troubles.worked(&());
                pause = PAUSES.0;
            }
            Err(error) => {
                running.figures.queue_errors.inc();
                troubles.failed((), &error);
                tokio::select! {
                    () = sleep(pause) => {}
                    () = ended.cancelled() => return,
                }
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum IntakeError {
    #[error("the queue failed")]
    Queue(#[from] QueueError),
    #[error("the state store failed; the message stays in the queue")]
    Store(#[from] StoreError),
}

/// Takes up what was delivered, all at once: generations make their order unimportant. One that fails does
/// not hold up the others; it stays in the queue.
async fn handle(running: &Running, deliveries: &[Delivery]) -> Result<(), IntakeError> {
    let taken = join_all(deliveries.iter().map(|delivery| take_up(running, delivery))).await;
    taken.into_iter().collect()
}

async fn take_up(running: &Running, delivery: &Delivery) -> Result<(), IntakeError> {
    match admit(running, delivery.command.job, delivery.command.generation).await {
        Ok(()) => {
            running.app.queue.acknowledge(delivery).await?;
            running.figures.took_up("queue");
        }
        Err(error) if !is_away(&error) && delivery.attempt >= MOST_ATTEMPTS => {
            let why = ez_service::telemetry::chain(&error);
            running.app.queue.park(delivery, &why).await?;
            running.figures.parked_commands.inc();
            tracing::error!(
                job = %delivery.command.job,
                attempts = delivery.attempt,
                error = why,
                "a command was put aside: its job cannot be changed; look at the record, then send it again"
            );
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Takes up one command. `Ok` also for one that is void: an older one, or of a job that is gone.
async fn admit(running: &Running, job: JobId, generation: u64) -> Result<(), StoreError> {
    let event = Event::Admitted { generation };
    match apply(&*running.app.store, job, &event, CommitGuard::Version).await? {
        Applied::Moved { job, effects } => {
            tracing::info!(job = %job.id, generation, phase = job.phase.name().as_str(), "command taken up");
            running.hints.follow(&job, &effects, None);
        }
        Applied::Unchanged(_)
        | Applied::Stale
        | Applied::Refused(_)
        | Applied::Removed
        | Applied::NotFound
        | Applied::GuardFailed => {
            tracing::debug!(%job, generation, "command is void");
        }
    }
    Ok(())
}

/// Takes up, until `ended`, what has been in the outbox for too long.
pub(crate) async fn sweep_outbox(running: Arc<Running>, ended: CancellationToken) {
    let mut troubles = Troubles::new("sweep the outbox");
    while !ended.is_cancelled() {
        let swept = sweep_once(&running, &mut troubles).await;
        running.figures.looked("outbox", &swept);
        match swept {
            Ok(()) => troubles.worked(&None),
            Err(error) => troubles.failed(None, &error),
        }
        tokio::select! {
            () = sleep(running.app.timing.outbox_every) => {}
            () = ended.cancelled() => return,
        }
    }
}

async fn sweep_once(running: &Running, troubles: &mut Troubles<Option<JobId>>) -> Result<(), StoreError> {
    let store = &*running.app.store;
    for id in store.in_outbox(millis(running.app.timing.outbox_age), OUTBOX_BATCH).await? {
        let swept = match store.load(id).await {
            Ok(Some(stored)) => {
                let admitted = admit(running, id, stored.job.generation).await;
                if admitted.is_ok() {
                    running.figures.took_up("outbox");
                }
                admitted
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match swept {
            Ok(()) => troubles.worked(&Some(id)),
            Err(error) if is_away(&error) => return Err(error),
            Err(error) => troubles.failed(Some(id), &error),
        }
    }
    Ok(())
}

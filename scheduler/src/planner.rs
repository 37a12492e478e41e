//! Places waiting jobs: reads what waits and who works, asks the pure planner, commits its answer.
//!
//! Several schedulers may plan the same jobs at once. The store takes each placement once and only
//! while the worker has room, so losing such a race costs one more look.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ez_domain::id::{JobId, RunId};
use ez_domain::job::{Job, Phase};
use ez_domain::lifecycle::Event;
use ez_domain::placement::{Placement, Plan, WaitingJob, WorkerView, plan};
use ez_domain::units::Timestamp;
use ez_store::{Applied, CommitGuard, StoreError, Stored, WorkerRecord, apply, apply_to};
use futures::StreamExt as _;
use futures::stream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::{Running, millis};
use crate::queue_window::QueueWindow;
use crate::troubles::{Troubles, is_away};

/// Placements that are committed at once. Each is guarded by the worker's load, so their order does not matter.
const AT_ONCE: usize = 16;
/// A run's worker has some seconds to take it up, counted from when the record was read; an older one is read
/// again.
const FRESH: Duration = Duration::from_millis(500);
/// Least time from the beginning of one look to the next: jobs that come one by one are placed together.
const LEAST_BETWEEN: Duration = Duration::from_millis(100);
/// Pause before the next look when a rival took the room that was planned with.
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// Plans until `ended`, when it is asked to and every now and then.
pub(crate) async fn keep_planning(running: Arc<Running>, ended: CancellationToken) {
    let mut troubles = Troubles::new("place jobs");
    let mut window = QueueWindow::new(running.app.timing.jobs_a_look);
    loop {
        let began = Instant::now();
        let mut pause = running.app.timing.plan_every;
        let planned = plan_once(&running, &mut window, &ended, &mut troubles).await;
        running.figures.looked("planner", &planned);
        match planned {
            Ok(Outlook::Settled) => troubles.worked(&None),
            Ok(Outlook::Overtaken) => {
                troubles.worked(&None);
                pause = pause.min(AFTER_REFUSAL);
            }
            Err(error) => troubles.failed(None, &error),
        }
        tokio::select! {
            // A time-out is the regular look; the bell only makes it earlier.
            _ = timeout(pause, running.hints.placement.notified()) => {}
            () = ended.cancelled() => return,
        }
        tokio::select! {
            () = sleep_until(began + LEAST_BETWEEN) => {}
            () = ended.cancelled() => return,
        }
    }
}

/// Whether the plan was still true when it was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    Settled,
    /// A worker had no room any more for what was planned.
    Overtaken,
}

async fn plan_once(
    running: &Running,
    window: &mut QueueWindow,
    ended: &CancellationToken,
    troubles: &mut Troubles<Option<JobId>>,
) -> Result<Outlook, StoreError> {
    let store = &*running.app.store;
    let read_at = Instant::now();
    let queued = window.look(store).await?;
    let Some(now) = queued.first().map(|stored| stored.now) else {
        running.figures.found_unplaced(0, &[], &[]);
        return Ok(Outlook::Settled);
    };
    if queued.iter().any(|stored| stored.job.lacks_key()) {
        running.hints.keys.notify_one();
    }
    let workers = store.workers().await?;
    running.hints.poker.learn(&workers);
    let suspect_after = millis(running.app.timing.suspect_after);
    let views: Vec<_> = workers.iter().map(|worker| view(worker, now, suspect_after)).collect();
    let waiting: Vec<_> = queued.iter().filter_map(|stored| waiting(&stored.job)).collect();
    let Plan { placements, unplaced } = plan(&waiting, &views, running.app.policy);
    running.figures.found_unplaced(unplaced.len(), &views, &placements);

    let mut outlook = Outlook::Settled;
    let mut queued: HashMap<JobId, Stored> =
        queued.into_iter().map(|stored| (stored.job.id, stored)).collect();
    let with_records = placements.into_iter().map(|placement| (placement, queued.remove(&placement.job)));
    let placing = with_records.collect::<Vec<_>>().into_iter().map(|(placement, read)| async move {
        let placed = if ended.is_cancelled() {
            Ok(Outlook::Settled)
        } else {
            place(running, &placement, read, read_at).await
        };
        (placement.job, placed)
    });
    let mut placed = stream::iter(placing).buffer_unordered(AT_ONCE);
    while let Some((job, placed)) = placed.next().await {
        if settle(job, placed, troubles)? == Some(Outlook::Overtaken) {
            outlook = Outlook::Overtaken;
        }
    }
    for (id, why) in unplaced {
        if ended.is_cancelled() {
            return Ok(Outlook::Settled);
        }
        if let Some(stored) = queued.get(&id) {
            settle(id, tell_why(running, &stored.job, why).await, troubles)?;
        }
    }
    Ok(outlook)
}

/// One unusable record does not keep the others waiting.
fn settle<T>(
    id: JobId,
    result: Result<T, StoreError>,
    troubles: &mut Troubles<Option<JobId>>,
) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => {
            troubles.worked(&Some(id));
            Ok(Some(value))
        }
        Err(error) if is_away(&error) => Err(error),
        Err(error) => {
            troubles.failed(Some(id), &error);
            Ok(None)
        }
    }
}

/// Commits a placement, from the record that was planned with unless that is old by now.
async fn place(
    running: &Running,
    placement: &Placement,
    read: Option<Stored>,
    read_at: Instant,
) -> Result<Outlook, StoreError> {
    let Placement { job, worker, incarnation, load_limit } = *placement;
    let event = Event::Placed { worker, incarnation };
    let guard = CommitGuard::WorkerHasRoom { worker, incarnation, load_limit };
    let store = &*running.app.store;
    let waited_ms = read.as_ref().and_then(waited_ms).unwrap_or(0);
    let applied = match read.filter(|_| read_at.elapsed() < FRESH) {
        Some(read) => apply_to(store, read, &event, guard).await?,
        None => apply(store, job, &event, guard).await?,
    };
    match applied {
        Applied::Moved { job, effects } => {
            let (id, epoch) = (job.id, job.last_epoch);
            tracing::info!(job = %id, %worker, epoch = epoch.number(), run = %RunId { job: id, epoch }, "placed");
            running.figures.placed(waited_ms);
            running.hints.follow(&job, &effects, None);
        }
        Applied::GuardFailed => {
            tracing::debug!(%job, %worker, "the worker has no room any more; planned again");
            running.figures.refused_placements.inc();
            return Ok(Outlook::Overtaken);
        }
        Applied::Unchanged(_)
        | Applied::Stale
        | Applied::Refused(_)
        | Applied::Removed
        | Applied::NotFound => {
            tracing::debug!(%job, %worker, "the job does not wait any more");
        }
    }
    Ok(Outlook::Settled)
}

/// Says in the record what the job waits for, unless it stands there.
pub(crate) async fn tell_why(running: &Running, job: &Job, why: String) -> Result<(), StoreError> {
    if is_told(job, &why) {
        return Ok(());
    }
    tracing::info!(job = %job.id, why, "no place for the job");
    apply(&*running.app.store, job.id, &Event::Unplaced { why }, CommitGuard::Version).await.map(drop)
}

fn is_told(job: &Job, why: &str) -> bool {
    matches!(&job.phase, Phase::Pending { waiting_for: Some(told), .. } if told == why)
}

fn waited_ms(stored: &Stored) -> Option<u64> {
    waiting(&stored.job).map(|job| stored.now.millis_since(job.since))
}

fn waiting(job: &Job) -> Option<WaitingJob> {
    let Phase::Pending { since, .. } = job.phase else {
        return None;
    };
    if job.lacks_key() {
        return None;
    }
    Some(WaitingJob { id: job.id, since, cost_millicores: job.cost_millicores, avoid: job.avoid })
}

fn view(worker: &WorkerRecord, now: Timestamp, suspect_after_ms: u64) -> WorkerView {
    WorkerView {
        id: worker.id,
        incarnation: worker.incarnation,
        state: worker.state(now, suspect_after_ms),
        capacity_millicores: worker.capacity_millicores,
        load_millicores: worker.load_millicores,
        runs: u32::try_from(worker.runs.len()).unwrap_or(u32::MAX),
        max_runs: worker.max_runs,
    }
}

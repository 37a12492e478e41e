//! Places waiting jobs: reads what waits and who works, asks the pure planner, commits its answer.
//!
//! Several schedulers may plan the same jobs at once. The store takes each placement once and only
//! while the worker has room, so losing such a race costs one more look.

use std::sync::Arc;
use std::time::Duration;

use ez_domain::id::JobId;
use ez_domain::job::{Job, Phase};
use ez_domain::lifecycle::Event;
use ez_domain::placement::{Placement, Plan, WaitingJob, WorkerView, plan};
use ez_domain::units::Timestamp;
use ez_store::{Applied, CommitGuard, StoreError, WorkerRecord, apply};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::{Running, millis};
use crate::troubles::{Troubles, is_away};

/// Most waiting jobs that one look takes in.
pub(crate) const MOST_WAITING: usize = 500;
/// Pause before the next look when a rival took the room that was planned with.
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// Plans until `ended`, when it is asked to and every now and then.
pub(crate) async fn keep_planning(running: Arc<Running>, ended: CancellationToken) {
    let mut troubles = Troubles::new("place jobs");
    loop {
        let mut pause = running.app.timing.plan_every;
        let planned = plan_once(&running, &ended, &mut troubles).await;
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
    ended: &CancellationToken,
    troubles: &mut Troubles<Option<JobId>>,
) -> Result<Outlook, StoreError> {
    let store = &*running.app.store;
    let queued = store.queued(MOST_WAITING).await?;
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
    for placement in placements {
        if ended.is_cancelled() {
            return Ok(Outlook::Settled);
        }
        let waiting = waiting.iter().find(|job| job.id == placement.job);
        let waited_ms = waiting.map_or(0, |job| now.millis_since(job.since));
        let placed = place(running, &placement, waited_ms).await;
        if settle(placement.job, placed, troubles)? == Some(Outlook::Overtaken) {
            outlook = Outlook::Overtaken;
        }
    }
    for (id, why) in unplaced {
        if ended.is_cancelled() {
            return Ok(Outlook::Settled);
        }
        if let Some(stored) = queued.iter().find(|stored| stored.job.id == id) {
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

async fn place(running: &Running, placement: &Placement, waited_ms: u64) -> Result<Outlook, StoreError> {
    let Placement { job, worker, incarnation, load_limit } = *placement;
    let event = Event::Placed { worker, incarnation };
    let guard = CommitGuard::WorkerHasRoom { worker, incarnation, load_limit };
    match apply(&*running.app.store, job, &event, guard).await? {
        Applied::Moved { job, effects } => {
            tracing::info!(job = %job.id, %worker, epoch = %job.last_epoch, "placed");
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

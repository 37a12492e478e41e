//! `POST /heartbeat`: a worker tells how its runs are and learns which it must hold.
//!
//! The reply is made from the records as they are after the reports were applied. It is all or
//! nothing: a run that is left out would be ended by the worker. So a run that cannot be ordered, because its record
//! or a key of it cannot be read here, is told to go on as it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ez_api::internal::{Heartbeat, HeartbeatReply, RunAction, RunOrder, RunStatus};
use ez_api::job::Statistics;
use ez_domain::fault::{Failure, Fault};
use ez_domain::id::{Epoch, JobId, RunId};
use ez_domain::job::{Job, Run};
use ez_domain::lifecycle::{Event, Outcome, RunOutcome, RunState, step};
use ez_service::http::{BoundedBody, ProblemResponse};
use ez_service::telemetry::chain;
use ez_store::{Applied, CommitGuard, RunFigures, SealError, StoreError, Stored, Totals, apply, apply_to};

use super::{refused, unreadable};
use crate::app::{Running, millis};
use crate::troubles::is_away;

/// Largest heartbeat: 4096 runs of a few kilobytes, as large as the answer may be. One that is refused for its
/// size would end all runs of its worker.
const LARGEST: usize = 16 * 1024 * 1024;

/// `POST /heartbeat`.
pub(crate) async fn beat(
    State(running): State<Arc<Running>>,
    BoundedBody(body): BoundedBody<LARGEST>,
) -> Result<Json<HeartbeatReply>, ProblemResponse> {
    let heartbeat: Heartbeat = serde_json::from_slice(&body).map_err(|error| unreadable(&error))?;
    let answered = answer(&running, &heartbeat).await;
    running.figures.heard(match &answered {
        Ok(reply) if reply.known => "known",
        Ok(_) => "unknown",
        Err(_) => "failed",
    });
    answered.map(Json).map_err(|error| refused(&error))
}

async fn answer(running: &Running, heartbeat: &Heartbeat) -> Result<HeartbeatReply, StoreError> {
    let held: Vec<(JobId, Epoch)> =
        heartbeat.runs.iter().filter(|run| !is_over(run)).map(|run| (run.job, run.epoch)).collect();
    let beat = running
        .app
        .store
        .beat(
            heartbeat.worker,
            heartbeat.incarnation,
            heartbeat.standing,
            heartbeat.used_millicores,
            &held,
            millis(running.app.timing.lease),
        )
        .await?;
    if !beat.known {
        tracing::info!(worker = %heartbeat.worker, "an unknown worker, or an earlier life of one, must register");
        return Ok(HeartbeatReply { known: false, runs: Vec::new() });
    }
    let own = beat.jobs.into_iter().filter_map(|stored| {
        let epoch = own_run(heartbeat, &stored.job)?.epoch;
        let report = heartbeat.runs.iter().find(|run| run.job == stored.job.id && run.epoch == epoch);
        Some((stored, report))
    });
    let own: Vec<(Stored, Option<&RunStatus>)> = own.collect();
    let figures: Vec<RunFigures> = own.iter().filter_map(|(_, report)| figures_of((*report)?)).collect();
    running.app.store.put_statistics(&figures).await?;
    let mut orders = Vec::with_capacity(own.len());
    for (stored, report) in own {
        let job = match report {
            Some(report) => take_report(running, heartbeat, stored, report).await?,
            None => Some(Box::new(stored.job)),
        };
        if let Some(job) = job
            && let Some(run) = own_run(heartbeat, &job)
            && let Some(order) = order(running, heartbeat, &job, run, report).await?
        {
            orders.push(order);
        }
    }
    orders.extend(beat.unreadable.into_iter().map(|(job, epoch)| hold(job, epoch)));
    Ok(HeartbeatReply { known: true, runs: orders })
}

fn hold(job: JobId, epoch: Epoch) -> RunOrder {
    RunOrder { job, epoch, action: RunAction::Hold }
}

fn is_over(run: &RunStatus) -> bool {
    matches!(run.state, RunState::Exited { .. })
}

/// The run of a job, if it belongs to this life of this worker.
fn own_run<'job>(heartbeat: &Heartbeat, job: &'job Job) -> Option<&'job Run> {
    let run = job.phase.run()?;
    (run.worker == heartbeat.worker && run.incarnation == heartbeat.incarnation).then_some(run)
}

/// Follows a report about the present run. Answers the record as it is then, if there is one.
async fn take_report(
    running: &Running,
    heartbeat: &Heartbeat,
    stored: Stored,
    report: &RunStatus,
) -> Result<Option<Box<Job>>, StoreError> {
    let event = Event::Reported { epoch: report.epoch, state: report.state.clone() };
    if step(&stored.job, &event, stored.now) == Outcome::Unchanged {
        return Ok(Some(Box::new(stored.job)));
    }
    let before = stored.job.clone();
    let applied = apply_to(&*running.app.store, stored, &event, CommitGuard::Version).await;
    follow_report(running, heartbeat, before, applied).await
}

async fn follow_report(
    running: &Running,
    heartbeat: &Heartbeat,
    before: Job,
    applied: Result<Applied, StoreError>,
) -> Result<Option<Box<Job>>, StoreError> {
    match applied {
        Ok(Applied::Moved { job, effects }) => {
            let phase = job.phase.name().as_str();
            let (id, epoch) = (job.id, before.last_epoch);
            let run = RunId { job: id, epoch };
            tracing::info!(job = %id, epoch = epoch.number(), %run, worker = %heartbeat.worker, phase, reason = job.reason(), "run reported");
            running.hints.follow(&job, &effects, Some(heartbeat.worker));
            Ok(Some(job))
        }
        Ok(Applied::Unchanged(job)) => Ok(Some(job)),
        Ok(
            Applied::Stale
            | Applied::Removed
            | Applied::NotFound
            | Applied::Refused(_)
            | Applied::GuardFailed,
        ) => {
            // The job moved on since it was read; the next heartbeat brings what is true then.
            Ok(running.app.store.load(before.id).await?.map(|stored| Box::new(stored.job)))
        }
        Err(error) if is_away(&error) => Err(error),
        Err(error) => {
            let run = RunId { job: before.id, epoch: before.last_epoch };
            tracing::warn!(job = %run.job, epoch = run.epoch.number(), %run, error = chain(&error), "a report was not taken up; the next heartbeat repeats it");
            Ok(Some(Box::new(before)))
        }
    }
}

/// The figures of a run that is not over.
fn figures_of(report: &RunStatus) -> Option<RunFigures> {
    if is_over(report) {
        return None;
    }
    match serde_json::to_string(&report.statistics) {
        Ok(json) => {
            let Statistics { bytes_ingested, up_seconds, active_seconds, .. } = report.statistics;
            let counted = Totals { bytes_ingested, up_seconds, active_seconds };
            Some(RunFigures { job: report.job, epoch: report.epoch, counted, json })
        }
        Err(error) => {
            let run = RunId { job: report.job, epoch: report.epoch };
            tracing::warn!(job = %run.job, epoch = run.epoch.number(), %run, error = chain(&error), "statistics cannot be kept");
            None
        }
    }
}

/// The order for one run; `None` only when the run is not this worker's any more.
async fn order(
    running: &Running,
    heartbeat: &Heartbeat,
    job: &Job,
    run: &Run,
    report: Option<&RunStatus>,
) -> Result<Option<RunOrder>, StoreError> {
    let error = match running.orders.order(job, run) {
        Ok(order) => return Ok(Some(order)),
        Err(error) => error,
    };
    let id = RunId { job: job.id, epoch: run.epoch };
    tracing::error!(job = %id.job, epoch = id.epoch.number(), run = %id, error = chain(&error), "the stream key of a job cannot be opened: give all services the same master key");
    if report.is_some() {
        return Ok(Some(hold(job.id, run.epoch)));
    }
    // A run that cannot be started is ended here, with its reason where the user sees it.
    let event = Event::Reported { epoch: run.epoch, state: unusable_key(error) };
    let applied = apply(&*running.app.store, job.id, &event, CommitGuard::Version).await;
    follow_report(running, heartbeat, job.clone(), applied).await?;
    Ok(None)
}

fn unusable_key(error: SealError) -> RunState {
    let reason = format!("the stream key cannot be opened by the scheduler: {error}");
    let failure = Failure::retryable(Fault::Bug, reason);
    RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments: 0 }
}

//! What stop, resume, replacement and deletion have in common: one event, one announcement, one answer.

use axum::Json;
use axum::http::StatusCode;
use ez_api::job::LiveJob;
use ez_domain::id::JobId;
use ez_domain::job::Job;
use ez_domain::lifecycle::Event;
use ez_service::clock::wall_millis;
use ez_store::{Applied, CommitGuard, Stored, Totals, apply_to};

use crate::app::App;
use crate::live_job::live_job;
use crate::refusal::Refusal;

/// Accepted: the job as it is now; the rest is done by schedulers and workers.
pub(crate) type Accepted = (StatusCode, Json<LiveJob>);

/// Applies the user's wish, `stop`, `resume`, `replace` or `delete`, to the job.
pub(crate) async fn apply_wish(
    app: &App,
    id: JobId,
    wish: &'static str,
    event: &Event,
) -> Result<Accepted, Refusal> {
    // Read on its own: what fails here has changed nothing, and what fails below may have.
    let read = app.store.load(id).await?.ok_or(Refusal::NoJob(id))?;
    let applied = apply_to(&*app.store, read, event, CommitGuard::Version).await;
    let job = match applied.map_err(Refusal::in_write)? {
        Applied::Moved { job, effects: _ } => {
            tracing::info!(job = %id, wish, phase = job.phase.name().as_str(), "wish accepted");
            app.figures.wished(wish);
            job
        }
        Applied::Unchanged(job) => job,
        Applied::Refused(why) => return Err(Refusal::LifeCycle(id, why)),
        Applied::NotFound => return Err(Refusal::NoJob(id)),
        Applied::Stale | Applied::Removed | Applied::GuardFailed => {
            return Err(Refusal::Bug("a wish of the user was taken for a report of a worker"));
        }
    };
    app.announce(&job).await;
    let stored = look_again(app, *job).await;
    Ok((StatusCode::ACCEPTED, Json(live_job(&stored, &app.master_key, &app.playback))))
}

/// The job with its figures; without them when the store is lost right now, because the wish is granted.
async fn look_again(app: &App, job: Job) -> Stored {
    match app.store.load(job.id).await {
        Ok(Some(stored)) => stored,
        Ok(None) | Err(_) => {
            let now = ez_domain::units::Timestamp::from_millis(wall_millis());
            Stored { job, version: 0, statistics: None, totals: Totals::default(), now }
        }
    }
}

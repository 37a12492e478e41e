//! `POST /jobs`: a new job, on air as soon as a worker has room.
//!
//! The job is in the store before the answer goes out. Whatever happens to the queue, a scheduler
//! finds the job in the outbox.

mod new_job;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ez_api::create_job::{self, CreateJob};
use ez_api::problem::Problem;
use ez_service::http::Bytes256KiB;
use ez_store::{CreateError, Stored, Totals};

use super::content_type::JsonOrNothing;
use super::dry_run;
use crate::app::App;
use crate::live_job::live_job;
use crate::refusal::Refusal;

/// Jobs that are counted in one call of the store.
const COUNTED_AT_ONCE: usize = 500;

/// Makes the job, or answers what is unwise in it when `Api_test` is set.
pub(crate) async fn handle(
    State(app): State<App>,
    _: JsonOrNothing,
    Bytes256KiB(body): Bytes256KiB,
) -> Result<Response, Refusal> {
    let request = create_job::parse(&body).map_err(Problem::bad_request)?;
    if request.dry_run {
        return Ok(dry_run::answer(&request));
    }
    let stored = create(&app, request).await?;
    let id = stored.job.id;
    tracing::info!(job = %id, cost_millicores = stored.job.cost_millicores, "job created");
    app.figures.jobs_created.inc();
    app.announce(&stored.job).await;
    let location = [(header::LOCATION, format!("/jobs/{id}"))];
    let job = live_job(&stored, &app.master_key, &app.playback);
    Ok((StatusCode::CREATED, location, Json(job)).into_response())
}

async fn create(app: &App, request: CreateJob) -> Result<Stored, Refusal> {
    if let Some(limit) = app.max_jobs
        && has_at_least(app, limit).await?
    {
        return Err(too_many(limit).into());
    }
    let now = app.store.now().await?;
    let job = new_job::from(request, &app.master_key, now).map_err(Refusal::Seal)?;
    match app.store.create(&job).await {
        Ok(()) => Ok(Stored { job, version: 1, statistics: None, totals: Totals::default(), now }),
        Err(CreateError::Exists) => Err(Refusal::Bug("a random id or stream key is in use")),
        Err(CreateError::Store(error)) => Err(Refusal::StoreInWrite(error)),
    }
}

/// Counts by pages, up to the limit. Two creations at the same time can pass it by one: it keeps an
/// installation from being filled up, it is no quota to bill by.
async fn has_at_least(app: &App, limit: usize) -> Result<bool, Refusal> {
    let mut counted = 0;
    let mut cursor = None;
    loop {
        let page = app.store.list(cursor.as_deref(), COUNTED_AT_ONCE).await?;
        counted += page.jobs.len();
        if counted >= limit {
            return Ok(true);
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(false);
        }
    }
}

fn too_many(limit: usize) -> Problem {
    let detail =
        format!("there are {limit} jobs, as many as this installation allows (Max_jobs); delete one first");
    Problem {
        kind: "/problems/too-many-jobs".to_owned(),
        title: "The installation is full".to_owned(),
        status: 429,
        ..Problem::invalid_request(detail)
    }
}

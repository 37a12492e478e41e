//! `POST /jobs`: a new job, on air as soon as a worker has room.
//!
//! The job is in the store before the answer goes out. Whatever happens to the queue, a scheduler
//! finds the job in the outbox. A request that is repeated with its `Idempotency-Key` is answered with
//! the job that it made.

mod idempotency;
mod new_job;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ez_api::create_job::{self, CreateJob};
use ez_api::job::LiveJob;
use ez_api::job_request::JobRequest;
use ez_api::problem::Problem;
use ez_domain::id::JobId;
use ez_service::http::BoundedBody;
use ez_store::{CreateError, Created, Once, Stored, Totals};

use self::idempotency::IdempotencyKey;
use super::content_type::JsonOrNothing;
use super::dry_run;
use crate::app::App;
use crate::live_job::live_job;
use crate::openapi::{OfBody, OfCreation, Refusals};
use crate::refusal::Refusal;

/// Jobs that are counted in one call of the store.
const COUNTED_AT_ONCE: usize = 500;

/// Makes a job, on air as soon as a worker has room.
///
/// With `Api_test` set the document is only checked, and its warnings are answered.
#[utoipa::path(
    post,
    path = "/jobs",
    operation_id = "createJob",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Repeating a request with its key and body within 24 hours makes no second job.")),
    request_body = JobRequest,
    responses(
        (status = 201, description = "The job, its stream key included.", body = LiveJob,
            headers(("Location" = String, description = "Address of the job."))),
        (status = 200, description = "Warnings of a dry run; empty without any.", body = String,
            content_type = "text/plain"),
        Refusals, OfBody, OfCreation
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    _: JsonOrNothing,
    key: IdempotencyKey,
    BoundedBody(body): BoundedBody,
) -> Result<Response, Refusal> {
    let request = create_job::parse(&body).map_err(Problem::bad_request)?;
    if request.dry_run {
        return Ok(dry_run::answer(&request));
    }
    let once = key.once(&app.master_key, &body);
    let stored = match made_before(&app, once.as_ref()).await? {
        Some(stored) => stored,
        None => create(&app, request, once.as_ref()).await?,
    };
    let id = stored.job.id;
    app.announce(&stored.job).await;
    let location = [(header::LOCATION, format!("/jobs/{id}"))];
    let job = live_job(&stored, &app.master_key, &app.playback);
    Ok((StatusCode::CREATED, location, Json(job)).into_response())
}

/// The job that this request made when it came before.
async fn made_before(app: &App, once: Option<&Once>) -> Result<Option<Stored>, Refusal> {
    let Some(once) = once else { return Ok(None) };
    match app.store.created_with(once).await.map_err(refused)? {
        Some(id) => former(app, id).await.map(Some),
        None => Ok(None),
    }
}

async fn former(app: &App, id: JobId) -> Result<Stored, Refusal> {
    tracing::info!(job = %id, "a creation was repeated with its key");
    app.store.load(id).await?.ok_or_else(|| gone(id).into())
}

async fn create(app: &App, request: CreateJob, once: Option<&Once>) -> Result<Stored, Refusal> {
    if let Some(limit) = app.max_jobs
        && has_at_least(app, limit).await?
    {
        return Err(too_many(limit).into());
    }
    let now = app.store.now().await?;
    let job = new_job::from(request, &app.master_key, now).map_err(Refusal::Seal)?;
    match app.store.create_once(&job, once).await.map_err(refused)? {
        Created::New => {
            tracing::info!(job = %job.id, cost_millicores = job.cost_millicores, "job created");
            app.figures.jobs_created.inc();
            Ok(Stored { job, version: 1, statistics: None, totals: Totals::default(), now })
        }
        Created::Before(id) => former(app, id).await,
    }
}

fn refused(error: CreateError) -> Refusal {
    match error {
        CreateError::Exists => Refusal::Bug("a random id or stream key is in use"),
        CreateError::OtherBody => other_body().into(),
        CreateError::Store(error) => Refusal::in_write(error),
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

fn other_body() -> Problem {
    let detail = "this Idempotency-Key was sent with another body in the last 24 hours; send that body again, \
                  or a new key for another job";
    Problem {
        kind: "/problems/idempotency-key-reused".to_owned(),
        title: "The idempotency key belongs to another request".to_owned(),
        status: 422,
        ..Problem::invalid_request(detail)
    }
}

fn gone(id: JobId) -> Problem {
    let detail = format!(
        "this Idempotency-Key made job {id} in the last 24 hours, which has been deleted since; send a new key \
         for a new job"
    );
    Problem::conflict(id, detail)
}

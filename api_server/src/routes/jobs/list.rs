//! `GET /jobs` and `GET /jobs/active`: a page of jobs, newest first, without their stream keys.
//!
//! A bare array, as the original answers it; where there is more, `Link: <…>; rel="next"`
//! (RFC 8288) names the next page. Jobs that come or go meanwhile neither repeat nor hide others.

mod wanted;

use axum::Json;
use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, HeaderValue, header};
use ez_api::job::{LiveJob, State};

use self::wanted::Wanted;
use crate::app::App;
use crate::live_job::live_job;
use crate::openapi::Refusals;
use crate::refusal::Refusal;
use crate::routes::query;

type Page = (HeaderMap, Json<Vec<LiveJob>>);

/// Answers a page of the jobs that fit, newest first.
#[utoipa::path(
    get,
    path = "/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Most jobs on the page; 100 when absent."),
        ("after" = Option<String>, Query, description = "Where the page begins: from the link to it."),
        ("state" = Option<State>, Query, description = "Only jobs in this state."),
        ("phase" = Option<String>, Query, description = "Only jobs in this phase."),
        ("worker" = Option<String>, Query, format = Uuid, description = "Only jobs whose run is on this worker.")
    ),
    responses(
        (status = 200, description = "The page; stream keys are masked.", body = Vec<LiveJob>,
            headers(("Link" = String, description = "The next page, `rel=\"next\"`, where there is more."))),
        Refusals
    )
)]
pub(crate) async fn all(Shared(app): Shared<App>, RawQuery(query): RawQuery) -> Result<Page, Refusal> {
    let [limit, after, state, phase, worker] =
        query::read(query.as_deref(), ["limit", "after", "state", "phase", "worker"])?;
    let wanted = Wanted::read(limit.as_deref(), after.as_deref())?
        .in_state(state)?
        .in_phase(phase)?
        .on_worker(worker)?;
    page(&app, "/jobs", &wanted).await
}

/// Answers a page of the jobs whose state is running or streaming.
#[utoipa::path(
    get,
    path = "/jobs/active",
    operation_id = "listActiveJobs",
    tag = "jobs",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Most jobs on the page; 100 when absent."),
        ("after" = Option<String>, Query, description = "Where the page begins: from the link to it.")
    ),
    responses(
        (status = 200, description = "The page; stream keys are masked.", body = Vec<LiveJob>,
            headers(("Link" = String, description = "The next page, `rel=\"next\"`, where there is more."))),
        Refusals
    )
)]
pub(crate) async fn active(Shared(app): Shared<App>, RawQuery(query): RawQuery) -> Result<Page, Refusal> {
    let [limit, after] = query::read(query.as_deref(), ["limit", "after"])?;
    page(&app, "/jobs/active", &Wanted::read(limit.as_deref(), after.as_deref())?.active()).await
}

async fn page(app: &App, path: &str, wanted: &Wanted) -> Result<Page, Refusal> {
    let after = wanted.after.map(|after| after.to_string());
    let page = app.store.select(&wanted.selection, after.as_deref(), wanted.limit).await?;
    let mut headers = HeaderMap::new();
    if let Some(next) = page.next
        && let Ok(link) = HeaderValue::from_str(&format!("<{path}?{}>; rel=\"next\"", wanted.query(&next)))
    {
        headers.insert(header::LINK, link);
    }
    let jobs = page.jobs.iter().map(|stored| live_job(stored, &app.master_key, &app.playback).masked());
    Ok((headers, Json(jobs.collect())))
}

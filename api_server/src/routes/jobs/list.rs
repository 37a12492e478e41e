//! `GET /jobs` and `GET /jobs/active`: a page of jobs, newest first, without their stream keys.
//!
//! A bare array, as the original answers it; where there is more, `Link: <…>; rel="next"`
//! (RFC 8288) names the next page. Jobs that come or go meanwhile neither repeat nor hide others.

use axum::Json;
use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, HeaderValue, header};
use ez_api::job::{LiveJob, State};
use ez_api::problem::Problem;
use ez_domain::job::Job;
use ez_store::Stored;
use ez_store::cursor::{Cursor, NoCursor};

use crate::app::App;
use crate::live_job::{live_job, state};
use crate::refusal::Refusal;
use crate::routes::query;

/// Jobs on a page when the client does not say.
const DEFAULT_LIMIT: usize = 100;
/// Most jobs on a page.
const MOST: usize = 500;
/// Jobs that are read at once when a filter may drop most of them.
const READ_AT_ONCE: usize = 200;
/// Most jobs that are looked at for one page: a filter that fits few answers a short page with a link
/// instead of reading the whole store.
const MOST_LOOKED_AT: usize = 2_000;

type Page = (HeaderMap, Json<Vec<LiveJob>>);

/// Which jobs are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    All,
    /// On a worker, as the original's `/jobs/active` has it.
    Active,
    In(State),
}

impl Filter {
    fn fits(self, job: &Job) -> bool {
        match self {
            Self::All => true,
            Self::Active => matches!(state(job), State::Running | State::Streaming),
            Self::In(wanted) => state(job) == wanted,
        }
    }
}

/// Answers a page of all jobs, or of those in `?state=`.
pub(crate) async fn all(Shared(app): Shared<App>, RawQuery(query): RawQuery) -> Result<Page, Refusal> {
    let [limit, cursor, state] = query::read(query.as_deref(), ["limit", "cursor", "state"])?;
    let filter = state.as_deref().map_or(Ok(Filter::All), read_state)?;
    let more = state.map_or_else(String::new, |state| format!("&state={state}"));
    page(&app, filter, limit, cursor, |limit, cursor| format!("/jobs?limit={limit}&cursor={cursor}{more}"))
        .await
}

/// Answers a page of the jobs that are on a worker.
pub(crate) async fn active(Shared(app): Shared<App>, RawQuery(query): RawQuery) -> Result<Page, Refusal> {
    let [limit, cursor] = query::read(query.as_deref(), ["limit", "cursor"])?;
    page(&app, Filter::Active, limit, cursor, |limit, cursor| {
        format!("/jobs/active?limit={limit}&cursor={cursor}")
    })
    .await
}

fn read_state(text: &str) -> Result<Filter, Refusal> {
    let known = serde_json::from_value(text.into()).map(Filter::In);
    known.map_err(|_| refused(format!("state={text:?} is none of created, running, streaming, stopped")))
}

fn read_limit(text: &str) -> Result<usize, Refusal> {
    let in_range = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    in_range.ok_or_else(|| refused(format!("limit={text:?} is no whole number from 1 to {MOST}")))
}

fn read_cursor(text: &str) -> Result<Cursor, Refusal> {
    text.parse().map_err(|error: NoCursor| refused(error.to_string()))
}

fn refused(detail: String) -> Refusal {
    Problem::invalid_request(detail).into()
}

async fn page(
    app: &App,
    filter: Filter,
    limit: Option<String>,
    cursor: Option<String>,
    address: impl Fn(usize, Cursor) -> String,
) -> Result<Page, Refusal> {
    let limit = limit.as_deref().map_or(Ok(DEFAULT_LIMIT), read_limit)?;
    let cursor = cursor.as_deref().map(read_cursor).transpose()?;
    let (found, next) = collect(app, filter, limit, cursor).await?;
    let mut headers = HeaderMap::new();
    if let Some(next) = next
        && let Ok(link) = HeaderValue::from_str(&format!("<{}>; rel=\"next\"", address(limit, next)))
    {
        headers.insert(header::LINK, link);
    }
    let jobs = found.iter().map(|stored| live_job(stored, &app.master_key, &app.playback).masked());
    Ok((headers, Json(jobs.collect())))
}

/// Jobs that fit, at most `limit`, and where to go on when there may be more.
async fn collect(
    app: &App,
    filter: Filter,
    limit: usize,
    mut cursor: Option<Cursor>,
) -> Result<(Vec<Stored>, Option<Cursor>), Refusal> {
    let read_at_once = if filter == Filter::All { limit } else { limit.max(READ_AT_ONCE) };
    let mut found = Vec::new();
    let mut looked_at = 0;
    loop {
        let from = cursor.map(|cursor| cursor.to_string());
        let page = app.store.list(from.as_deref(), read_at_once).await?;
        looked_at += page.jobs.len().max(1);
        let more_pages = page.next.is_some();
        let mut rest = page.jobs.into_iter().peekable();
        while let Some(stored) = rest.next() {
            cursor = Some(Cursor::after(&stored.job));
            if filter.fits(&stored.job) {
                found.push(stored);
            }
            if found.len() == limit {
                let more = more_pages || rest.peek().is_some();
                return Ok((found, cursor.filter(|_| more)));
            }
        }
        if !more_pages {
            return Ok((found, None));
        }
        // Records that were dropped while the page was read may leave it empty; its own end counts.
        cursor = page.next.and_then(|next| next.parse().ok()).or(cursor);
        if looked_at >= MOST_LOOKED_AT {
            return Ok((found, cursor));
        }
    }
}

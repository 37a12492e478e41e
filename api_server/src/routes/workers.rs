//! `GET /workers`: the hosts that channels run on, without what only services need to know of them.

use axum::Json;
use axum::extract::{RawQuery, State};
use ez_api::words;
use ez_domain::id::{JobId, WorkerId};
use ez_store::standing::SUSPECT_AFTER_MS;
use serde::Serialize;
use utoipa::ToSchema;

use super::query;
use crate::app::App;
use crate::openapi::Refusals;
use crate::refusal::Refusal;

/// A worker as the public may see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Worker {
    /// Identity, kept over restarts.
    #[schema(value_type = String, format = Uuid)]
    id: WorkerId,
    /// `ready`, `suspect` (silent), `draining` or `quarantined` (its disk is full).
    #[schema(schema_with = words::worker_state)]
    state: &'static str,
    /// Host name or address under which publishers reach it.
    address: String,
    /// What it can carry, in thousandths of a core.
    capacity_millicores: u32,
    /// Sum of the estimates of its runs, in thousandths of a core.
    load_millicores: u32,
    /// Measured use of its cores, in thousandths of a core.
    used_millicores: u32,
    /// Jobs whose run it holds.
    #[schema(value_type = Vec<String>)]
    jobs: Vec<JobId>,
    /// Most runs that it takes.
    max_runs: u32,
    /// Time since it was last heard of, in milliseconds.
    heartbeat_age_ms: u64,
}

/// Answers all registered workers, by their ids.
#[utoipa::path(
    get,
    path = "/workers",
    operation_id = "listWorkers",
    tag = "installation",
    responses((status = 200, description = "The workers.", body = Vec<Worker>), Refusals)
)]
pub(crate) async fn list(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Worker>>, Refusal> {
    let [] = query::read(query.as_deref(), [])?;
    let (now, workers) = tokio::try_join!(app.store.now(), app.store.workers())?;
    let shown = workers.into_iter().map(|record| Worker {
        id: record.id,
        state: record.state(now, SUSPECT_AFTER_MS).as_str(),
        capacity_millicores: record.capacity_millicores,
        load_millicores: record.load_millicores,
        used_millicores: record.used_millicores,
        max_runs: record.max_runs,
        heartbeat_age_ms: record.silence_ms(now),
        address: record.public_host,
        jobs: record.runs,
    });
    Ok(Json(shown.collect()))
}

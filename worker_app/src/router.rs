//! The worker's own HTTP routes: health, metrics, `POST /poke`, `GET /runs` for operators and
//! `GET /jobs/{id}/logs` for the API.
//!
//! A poke says nothing but "beat now"; all that follows comes from the scheduler's answer, so a
//! forged one does no harm. These three want the services' token all the same, where there is one.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use ez_api::internal::{LogLine, MOST_LOG_LINES};
use ez_api::problem::Problem;
use ez_domain::secret::Secret;
use ez_service::http::{ProblemResponse, ServiceToken, guarded, health_routes, standard_layers};
use ez_service::metrics::{self, Facts, Gather, Metrics};
use serde::Deserialize;
use tokio::sync::Notify;

use crate::figures::Figures;
use crate::heartbeat::Contact;
use crate::runs::{RunView, Runs};

/// What the routes work on.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) runs: Runs,
    pub(crate) beat_soon: Arc<Notify>,
    pub(crate) contact: Arc<Contact>,
    pub(crate) token: Option<Secret<String>>,
    pub(crate) figures: Figures,
}

/// All routes.
pub(crate) fn router(services: Services) -> Router {
    let contact = Arc::clone(&services.contact);
    let health = health_routes(Arc::new(move || {
        let ready = contact.ready();
        Box::pin(async { ready })
    }));
    let metrics = Metrics::new("worker_app", |registry| services.figures.register(registry));
    let told = metrics::route(metrics.clone(), gather(services.clone()));
    let token = services.token.as_ref().map(|token| ServiceToken::new(token.expose()));
    let internal = Router::new()
        .route("/poke", post(poke))
        .route("/runs", get(list))
        .route("/jobs/{id}/logs", get(logs))
        .with_state(services);
    standard_layers(health.merge(told).merge(guarded(internal, token)), &metrics)
}

/// The runs and the contact to the scheduler, as they are.
fn gather(services: Services) -> Gather {
    Arc::new(move || {
        let services = services.clone();
        Box::pin(async move {
            let mut facts = Facts::default();
            services.runs.tell(&mut facts);
            let is_up = services.contact.ready().is_ok();
            let help = "Whether this worker is registered and its heartbeats are answered";
            facts.value("scheduler_up", help, if is_up { 1.0 } else { 0.0 });
            if let Some(silence) = services.contact.silence() {
                let help = "Time since the last answered heartbeat was sent";
                facts.value("scheduler_contact_age_seconds", help, silence.as_secs_f64());
            }
            facts
        })
    })
}

async fn poke(State(services): State<Services>) -> StatusCode {
    services.beat_soon.notify_one();
    StatusCode::NO_CONTENT
}

/// What the API asks of a log.
#[derive(Debug, Deserialize)]
struct Wanted {
    lines: usize,
}

async fn logs(
    State(services): State<Services>,
    id: Result<Path<String>, PathRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Vec<LogLine>>, ProblemResponse> {
    let refused = |detail: &str| ProblemResponse(Problem::invalid_request(detail));
    let job =
        id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(|| refused("this is no id of a job"))?;
    let Query(Wanted { lines }) = wanted.map_err(|_| refused("lines is missing or no number"))?;
    Ok(Json(services.runs.log_lines(job, lines.min(MOST_LOG_LINES)).await))
}

async fn list(State(services): State<Services>) -> Json<Vec<RunView>> {
    Json(services.runs.views())
}

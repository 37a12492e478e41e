//! The worker's own HTTP routes: health, `POST /poke`, and `GET /runs` for operators.
//!
//! A poke says nothing but "beat now"; all that follows comes from the scheduler's answer, so a
//! forged one does no harm. Both routes want the services' token all the same, where there is one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use ez_domain::secret::Secret;
use ez_service::http::{ServiceToken, guarded, health_routes, standard_layers};
use tokio::sync::Notify;

use crate::heartbeat::Contact;
use crate::runs::{RunView, Runs};

/// What the routes work on.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) runs: Runs,
    pub(crate) beat_soon: Arc<Notify>,
    pub(crate) contact: Arc<Contact>,
    pub(crate) token: Option<Secret<String>>,
}

/// All routes.
pub(crate) fn router(services: Services) -> Router {
    let contact = Arc::clone(&services.contact);
    let health = health_routes(Arc::new(move || {
        let ready = contact.ready();
        Box::pin(async { ready })
    }));
    let token = services.token.as_ref().map(|token| ServiceToken::new(token.expose()));
    let internal = Router::new().route("/poke", post(poke)).route("/runs", get(list)).with_state(services);
    standard_layers(health.merge(guarded(internal, token)))
}

async fn poke(State(services): State<Services>) -> StatusCode {
    services.beat_soon.notify_one();
    StatusCode::NO_CONTENT
}

async fn list(State(services): State<Services>) -> Json<Vec<RunView>> {
    Json(services.runs.views())
}

//! The addresses of the scheduler; for workers and operators, never for the public.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use ez_service::http::{Readiness, ServiceToken, guarded, health_routes, standard_layers};
use ez_service::telemetry::chain;

use crate::app::Running;
use crate::routes::{heartbeat, workers};

/// All routes.
pub(crate) fn router(running: Arc<Running>) -> Router {
    let token = running.app.service_token.as_ref().map(|token| ServiceToken::new(token.expose()));
    let internal = Router::new()
        .route("/workers", post(workers::register).get(workers::list))
        .route("/workers/{id}", get(workers::show))
        .route("/heartbeat", post(heartbeat::beat))
        .with_state(Arc::clone(&running));
    standard_layers(guarded(internal, token).merge(health_routes(readiness(running))))
}

/// Ready while both store and queue answer.
fn readiness(running: Arc<Running>) -> Readiness {
    Arc::new(move || {
        let running = Arc::clone(&running);
        Box::pin(async move {
            running.app.store.ping().await.map_err(|error| chain(&error))?;
            running.app.queue.parked().await.map_err(|error| chain(&error))?;
            Ok(())
        })
    })
}

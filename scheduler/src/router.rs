//! The addresses of the scheduler; for workers and operators, never for the public.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use ez_service::http::{Readiness, ServiceToken, guarded, health_routes, standard_layers};
use ez_service::metrics::{self, Metrics};
use ez_service::telemetry::chain;

use crate::app::Running;
use crate::facts;
use crate::routes::{heartbeat, workers};

/// All routes. Health and metrics are told without the service token.
pub(crate) fn router(running: Arc<Running>) -> Router {
    let token = running.app.service_token.as_ref().map(|token| ServiceToken::new(token.expose()));
    let internal = Router::new()
        .route("/workers", post(workers::register).get(workers::list))
        .route("/workers/{id}", get(workers::show))
        .route("/heartbeat", post(heartbeat::beat))
        .with_state(Arc::clone(&running));
    let metrics = Metrics::new("scheduler", |registry| running.figures.register(registry));
    let told = metrics::route(metrics.clone(), facts::gather(Arc::clone(&running)));
    let open = health_routes(readiness(running)).merge(told);
    standard_layers(guarded(internal, token).merge(open), &metrics)
}

/// Ready while both store and queue answer.
fn readiness(running: Arc<Running>) -> Readiness {
    Arc::new(move || {
        let running = Arc::clone(&running);
        Box::pin(async move {
            running.app.store.ping().await.map_err(|error| chain(&error))?;
            running.app.queue.waiting().await.map_err(|error| chain(&error))?;
            Ok(())
        })
    })
}

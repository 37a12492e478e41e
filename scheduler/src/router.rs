//! The addresses of the scheduler; for workers and operators, never for the public.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use ez_api::problem::Problem;
use ez_service::http::{ProblemResponse, Readiness, health_routes, standard_layers};
use ez_service::telemetry::chain;

use crate::access::require_token;
use crate::app::Running;
use crate::routes::{heartbeat, workers};

/// All routes.
pub(crate) fn router(running: Arc<Running>) -> Router {
    let guarded = Router::new()
        .route("/workers", post(workers::register).get(workers::list))
        .route("/workers/{id}", get(workers::show))
        .route("/heartbeat", post(heartbeat::beat))
        .method_not_allowed_fallback(wrong_method)
        .route_layer(from_fn_with_state(Arc::clone(&running), require_token))
        .with_state(Arc::clone(&running));
    standard_layers(guarded.merge(health_routes(readiness(running))))
}

async fn wrong_method(request: Request) -> ProblemResponse {
    let allowed: &[&str] = match request.uri().path() {
        "/workers" => &["GET", "POST"],
        "/heartbeat" => &["POST"],
        _ => &["GET"],
    };
    Problem::method_not_allowed(request.method().as_str(), allowed).into()
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

//! Which address goes to which handler.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use ez_service::http::{Readiness, guarded, health_routes, standard_layers};
use ez_service::metrics::{self, Metrics};

use crate::app::App;
use crate::routes::keys;

/// The whole service. Only health and metrics are told without the service token.
pub fn router(app: App) -> Router {
    let metrics = Metrics::new("key_server", |registry| app.figures.register(registry));
    let keys = Router::new()
        .route("/keys", post(keys::create::handle))
        .route("/keys/", post(keys::create::handle))
        .route("/keys/{id}", get(keys::get::handle).delete(keys::delete::handle))
        .route("/keys/{id}/", get(keys::get::handle).delete(keys::delete::handle))
        .with_state(app.clone());
    let keys = guarded(keys, Some(app.service_token.clone()));
    let ready: Readiness = Arc::new(move || {
        let app = app.clone();
        Box::pin(async move { app.keys.ping().await.map_err(|error| ez_service::telemetry::chain(&error)) })
    });
    let told = metrics::route(metrics.clone(), metrics::nothing_more());
    standard_layers(keys.merge(health_routes(ready)).merge(told), &metrics)
}

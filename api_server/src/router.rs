//! Which address goes to which handler, and what all of them share.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Uri, header};
use axum::middleware;
use axum::routing::get;
use ez_service::http::{Readiness, health_routes, standard_layers};
use ez_service::metrics::{self, Metrics};
use tower::ServiceExt as _;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::openapi;
use crate::origins;
use crate::routes::{console, jobs, time, workers};

/// Answers about jobs are about now, and some hold a stream key.
const NEVER_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// The whole service.
pub fn router(app: App) -> Router {
    let (api, description) = api().split_for_parts();
    let api = api.layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, NEVER_KEPT));
    let console = Router::new()
        .route("/openapi.json", get(move || std::future::ready(axum::Json(description.clone()))))
        .route("/docs", get(console::reference))
        .route("/", get(console::page))
        .route("/demo", get(console::page))
        .route("/demo/{*path}", get(console::file))
        .route("/console.json", get(console::settings))
        .layer(CompressionLayer::new());
    let metrics = Metrics::new("api_server", |registry| app.figures.register(registry));
    let mut open = health_routes(readiness(app.clone()));
    if app.tells_metrics {
        open = open.merge(metrics::route(metrics.clone(), metrics::nothing_more()));
    }
    let origins = app.origins.clone();
    let routes = api.merge(console).with_state(app).merge(open);
    let routes = routes.layer(middleware::from_fn_with_state(origins.clone(), origins::guard));
    let routes = standard_layers(routes, &metrics).layer(origins.layer());
    // Around the whole router, because a layer inside it runs after the route was chosen.
    Router::new().fallback_service(routes.map_request(without_trailing_slashes))
}

/// The API: each route with its part of the description.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(jobs::list::all, jobs::create::handle))
        .routes(routes!(jobs::list::active))
        .routes(routes!(jobs::get::handle, jobs::put::handle, jobs::delete::handle))
        .routes(routes!(jobs::events::handle))
        .routes(routes!(jobs::stop::handle))
        .routes(routes!(jobs::resume::handle))
        .routes(routes!(jobs::logs::handle))
        .routes(routes!(workers::list))
        .routes(routes!(time::handle))
}

/// The description of the API, as `/openapi.json` answers it.
pub fn description() -> utoipa::openapi::OpenApi {
    api().into_openapi()
}

fn readiness(app: App) -> Readiness {
    Arc::new(move || {
        let app = app.clone();
        Box::pin(async move { app.store.ping().await.map_err(|error| ez_service::telemetry::chain(&error)) })
    })
}

/// `/jobs/` is `/jobs`: the original's clients write both.
fn without_trailing_slashes(mut request: Request) -> Request {
    let uri = request.uri();
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return request;
    }
    let shorter = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = shorter.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

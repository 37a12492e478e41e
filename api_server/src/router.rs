//! Which address goes to which handler, and what all of them share.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::routing::{delete, get, post, put};
use ez_service::http::{Readiness, health_routes, standard_layers};
use ez_service::metrics::{self, Metrics};
use tower::ServiceExt as _;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::App;
use crate::routes::{console, jobs, time, workers};

/// Headers of answers that pages of other origins may read; `Date` is what players take the time from.
const EXPOSED: [HeaderName; 6] = [
    header::DATE,
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
];

/// Answers about jobs are about now, and some hold a stream key.
const NEVER_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// The whole service.
pub fn router(app: App) -> Router {
    let jobs = Router::new()
        .route("/jobs", get(jobs::list::all).merge(post(jobs::create::handle)))
        .route("/jobs/active", get(jobs::list::active))
        .route(
            "/jobs/{id}",
            get(jobs::get::handle).merge(put(jobs::put::handle)).merge(delete(jobs::delete::handle)),
        )
        .route("/jobs/{id}/events", get(jobs::events::handle))
        .route("/jobs/{id}/stop", put(jobs::stop::handle))
        .route("/jobs/{id}/resume", put(jobs::resume::handle))
        .route("/jobs/{id}/logs", get(jobs::logs::handle))
        .route("/workers", get(workers::list))
        .route("/time", get(time::handle))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, NEVER_KEPT));
    let console = Router::new()
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
    let routes = jobs.merge(console).with_state(app).merge(open);
    let routes = standard_layers(routes, &metrics).layer(cors());
    // Around the whole router, because a layer inside it runs after the route was chosen.
    Router::new().fallback_service(routes.map_request(without_trailing_slashes))
}

fn readiness(app: App) -> Readiness {
    Arc::new(move || {
        let app = app.clone();
        Box::pin(async move { app.store.ping().await.map_err(|error| ez_service::telemetry::chain(&error)) })
    })
}

/// Any page may use the API, as it may use the original's.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(Any)
        .expose_headers(EXPOSED)
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

//! What every route gets: request ids, a log line, a count, a deadline, and no panic that escapes.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use ez_api::problem::Problem;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};

use super::{ProblemResponse, REQUEST_DEADLINE, wrong_method};
use crate::metrics::{Metrics, count_requests};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps `router`: unknown paths and wrong methods answer problem details, a slow or panicking
/// handler answers 503 or 500, each answer carries `x-request-id` and is counted.
pub fn standard_layers(router: Router, metrics: &Metrics) -> Router {
    let routes = router
        .fallback(|request: Request| async move {
            ProblemResponse(Problem::no_such_resource(request.uri().path()))
        })
        .layer(middleware::from_fn(deadline))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            ProblemResponse(Problem::internal()).into_response()
        }))
        .layer(middleware::from_fn(log))
        .layer(middleware::from_fn_with_state(metrics.requests().clone(), count_requests))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid));
    wrong_method::explained(routes)
}

async fn deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ProblemResponse(Problem::unavailable(Duration::from_secs(5))).into_response(),
    }
}

async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let began = tokio::time::Instant::now();
    let response = next.run(request).await;
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = response.status();
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(%method, path, status = status.as_u16(), elapsed_ms, request_id = id, "request failed");
    } else if method == Method::GET || method == Method::OPTIONS || method == Method::HEAD {
        tracing::debug!(%method, path, status = status.as_u16(), elapsed_ms, request_id = id, "request");
    } else {
        tracing::info!(%method, path, status = status.as_u16(), elapsed_ms, request_id = id, "request");
    }
    debug_assert!(response.headers().get(header::SET_COOKIE).is_none(), "services set no cookies");
    response
}

//! `/healthz`: the process answers. `/readyz`: it can do its work.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

/// Longest time that a readiness check may take.
const READY_DEADLINE: Duration = Duration::from_secs(2);

/// Tells whether the service can do its work; the error says what is missing.
pub type Readiness = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// The two health routes.
pub fn health_routes(ready: Readiness) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route(
        "/readyz",
        get(move || {
            let ready = Arc::clone(&ready);
            async move {
                match tokio::time::timeout(READY_DEADLINE, ready()).await {
                    Ok(Ok(())) => (StatusCode::OK, "ready\n".to_owned()),
                    Ok(Err(missing)) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {missing}\n")),
                    Err(_) => (
                        StatusCode::SERVICE_UNAVAILABLE,
                        format!("not ready: the check took over {} s\n", READY_DEADLINE.as_secs()),
                    ),
                }
            }
        }),
    )
}

//! The HTTP kit: one way to serve, to refuse and to tell health.

mod extract;
mod health;
mod layers;
mod respond;
mod service_token;
mod wrong_method;

use std::future::IntoFuture as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use extract::Bytes256KiB;
pub use health::{Readiness, health_routes};
pub use layers::standard_layers;
pub use respond::ProblemResponse;
pub use service_token::{ServiceToken, TooShort, guarded};

/// Largest request body, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;
/// Longest time that a request may take.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(15);
/// Longest time that open requests may take after the shutdown began.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Binds `host:port` with a message that says what to do when that fails.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(service: &str, host: &str, port: u16) -> Result<TcpListener> {
    TcpListener::bind((host, port)).await.with_context(|| {
        format!(
            "{service} cannot listen on {host}:{port}: free the port, or choose another in the configuration"
        )
    })
}

/// Serves until `shutdown`, then lets open requests end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> Result<()> {
    let ending = shutdown.clone();
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(ending.cancelled_owned()).into_future();
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served.context("serve HTTP"),
        () = shutdown.cancelled() => {}
    }
    match tokio::time::timeout(SHUTDOWN_GRACE, serving).await {
        Ok(served) => served.context("serve HTTP"),
        Err(_) => Ok(()),
    }
}

//! The HTTP kit: one way to serve, to refuse and to tell health.

mod extract;
mod health;
mod layers;
mod respond;
mod service_token;
mod serving;
mod wrong_method;

use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use extract::BoundedBody;
pub use health::{Readiness, health_routes};
pub use layers::standard_layers;
pub use respond::ProblemResponse;
pub use service_token::{ServiceToken, TooShort, guarded};

/// Largest request body, in bytes, unless a route takes more.
pub const BODY_LIMIT: usize = 256 * 1024;
/// Longest time that a request may take.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(15);

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
/// When the listener cannot be used any more.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> Result<()> {
    serving::serve(listener, router, serving::Limits::default(), shutdown).await
}

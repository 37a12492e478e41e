//! The public REST API and the web console.
//!
//! Stateless: every answer is made from the store, every wish is one event applied to a record there
//! and a hint in the command queue. Any number of instances may serve side by side. Nothing here
//! decides about the life of a job; that is `ez_domain::lifecycle::step`.
//!
//! Invariants:
//! - an answer 201 or 202 is sent after the store has the change; the queue may be away, the job is
//!   then in the outbox and a scheduler finds it there;
//! - a refusal is a problem document (RFC 9457) and changes nothing;
//! - stream keys are never in lists or logs.

pub mod app;
pub mod config;
mod console;
mod figures;
pub mod live_job;
mod openapi;
mod origins;
pub mod playback;
mod refusal;
mod router;
mod routes;
mod workers;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use app::App;
pub use config::Config;

/// Serves the API on `listener` until `shutdown`, then lets open requests end.
///
/// # Errors
/// When the listener fails.
pub async fn run(app: App, listener: TcpListener, shutdown: CancellationToken) -> Result<()> {
    ez_service::http::serve(listener, router(app), shutdown).await
}

pub use router::{description, router};

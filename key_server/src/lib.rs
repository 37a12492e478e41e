//! Content keys: makes one for each content id, keeps it sealed, gives it to services only.
//!
//! No player talks to this service and no browser may: there are no CORS headers, it listens on
//! loopback by default, and every request for a key carries the service token. It does not rotate
//! keys and speaks no key exchange protocol (SPEKE, CPIX).
//!
//! Invariants:
//! - a content id has one key, however often and by how many it is asked for;
//! - a key is never in clear in Redis or in a log.

pub mod app;
pub mod config;
mod figures;
mod key;
mod key_store;
mod refusal;
mod router;
mod routes;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use app::App;
pub use config::Config;
pub use router::router;

/// Serves on `listener` until `shutdown`, then lets open requests end.
///
/// # Errors
/// When the listener fails.
pub async fn run(app: App, listener: TcpListener, shutdown: CancellationToken) -> Result<()> {
    ez_service::http::serve(listener, router(app), shutdown).await
}

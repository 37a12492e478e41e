//! SIGTERM and SIGINT: the first drains, the second kills.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status after a second signal: 128 + SIGTERM, as a shell reports it.
const KILLED: i32 = 143;

/// A token that is cancelled by the first SIGTERM or SIGINT.
///
/// # Errors
/// When the handlers cannot be installed.
#[expect(clippy::disallowed_methods, reason = "lives as long as the process and owns nothing")]
pub fn on_signal() -> Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("install the handler of SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("install the handler of SIGINT")?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut wait = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let name = wait().await;
        tracing::info!(signal = name, "shutting down; a second signal kills");
        cancelled.cancel();
        let name = wait().await;
        tracing::warn!(signal = name, "killed before the shutdown was complete");
        #[expect(clippy::exit, reason = "the operator asked twice")]
        std::process::exit(KILLED);
    });
    Ok(token)
}

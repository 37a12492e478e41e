//! SIGTERM and SIGINT: the first drains, the second kills.

use std::future::poll_fn;
use std::task::Poll;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status after a second signal: 128 + SIGTERM, as a shell reports it.
pub const KILLED: u8 = 143;

/// What signals have asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Cancelled by the first signal: end in order.
    pub drain: CancellationToken,
    /// Cancelled by the second one: end at once.
    pub kill: CancellationToken,
}

/// A token that is cancelled by the first SIGTERM or SIGINT. The second ends the process on the spot.
///
/// # Errors
/// When the handlers cannot be installed.
#[expect(clippy::disallowed_methods, reason = "lives as long as the process and owns nothing")]
pub fn on_signal() -> Result<CancellationToken> {
    let Asked { drain, kill } = on_signals(&[])?;
    tokio::spawn(async move {
        kill.cancelled().await;
        #[expect(clippy::exit, reason = "the operator asked twice")]
        std::process::exit(KILLED.into());
    });
    Ok(drain)
}

/// As [`on_signal`], for a process that has something to do even when it is to end at once; `others` count as
/// SIGTERM and SIGINT do.
///
/// # Errors
/// When the handlers cannot be installed.
#[expect(clippy::disallowed_methods, reason = "lives as long as the process and owns nothing")]
pub fn on_signals(others: &[SignalKind]) -> Result<Asked> {
    let kinds = [&[SignalKind::terminate(), SignalKind::interrupt()], others].concat();
    let handlers = kinds.into_iter().map(|kind| {
        signal(kind).with_context(|| format!("install the handler of signal {}", kind.as_raw_value()))
    });
    let mut handlers = handlers.collect::<Result<Vec<Signal>>>()?;
    let asked = Asked { drain: CancellationToken::new(), kill: CancellationToken::new() };
    let answer = asked.clone();
    tokio::spawn(async move {
        let mut next = async || {
            poll_fn(|context| {
                let came = handlers.iter_mut().any(|handler| handler.poll_recv(context).is_ready());
                if came { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        };
        next().await;
        tracing::info!("asked to end: shutting down; a second signal kills");
        answer.drain.cancel();
        next().await;
        tracing::warn!("asked again: killed before the shutdown was complete");
        answer.kill.cancel();
    });
    Ok(asked)
}

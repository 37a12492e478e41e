//! Logs: structured, to stderr, one line an event.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sets up logging for the process: `EZ_LOG` filters (default `info`), `EZ_LOG_FORMAT` is `json`,
/// `pretty`, or unset: pretty on a terminal, JSON elsewhere.
pub fn init(service: &'static str) {
    let filter = EnvFilter::try_from_env("EZ_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let pretty = match std::env::var("EZ_LOG_FORMAT").as_deref() {
        Ok("pretty") => true,
        Ok(_) => false,
        Err(_) => std::io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let set = if pretty {
        let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        registry.with(layer).try_init()
    } else {
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
        registry.with(layer).try_init()
    };
    if set.is_ok() {
        tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "starting");
    }
}

/// A failure with all its causes, outermost first, for a log line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

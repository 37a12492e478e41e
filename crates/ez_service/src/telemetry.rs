//! Logs: structured, to stderr, one line an event.

mod subject;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use subject::About;
pub use subject::Subject;

/// As [`set_up`], and says at once which service starts.
pub fn init(service: &'static str) -> Subject {
    let subject = set_up();
    starting(service);
    subject
}

/// The first line of a service.
pub fn starting(service: &'static str) {
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "starting");
}

/// Sets up logging for the process: `EZ_LOG` filters (default `info`), `EZ_LOG_FORMAT` is `json`,
/// `pretty`, or unset: pretty on a terminal, JSON elsewhere. Answers what all lines can be made to name.
///
/// A panic becomes a line like any other: who reads logs by machine finds it.
pub fn set_up() -> Subject {
    let filter = EnvFilter::try_from_env("EZ_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let pretty = match std::env::var("EZ_LOG_FORMAT").as_deref() {
        Ok("pretty") => true,
        Ok(_) => false,
        Err(_) => std::io::stderr().is_terminal(),
    };
    let subject = Subject::default();
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let set = if pretty {
        let about = About { format: format(), subject: subject.clone() };
        registry.with(layer.event_format(about)).try_init()
    } else {
        let about = About { format: format().json().flatten_event(true), subject: subject.clone() };
        registry.with(layer.json().event_format(about)).try_init()
    };
    if set.is_ok() {
        std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a part of the program panicked")));
    }
    subject
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

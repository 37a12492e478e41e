//! What a service counts, and how it tells it: OpenMetrics text at `/metrics`.
//!
//! A service has one [`Metrics`]: a registry of what it counted since its start. What is true at the moment
//! of the question (workers, runs, queues) is gathered then, as [`Facts`], and forgotten after the answer:
//! so the series of a run end with it, and two scrapes never mix. There is no global registry; two
//! services in one process do not see each other.
//!
//! Rules: names begin with `ezls_`, units are base units (seconds, bytes), no label takes a value that a
//! stranger chooses or that grows without bound, and no secret is ever a label. `docs/metrics.md` lists
//! every family; tests compare it with what the services tell.

mod facts;
mod http;
mod process;
mod route;

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use facts::{Counted, Facts, Labels};
pub(crate) use http::count_requests;
pub use route::{Gather, nothing_more, route};

use http::Requests;
use process::Process;

/// What every name begins with.
const PREFIX: &str = "ezls";

/// Media type of the text (OpenMetrics 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures of one service. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Requests,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// The figures that every service has, and those that `register` adds; the prefix comes by itself.
    pub fn new(service: &'static str, register: impl FnOnce(&mut Registry)) -> Self {
        let requests = Requests::default();
        let mut registry = Registry::with_prefix(PREFIX);
        let common = registry.sub_registry_with_label(("service".into(), service.into()));
        common.register("build", "What is running", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        common.register_collector(Box::new(Process::starting_now()));
        requests.register(common);
        register(&mut registry);
        Self { registry: Arc::new(registry), requests }
    }

    pub(crate) const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Everything as OpenMetrics text.
    ///
    /// # Errors
    /// When a figure cannot be written.
    pub(crate) fn text(&self, facts: &Facts) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, facts.registry())?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

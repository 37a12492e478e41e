//! What the service counts. It is told on the public port, so no job, key or address is ever a label.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// A family with one label.
type By = Family<[(&'static str, &'static str); 1], Counter>;

/// The counters. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    pub(crate) jobs_created: Counter,
    wishes: By,
    announced: By,
}

impl Figures {
    /// Adds all of them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("jobs_created", "Jobs made through this instance", self.jobs_created.clone());
        let help = "Stops, resumes, replacements and deletions that changed a job, through this instance";
        registry.register("job_wishes", help, self.wishes.clone());
        let help =
            "Commands of this instance: queued at once, or left in the outbox because the queue failed";
        registry.register("commands_announced", help, self.announced.clone());
    }

    /// A user's wish changed a job; `wish` is `stop`, `resume`, `replace` or `delete`.
    pub(crate) fn wished(&self, wish: &'static str) {
        self.wishes.get_or_create(&[("wish", wish)]).inc();
    }

    /// A command was announced, or not.
    pub(crate) fn announced(&self, is_queued: bool) {
        self.announced.get_or_create(&[("result", if is_queued { "queued" } else { "outbox" })]).inc();
    }
}

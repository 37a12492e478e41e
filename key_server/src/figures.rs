//! What the service counts. Neither keys nor content ids are ever labels.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// A family with one label.
type By = Family<[(&'static str, &'static str); 1], Counter>;

/// The counters. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    asked: By,
    told: By,
}

impl Figures {
    /// Adds all of them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Content keys asked for: made, or found because the content id had one";
        registry.register("content_keys", help, self.asked.clone());
        let help = "Content keys looked up by their id: told, or missing";
        registry.register("content_key_lookups", help, self.told.clone());
    }

    /// A content id has its key.
    pub(crate) fn asked(&self, is_new: bool) {
        self.asked.get_or_create(&[("result", if is_new { "made" } else { "found" })]).inc();
    }

    /// A key was looked up.
    pub(crate) fn looked_up(&self, is_there: bool) {
        self.told.get_or_create(&[("result", if is_there { "told" } else { "missing" })]).inc();
    }
}

//! What keeps failing, logged once when it begins or changes, and once when it is over.

use std::collections::HashMap;
use std::error::Error;
use std::hash::Hash;

use ez_service::telemetry::chain;
use ez_store::StoreError;

/// Beyond this many remembered failures, all are forgotten: they are then only logged again.
const MOST: usize = 10_000;

/// The present failures of one loop, by what they are about.
pub(crate) struct Troubles<About> {
    doing: &'static str,
    last: HashMap<About, String>,
}

impl<About: Hash + Eq + std::fmt::Debug> Troubles<About> {
    pub(crate) fn new(doing: &'static str) -> Self {
        Self { doing, last: HashMap::new() }
    }

    /// It failed; logged unless it failed in the same words before.
    pub(crate) fn failed(&mut self, about: About, error: &dyn Error) {
        let text = chain(error);
        if self.is_news(&about, &text) {
            tracing::warn!(doing = self.doing, ?about, error = text, "failed; tried again until it works");
            self.last.insert(about, text);
        }
    }

    fn is_news(&mut self, about: &About, text: &str) -> bool {
        if self.last.len() >= MOST {
            self.last.clear();
        }
        self.last.get(about).is_none_or(|last| last != text)
    }

    /// It worked.
    pub(crate) fn worked(&mut self, about: &About) {
        if self.last.remove(about).is_some() {
            tracing::info!(doing = self.doing, ?about, "works again");
        }
    }
}

/// Whether the store as a whole is away, rather than one record of it unusable.
pub(crate) const fn is_away(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable { .. } | StoreError::Timeout { .. } => true,
        StoreError::Damaged { .. } | StoreError::Contended(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_failure_is_told_once_until_it_changes_or_is_over() {
        let mut troubles = Troubles::new("testing");
        assert!(troubles.is_news(&"a", "refused"));
        troubles.failed("a", &std::io::Error::other("refused"));
        assert!(!troubles.is_news(&"a", "refused"));
        assert!(troubles.is_news(&"a", "reset") && troubles.is_news(&"b", "refused"));
        troubles.worked(&"b");
        assert!(!troubles.is_news(&"a", "refused"));
        troubles.worked(&"a");
        assert!(troubles.is_news(&"a", "refused"));
    }
}

//! Objects that have left the window and may be deleted later.
//!
//! Held in memory only: what a crashed run forgets is caught by the bucket's life-cycle rule and by
//! the removal of the job.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ez_manifest::timeline::Left;
use ez_objects::ObjectStore;
use ez_objects::object::DELETE_BATCH_MAX;
use ez_objects::retry::Policy;
use tokio::task::JoinSet;

/// Time between two rounds of deletion: many objects in one request.
pub(crate) const ROUND: Duration = Duration::from_secs(5);

/// What waits for its deletion.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    /// By time, URIs relative to the job's prefix.
    waiting: BTreeMap<i64, Vec<String>>,
    running: JoinSet<()>,
}

impl Expiry {
    pub(crate) fn add(&mut self, left: Left) {
        for expired in left.objects {
            self.waiting.entry(expired.deletable_at_ms).or_default().push(expired.uri);
        }
    }

    /// Keys whose time has come.
    pub(crate) fn due(&mut self, now_ms: i64, prefix: &str) -> Vec<String> {
        let later = self.waiting.split_off(&now_ms.saturating_add(1));
        let due = std::mem::replace(&mut self.waiting, later);
        due.into_values().flatten().map(|uri| format!("{prefix}{uri}")).collect()
    }

    /// Deletes in the background; a failure leaves objects behind but never stops a channel.
    pub(crate) fn delete(&mut self, store: Arc<dyn ObjectStore>, keys: Vec<String>, policy: Policy) {
        while self.running.try_join_next().is_some() {}
        self.running.spawn(async move {
            for batch in keys.chunks(DELETE_BATCH_MAX) {
                match tokio::time::timeout(policy.attempt_timeout, store.delete_batch(batch)).await {
                    Ok(Ok(_)) => tracing::debug!(objects = batch.len(), "expired objects deleted"),
                    Ok(Err(error)) => {
                        tracing::warn!(%error, objects = batch.len(), "expired objects were not deleted");
                    }
                    Err(_) => tracing::warn!(objects = batch.len(), "deleting expired objects took too long"),
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use ez_manifest::timeline::Expired;

    use super::*;

    #[test]
    fn objects_are_due_once_and_not_before_their_time() {
        let mut expiry = Expiry::default();
        let objects = [(10, "a"), (20, "b"), (30, "c")]
            .map(|(deletable_at_ms, uri)| Expired { uri: uri.into(), deletable_at_ms })
            .to_vec();
        expiry.add(Left { objects, periods: Vec::new() });
        assert!(expiry.due(9, "p/").is_empty());
        assert_eq!(expiry.due(20, "p/"), ["p/a", "p/b"]);
        assert_eq!(expiry.due(20, "p/"), Vec::<String>::new());
        assert_eq!(expiry.due(99, "p/"), ["p/c"]);
    }
}

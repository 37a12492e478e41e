//! Objects that no manifest names, and when they may be deleted.
//!
//! What leaves the window must stay for a while (RFC 8216 6.2.2). That is remembered in memory; a
//! new owner finds what its predecessor had not deleted yet by listing the bucket, where also lies
//! what was uploaded and never published.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ez_domain::id::Epoch;
use ez_manifest::timeline::{Left, Timeline};
use ez_media::layout::PeriodName;
use ez_objects::dice::Dice;
use ez_objects::object::DELETE_BATCH_MAX;
use ez_objects::retry::{Policy, persist};
use ez_objects::{Error, ObjectStore};
use tokio::task::JoinSet;

/// Time between two rounds of deletion: many objects in one request.
pub(crate) const ROUND: Duration = Duration::from_secs(5);

/// What waits for its deletion.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    /// By time, URIs relative to the job's prefix.
    waiting: BTreeMap<i64, Vec<String>>,
    /// Each answers what it could not delete.
    running: JoinSet<Vec<String>>,
}

impl Expiry {
    pub(crate) fn add(&mut self, left: Left) {
        for expired in left.objects {
            self.waiting.entry(expired.deletable_at_ms).or_default().push(expired.uri);
        }
    }

    /// Takes in what no manifest names; none of it is deleted before a playlist that may have named it
    /// is surely out of use.
    pub(crate) fn add_strays(&mut self, strays: Vec<String>, now_ms: i64, timeline: &Timeline) {
        let settings = timeline.settings();
        let longest_ms = settings.window_ms().saturating_add(i64::from(settings.target_duration_s) * 2000);
        self.waiting.entry(now_ms.saturating_add(longest_ms)).or_default().extend(strays);
    }

    /// Keys whose time has come.
    pub(crate) fn due(&mut self, now_ms: i64, prefix: &str) -> Vec<String> {
        let later = self.waiting.split_off(&now_ms.saturating_add(1));
        let due = std::mem::replace(&mut self.waiting, later);
        due.into_values().flatten().map(|uri| format!("{prefix}{uri}")).collect()
    }

    /// Deletes in the background, with what could not be deleted before; a failure never stops a channel.
    pub(crate) fn delete(&mut self, store: Arc<dyn ObjectStore>, mut keys: Vec<String>, policy: Policy) {
        while let Some(ended) = self.running.try_join_next() {
            keys.extend(ended.unwrap_or_default());
        }
        if keys.is_empty() {
            return;
        }
        self.running.spawn(async move {
            let mut failed = Vec::new();
            for batch in keys.chunks(DELETE_BATCH_MAX) {
                let settled =
                    match tokio::time::timeout(policy.attempt_timeout, store.delete_batch(batch)).await {
                        Ok(Ok(_)) => true,
                        Ok(Err(error)) => {
                            tracing::warn!(%error, objects = batch.len(), "expired objects were not deleted");
                            // Who may not delete leaves them to the bucket's own rules.
                            !error.is_retryable()
                        }
                        Err(_) => {
                            tracing::warn!(objects = batch.len(), "deleting expired objects took too long");
                            false
                        }
                    };
                if !settled {
                    failed.extend_from_slice(batch);
                }
            }
            failed
        });
    }
}

/// URIs in period folders of epochs up to `epoch` that lie in the bucket.
pub(crate) async fn list_media(
    store: &dyn ObjectStore,
    prefix: &str,
    epoch: Epoch,
    policy: &Policy,
    mut dice: Dice,
) -> Result<Vec<String>, Error> {
    let mut uris = Vec::new();
    let mut continuation: Option<String> = None;
    loop {
        let from = continuation.as_deref();
        let page = persist(policy, &mut dice, "list", prefix, || store.list(prefix, from)).await?;
        for object in page.objects {
            let Some(uri) = object.key.strip_prefix(prefix) else { continue };
            let period = uri.split('/').next().and_then(|folder| folder.parse::<PeriodName>().ok());
            if period.is_some_and(|period| period.epoch <= epoch) {
                uris.push(uri.to_owned());
            }
        }
        continuation = page.next;
        if continuation.is_none() {
            return Ok(uris);
        }
    }
}

/// Those of `uris` that neither the timeline names nor lie in one of the `open` period folders.
pub(crate) fn strays(uris: Vec<String>, timeline: &Timeline, open: &[String]) -> Vec<String> {
    let named: HashSet<String> = timeline.uris().collect();
    let is_open = |uri: &str| open.iter().any(|folder| uri.split('/').next() == Some(folder));
    uris.into_iter().filter(|uri| !named.contains(uri) && !is_open(uri)).collect()
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

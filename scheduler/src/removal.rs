//! Removes the media of deleted jobs, then their records.
//!
//! Nothing is remembered about how far it came: the listing tells. The record goes only after a
//! listing that found nothing, so a scheduler that dies in between leaves work, not litter.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ez_domain::id::JobId;
use ez_domain::job::{Job, Phase};
use ez_domain::lifecycle::Event;
use ez_media::layout::Objects;
use ez_store::{Applied, CommitGuard, StoreError, apply};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::Running;
use crate::troubles::Troubles;

/// Most jobs that one look takes in.
const BATCH: usize = 200;
/// Pages of a listing that are deleted before other jobs have their turn.
const PAGES: usize = 10;
/// Pauses after failures of one job: doubled from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

#[derive(Debug, thiserror::Error)]
enum RemovalError {
    #[error("the state store failed")]
    Store(#[from] StoreError),
    #[error("the bucket {bucket} failed; the media of the deleted job is still there")]
    Bucket {
        bucket: String,
        #[source]
        source: ez_objects::Error,
    },
}

/// Whether anything is left to be done for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Done,
    More,
}

struct Retry {
    not_before: Instant,
    pause: Duration,
}

/// Removes media until `ended`.
pub(crate) async fn keep_removing(running: Arc<Running>, ended: CancellationToken) {
    let mut remover = Remover { running, troubles: Troubles::new("remove media"), retries: HashMap::new() };
    while !ended.is_cancelled() {
        if remover.remove_some(&ended).await == Progress::More {
            continue;
        }
        let timing = remover.running.app.timing;
        tokio::select! {
            // A time-out is the regular look; the bell only makes it earlier.
            _ = timeout(remover.next_look(timing.removal_every), remover.running.hints.removal.notified()) => {}
            () = ended.cancelled() => return,
        }
    }
}

struct Remover {
    running: Arc<Running>,
    troubles: Troubles<Option<JobId>>,
    retries: HashMap<JobId, Retry>,
}

impl Remover {
    async fn remove_some(&mut self, ended: &CancellationToken) -> Progress {
        let jobs = match self.running.app.store.removals(BATCH).await {
            Ok(jobs) => jobs,
            Err(error) => {
                self.troubles.failed(None, &error);
                return Progress::Done;
            }
        };
        self.troubles.worked(&None);
        // What another scheduler finished needs no pause any more.
        self.retries.retain(|id, _| jobs.contains(id));

        let mut progress = Progress::Done;
        for id in jobs {
            if ended.is_cancelled() {
                break;
            }
            if self.retries.get(&id).is_some_and(|retry| Instant::now() < retry.not_before) {
                continue;
            }
            match remove(&self.running, id).await {
                Ok(Progress::Done) => self.worked(id),
                Ok(Progress::More) => {
                    self.worked(id);
                    progress = Progress::More;
                }
                Err(error) => self.failed(id, &error),
            }
        }
        progress
    }

    fn worked(&mut self, id: JobId) {
        self.retries.remove(&id);
        self.troubles.worked(&Some(id));
    }

    fn failed(&mut self, id: JobId, error: &RemovalError) {
        self.troubles.failed(Some(id), error);
        let pause = self.retries.get(&id).map_or(PAUSES.0, |retry| (retry.pause * 2).min(PAUSES.1));
        self.retries.insert(id, Retry { not_before: Instant::now() + pause, pause });
    }

    /// The pause until the next look: until the first retry, at most `longest`.
    fn next_look(&self, longest: Duration) -> Duration {
        let now = Instant::now();
        let retries = self.retries.values().map(|retry| retry.not_before.saturating_duration_since(now));
        retries.min().map_or(longest, |first| first.min(longest))
    }
}

async fn remove(running: &Running, id: JobId) -> Result<Progress, RemovalError> {
    let store = &*running.app.store;
    let Some(stored) = store.load(id).await? else {
        return Ok(Progress::Done);
    };
    let Phase::Deleting { keep_media, .. } = stored.job.phase else {
        return Ok(Progress::Done);
    };
    if !keep_media && remove_media(running, &stored.job).await? == Progress::More {
        return Ok(Progress::More);
    }
    if apply(store, id, &Event::MediaRemoved, CommitGuard::Version).await? == Applied::Removed {
        tracing::info!(job = %id, keep_media, "a deleted job is gone");
    }
    Ok(Progress::Done)
}

async fn remove_media(running: &Running, job: &Job) -> Result<Progress, RemovalError> {
    let failed = |source| RemovalError::Bucket { bucket: job.spec.bucket.as_str().to_owned(), source };
    let bucket = running.app.buckets.open(&job.spec.bucket).await;
    let prefix = Objects::of(job.id).prefix();
    for _ in 0..PAGES {
        // From the beginning each time: what was listed before is deleted by now.
        let page = bucket.list(&prefix, None).await.map_err(failed)?;
        if page.objects.is_empty() {
            return Ok(Progress::Done);
        }
        let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
        for batch in keys.chunks(ez_objects::object::DELETE_BATCH_MAX) {
            bucket.delete_batch(batch).await.map_err(failed)?;
        }
        tracing::debug!(job = %job.id, objects = keys.len(), "deleted media");
    }
    Ok(Progress::More)
}

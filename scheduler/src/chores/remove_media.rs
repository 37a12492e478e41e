//! Removes the media of a deleted job, then its content key, then its record.

use ez_domain::job::Job;
use ez_domain::lifecycle::Event;
use ez_media::layout::Objects;
use ez_store::{Applied, CommitGuard, apply};

use super::{ChoreError, Progress};
use crate::app::Running;
use crate::key_source::{KeySource, NoKey};

/// Pages of a listing that are deleted before other jobs have their turn.
const PAGES: usize = 10;

/// The record goes only after a listing that found nothing.
pub(super) async fn remove(running: &Running, job: &Job, keep_media: bool) -> Result<Progress, ChoreError> {
    if !keep_media && remove_media(running, job).await? == Progress::More {
        return Ok(Progress::More);
    }
    if !keep_media {
        forget_key(running, job).await?;
    }
    let store = &*running.app.store;
    if apply(store, job.id, &Event::MediaRemoved, CommitGuard::Version).await? == Applied::Removed {
        running.figures.removed_jobs.inc();
        tracing::info!(job = %job.id, keep_media, "a deleted job is gone");
    }
    Ok(Progress::Done)
}

/// Media that stays needs its key; without media nobody does.
async fn forget_key(running: &Running, job: &Job) -> Result<(), ChoreError> {
    let keys = &*running.app.keys;
    let Some(key) = &job.content_key else {
        if job.spec.protection.is_some() {
            forget_unknown_key(keys, job).await?;
        }
        return Ok(());
    };
    match keys.forget(key.id).await {
        // It came from a key server that this scheduler is not told of any more.
        Err(NoKey::NotConfigured) => {
            tracing::warn!(job = %job.id, key_id = %key.id, "the key of a deleted job stays: no key server is configured");
            Ok(())
        }
        forgotten => Ok(forgotten?),
    }
}

/// A key may have been made that did not reach the record: to ask is how its name is found. Most likely there is none,
/// so a key server that gives none does not keep the job; one that gave one, which may be new, is asked until it is gone.
async fn forget_unknown_key(keys: &dyn KeySource, job: &Job) -> Result<(), NoKey> {
    match keys.key(job.id).await {
        Ok(granted) => keys.forget(granted.key.id).await,
        Err(error) => {
            tracing::info!(job = %job.id, %error, "a deleted job had no key, or one that stays");
            Ok(())
        }
    }
}

async fn remove_media(running: &Running, job: &Job) -> Result<Progress, ChoreError> {
    let failed = |source| ChoreError::Bucket { bucket: job.spec.bucket.as_str().to_owned(), source };
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

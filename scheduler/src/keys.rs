//! Fetches the content keys of jobs that are to be protected and have none yet.
//!
//! Such a job waits, and says why, until its key is in its record: it never starts in clear. From then on
//! it can be placed again and again without the key server.

use std::sync::Arc;
use std::time::Duration;

use ez_domain::content_key::SealedContentKey;
use ez_domain::id::JobId;
use ez_domain::job::Job;
use ez_domain::lifecycle::Event;
use ez_store::{Applied, CommitGuard, SealError, StoreError, apply};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::Running;
use crate::key_source::{Granted, NoKey};
use crate::planner::tell_why;
use crate::queue_window::QueueWindow;
use crate::troubles::Troubles;

/// Pause after a failure; the planner rings far more often.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum KeyError {
    #[error("the state store failed")]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoKey(#[from] NoKey),
    #[error("the content key could not be sealed")]
    Seal(#[from] SealError),
}

/// Where the sealed content key of a job belongs; it opens nowhere else.
pub(crate) fn context(id: JobId) -> String {
    format!("content-key:{id}")
}

/// Fetches keys until `ended`, whenever the planner finds jobs that lack one.
pub(crate) async fn keep_fetching(running: Arc<Running>, ended: CancellationToken) {
    let mut troubles = Troubles::new("fetch content keys");
    let mut window = QueueWindow::new(running.app.timing.jobs_a_look);
    loop {
        tokio::select! {
            () = running.hints.keys.notified() => {}
            () = ended.cancelled() => return,
        }
        match fetch_some(&running, &mut window, &ended).await {
            Ok(()) => troubles.worked(&()),
            Err(error) => {
                troubles.failed((), &error);
                // A time-out is the end of the pause.
                drop(timeout(AFTER_FAILURE, ended.cancelled()).await);
            }
        }
    }
}

async fn fetch_some(
    running: &Running,
    window: &mut QueueWindow,
    ended: &CancellationToken,
) -> Result<(), KeyError> {
    let queued = window.look(&*running.app.store).await?;
    let mut failure = None;
    for stored in queued.iter().filter(|stored| stored.job.lacks_key()) {
        if ended.is_cancelled() {
            return Ok(());
        }
        // Who asks one that is away for each of many jobs waits for long.
        let granted = match &failure {
            Some(KeyError::NoKey(known @ (NoKey::Away(_) | NoKey::NotConfigured))) => {
                Err(KeyError::NoKey(known.clone()))
            }
            // A refusal may be about the one job alone.
            Some(_) | None => fetch(running, &stored.job).await,
        };
        match granted {
            Ok(()) => {}
            Err(KeyError::Store(error)) => return Err(error.into()),
            Err(error) => {
                tell_why(running, &stored.job, format!("waits for its content key: {error}")).await?;
                failure = Some(error);
            }
        }
    }
    failure.map_or(Ok(()), Err)
}

async fn fetch(running: &Running, job: &Job) -> Result<(), KeyError> {
    let Granted { key, created_at, is_new } = running.app.keys.key(job.id).await?;
    let sealed = running.app.master_key.seal(&key.key.expose().to_hex(), &context(job.id))?;
    let key_id = key.id;
    let event = Event::KeyGranted { key: SealedContentKey { id: key_id, sealed, created_at } };
    match apply(&*running.app.store, job.id, &event, CommitGuard::Version).await? {
        Applied::Moved { job, effects } => {
            tracing::info!(job = %job.id, "the job has its content key");
            running.hints.follow(&job, &effects, None);
        }
        // The job and its key are being removed, or were, while the key was asked for, which made another one.
        Applied::NotFound | Applied::Stale if is_new => running.app.keys.forget(key_id).await?,
        Applied::NotFound
        | Applied::Stale
        | Applied::Unchanged(_)
        | Applied::Refused(_)
        | Applied::Removed
        | Applied::GuardFailed => {}
    }
    Ok(())
}

//! Ends the playlists of a job that was stopped while no worker held it.

use std::sync::Arc;
use std::time::Duration;

use ez_domain::fault::Failure;
use ez_domain::id::{Epoch, RunId};
use ez_domain::job::Job;
use ez_domain::lifecycle::Event;
use ez_origin::{Settings, Stopped, end_channel};
use ez_service::clock::RunClock;
use ez_store::{Applied, CommitGuard, apply};
use tokio::time::timeout;

use super::{ChoreError, Progress};
use crate::app::Running;

/// A store that does not answer must not keep the other chores waiting. It takes some fifteen requests, one after the
/// other, and each try begins with the first.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends them under `epoch`. Two schedulers may do it at once: the second finds them ended.
pub(super) async fn end(running: &Running, job: &Job, epoch: Epoch) -> Result<Progress, ChoreError> {
    let bucket = running.app.buckets.open(&job.spec.bucket).await;
    // Only playlists are written, so no key is needed.
    let settings = Settings {
        job: job.id,
        epoch,
        spec: Arc::new(job.spec.clone()),
        time_url: None,
        clock: RunClock::start(),
        content_key: None,
        spool_bytes: None,
    };
    let run = RunId { job: job.id, epoch };
    let ended = timeout(PATIENCE, end_channel(&settings, &bucket)).await;
    let failure = match ended {
        Err(_) => {
            return Err(ChoreError::Slow { bucket: job.spec.bucket.as_str().to_owned(), limit: PATIENCE });
        }
        Ok(Ok(_)) => None,
        // A new run owns the channel: the record has moved on, or is about to.
        Ok(Err(Stopped::Fenced(seen))) => {
            tracing::info!(job = %job.id, epoch = epoch.number(), %run, %seen, "a newer run owns the playlists that were to be ended");
            None
        }
        Ok(Err(Stopped::Failed(failure))) if failure.retryable => {
            return Err(ChoreError::Playlists { reason: failure.reason });
        }
        Ok(Err(Stopped::Failed(failure))) => Some(Failure {
            reason: format!("the playlists could not be ended: {}", failure.reason),
            ..failure
        }),
    };
    let event = Event::PlaylistsEnded { epoch, failure };
    let applied = apply(&*running.app.store, job.id, &event, CommitGuard::Version).await?;
    if let Applied::Moved { job, .. } = applied {
        tracing::info!(job = %job.id, epoch = epoch.number(), %run, reason = job.reason(), "the playlists of a job without a run were ended");
    }
    Ok(Progress::Done)
}

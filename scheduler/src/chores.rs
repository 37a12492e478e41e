//! What is to be done in the buckets of jobs that no worker holds: playlists are ended, media is removed.
//!
//! Nothing is remembered about how far a chore came: the bucket tells. The record moves on only when
//! nothing is left to be done, so a scheduler that dies in between leaves work, not litter.

mod end_playlists;
mod remove_media;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ez_domain::id::JobId;
use ez_domain::job::Phase;
use ez_store::StoreError;
use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::Running;
use crate::key_source::NoKey;
use crate::troubles::Troubles;

/// Most jobs that one look takes in. Only ids are read, so that those of buckets that are away for long leave
/// room for all others.
const BATCH: usize = 10_000;
/// Chores that are done at once: a bucket that hangs keeps few others waiting.
const AT_ONCE: usize = 16;
/// How long one list is worked on.
const TURN: Duration = Duration::from_secs(15);
/// Pauses after failures of one job: doubled from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

#[derive(Debug, thiserror::Error)]
enum ChoreError {
    #[error("the state store failed")]
    Store(#[from] StoreError),
    #[error("the bucket {bucket} failed")]
    Bucket {
        bucket: String,
        #[source]
        source: ez_objects::Error,
    },
    #[error("the bucket {bucket} did not answer within {} s", limit.as_secs())]
    Slow { bucket: String, limit: Duration },
    #[error("the content key could not be removed")]
    Key(#[from] NoKey),
    #[error("the playlists could not be ended: {reason}")]
    Playlists { reason: String },
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

/// Does chores until `ended`.
pub(crate) async fn keep_doing(running: Arc<Running>, ended: CancellationToken) {
    let mut chores =
        Chores { running, troubles: Troubles::new("do the chores of a bucket"), retries: HashMap::new() };
    while !ended.is_cancelled() {
        if chores.do_some(&ended).await == Progress::More {
            continue;
        }
        let timing = chores.running.app.timing;
        tokio::select! {
            // A time-out is the regular look; the bell only makes it earlier.
            _ = timeout(chores.next_look(timing.chores_every), chores.running.hints.chores.notified()) => {}
            () = ended.cancelled() => return,
        }
    }
}

struct Chores {
    running: Arc<Running>,
    troubles: Troubles<Option<JobId>>,
    retries: HashMap<JobId, Retry>,
}

impl Chores {
    async fn do_some(&mut self, ended: &CancellationToken) -> Progress {
        let looked = self.running.app.store.chores(BATCH).await;
        self.running.figures.looked("chores", &looked);
        let jobs = match looked {
            Ok(jobs) => jobs,
            Err(error) => {
                self.troubles.failed(None, &error);
                return Progress::Done;
            }
        };
        self.troubles.worked(&None);
        // What another scheduler finished needs no pause any more.
        let present: HashSet<JobId> = jobs.iter().copied().collect();
        self.retries.retain(|id, _| present.contains(id));

        let began = Instant::now();
        let due =
            jobs.into_iter().filter(|id| self.retries.get(id).is_none_or(|retry| retry.not_before <= began));
        // Those that have not failed yet come first, whatever else hangs.
        let (again, first): (Vec<JobId>, Vec<JobId>) = due.partition(|id| self.retries.contains_key(id));
        let due = [first, again].concat();
        let mut left = due.len();
        let running = &Arc::clone(&self.running);
        // Once it ends nothing more is begun; what is under way is brought to its end.
        let doing = stream::iter(due)
            .take_while(|_| std::future::ready(!ended.is_cancelled() && began.elapsed() < TURN))
            .map(|id| async move { (id, do_one(running, id).await) });
        let mut doing = doing.buffer_unordered(AT_ONCE);
        let mut progress = Progress::Done;
        while let Some((id, done)) = doing.next().await {
            left -= 1;
            match done {
                Ok(Progress::Done) => self.worked(id),
                Ok(Progress::More) => {
                    self.worked(id);
                    progress = Progress::More;
                }
                Err(error) => self.failed(id, &error),
            }
        }
        // The list is read again, for what came meanwhile.
        if left > 0 { Progress::More } else { progress }
    }

    fn worked(&mut self, id: JobId) {
        self.retries.remove(&id);
        self.troubles.worked(&Some(id));
    }

    fn failed(&mut self, id: JobId, error: &ChoreError) {
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

async fn do_one(running: &Running, id: JobId) -> Result<Progress, ChoreError> {
    let Some(stored) = running.app.store.load(id).await? else {
        return Ok(Progress::Done);
    };
    match stored.job.phase {
        Phase::Deleting { keep_media, .. } => remove_media::remove(running, &stored.job, keep_media).await,
        Phase::Finishing { epoch, .. } => end_playlists::end(running, &stored.job, epoch).await,
        Phase::Pending { .. }
        | Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. }
        | Phase::Stopping { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. } => Ok(Progress::Done),
    }
}

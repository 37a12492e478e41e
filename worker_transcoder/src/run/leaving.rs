//! The end of a run: ordered, or because it cannot go on.

use std::time::Duration;

use ez_domain::fault::Failure;
use ez_domain::lifecycle::RunOutcome;
use ez_origin::{Message, Playlists};
use tokio::sync::oneshot;

use super::active::Next;
use super::{Over, Run};

/// How long a run that failed may take to publish what is whole; an outage of the bucket ends it sooner
/// than that of an ordered end.
const LAST_UPLOADS: Duration = Duration::from_secs(10);

/// The run is ending.
pub(super) struct Leaving {
    pub(super) playlists: Playlists,
    /// Answers once everything is published; asked when no period is open any more.
    pub(super) done: Option<oneshot::Receiver<()>>,
    /// Why, when nobody ordered it, and until when the rest may be published.
    pub(super) failure: Option<(Failure, Duration)>,
}

impl Run {
    /// Takes no more media, lets the period end, and has the rest published.
    pub(super) async fn begin_to_leave(&mut self, playlists: Playlists) -> Option<Over> {
        if let Some(leaving) = self.leaving.as_mut() {
            // Told to leave and then to end: what can still be done is done, else the scheduler ends them.
            if playlists == Playlists::End && leaving.done.is_none() {
                leaving.playlists = playlists;
            }
            return None;
        }
        tracing::info!(?playlists, "stopping");
        self.still_making = None;
        self.leaving = Some(Leaving { playlists, done: None, failure: None });
        self.ingest_end.cancel();
        if self.period.is_some() {
            self.close_period(Next::Wait).await;
        } else {
            self.leave().await;
        }
        None
    }

    /// Ends the run with a failure, after what is whole has been published: nobody else has it.
    pub(super) async fn give_up(&mut self, failure: Failure) {
        if self.leaving.is_some() {
            return;
        }
        tracing::error!(reason = failure.reason, "the run gives up");
        self.still_making = None;
        let until = self.clock.now() + LAST_UPLOADS;
        self.leaving =
            Some(Leaving { playlists: Playlists::Rest, done: None, failure: Some((failure, until)) });
        self.ingest_end.cancel();
        if let Some(active) = self.period.as_mut() {
            // Nobody encodes again what not every rendition has; what every one has stays.
            active.next = Some(Next::Replay);
            active.period.kill();
        } else {
            self.leave().await;
        }
    }

    /// Asks the origin to publish what is left; the run is over only after that.
    pub(super) async fn leave(&mut self) {
        let Some(leaving) = self.leaving.as_mut() else { return };
        let (done, published) = oneshot::channel();
        leaving.done = Some(published);
        drop(self.to_origin.send(Message::Leave { playlists: leaving.playlists, done }).await);
    }
}

/// The answer of the origin to the end of the run; pends while none is awaited.
pub(super) async fn left(leaving: Option<&mut Leaving>) -> RunOutcome {
    let Some(Leaving { playlists, done: Some(done), failure }) = leaving else {
        return std::future::pending().await;
    };
    match done.await {
        Ok(()) if let Some((failure, _)) = failure => RunOutcome::Failed { failure: failure.clone() },
        Ok(()) if *playlists == Playlists::End => RunOutcome::Stopped,
        Ok(()) => RunOutcome::Left,
        // The origin is gone; its task tells why.
        Err(_) => std::future::pending().await,
    }
}

//! The end of a period and of the run.

use ez_service::latest::Latest as _;
use tokio::sync::oneshot;

use super::{Local, Origin, Playlists};

/// The run is over; what it still owes is being published.
#[derive(Debug)]
pub(super) struct Leaving {
    playlists: Playlists,
    done: Option<oneshot::Sender<()>>,
    /// The version that must be published before it is done.
    last: Option<u64>,
}

impl Origin {
    pub(super) fn leave(&mut self, playlists: Playlists, done: oneshot::Sender<()>) {
        self.leaving = Some(Leaving { playlists, done: Some(done), last: None });
    }

    /// Closes the first period when all of it has been appended; answers whether there may be more to do.
    pub(super) async fn close_first(&mut self) -> bool {
        let Some(period) = self.periods.front_mut() else { return false };
        let is_over = period.has_ended && period.slots.is_settled();
        if !is_over {
            return false;
        }
        if period.opened_in.is_some() {
            for (slot, is_trailing) in period.slots.drain() {
                self.append(&slot, is_trailing).await;
            }
            if let Some(timeline) = self.timeline.as_mut() {
                timeline.close_period();
            }
            self.change = Some(true);
        }
        if let Some(period) = self.periods.pop_front() {
            tracing::info!(period = ?period.id(), "period closed");
            self.removable.push_back((self.version.saturating_add(1), Local::Folder(period.folder)));
        }
        true
    }

    /// Ends the playlists once nothing is left to be published.
    pub(super) fn end_when_drained(&mut self) {
        let Some(leaving) = self.leaving.as_mut().filter(|leaving| leaving.last.is_none()) else { return };
        if !self.periods.is_empty() {
            return;
        }
        if let Some(timeline) = self.timeline.as_mut()
            && leaving.playlists == Playlists::End
            && !timeline.has_ended()
        {
            timeline.end();
            self.change = Some(true);
        }
        let next = u64::from(self.change.is_some());
        leaving.last = Some(self.version.saturating_add(next));
        let published = self.acknowledged.latest().manifests;
        self.leave_when_published(published);
    }

    pub(super) fn leave_when_published(&mut self, published: u64) {
        let Some(leaving) = self.leaving.as_mut() else { return };
        if leaving.last.is_some_and(|last| last <= published)
            && let Some(done) = leaving.done.take()
        {
            // A run that is gone needs no answer.
            let _ = done.send(());
        }
    }
}

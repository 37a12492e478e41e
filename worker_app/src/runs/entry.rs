//! A row of the table: the ways to a run's supervisor, and what it last saw.

use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_service::latest::Latest as _;
use tokio::sync::{mpsc, watch};

use super::supervisor::{Message, Seen, Wanted};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) wanted: watch::Sender<Wanted>,
    pub(super) seen: watch::Receiver<Seen>,
    pub(super) inbox: mpsc::Sender<Message>,
}

impl Entry {
    /// A run that ended without ever having had a process here.
    pub(super) fn ended(outcome: RunOutcome) -> Self {
        let state = RunState::Exited { outcome, committed_segments: 0 };
        Self {
            wanted: watch::channel(Wanted::default()).0,
            seen: watch::channel(Seen::new(state, 0)).1,
            inbox: mpsc::channel(1).0,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.seen.latest().has_ended()
    }
}

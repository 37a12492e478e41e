//! `input_info.json`: what the publisher sends, for people and programs that ask.
//!
//! No media depends on it, so no failure of it ends a run: it is tried again.

use bytes::Bytes;
use ez_domain::id::Epoch;
use ez_objects::stable::{Outcome, StableObject};
use tokio::task::JoinSet;

/// The object, and what it is to say.
#[derive(Debug)]
pub(crate) struct InputInfo {
    epoch: Epoch,
    /// Not here while it is being written.
    cell: Option<StableObject>,
    wanted: Option<Bytes>,
    writing: JoinSet<(StableObject, Written)>,
    is_stored: bool,
}

/// How a write ended.
#[derive(Debug)]
enum Written {
    Stored,
    /// Another run owns the channel, which the timeline will say.
    Fenced,
    Failed(Bytes),
}

impl InputInfo {
    pub(crate) fn new(cell: StableObject, epoch: Epoch) -> Self {
        Self { epoch, cell: Some(cell), wanted: None, writing: JoinSet::new(), is_stored: false }
    }

    /// Whether this run's description is in the store.
    pub(crate) const fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// Takes what it is to say from now on; it must name the epoch.
    pub(crate) fn say(&mut self, json: Bytes) {
        self.wanted = Some(json);
    }

    /// Writes in the background, one write at a time.
    pub(crate) fn advance(&mut self) {
        while let Some(ended) = self.writing.try_join_next() {
            let Ok((cell, written)) = ended else { continue };
            self.cell = Some(cell);
            match written {
                Written::Stored => self.is_stored = true,
                Written::Fenced => self.wanted = None,
                Written::Failed(json) => self.wanted = self.wanted.take().or(Some(json)),
            }
        }
        let Some(json) = self.wanted.take_if(|_| self.cell.is_some()) else { return };
        let (Some(mut cell), epoch) = (self.cell.take(), self.epoch) else { return };
        self.writing.spawn(async move {
            let written = match cell.update(epoch, |_| json.clone()).await {
                Ok(Outcome::Fenced { seen }) if seen != epoch => Written::Fenced,
                Ok(Outcome::Fenced { .. } | Outcome::Changed(_)) => Written::Failed(json),
                Ok(Outcome::Written(_) | Outcome::Unchanged) => Written::Stored,
                Err(error) => {
                    tracing::warn!(%error, "what the publisher sends could not be described in the bucket");
                    Written::Failed(json)
                }
            };
            (cell, written)
        });
    }
}

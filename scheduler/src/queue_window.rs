//! What one look at the queue takes in.
//!
//! The jobs that have waited longest, and behind them another stretch of the queue with each look: hundreds of
//! jobs that nobody can place, or that lack a key, must not hide those behind them.

use std::collections::HashSet;

use ez_domain::id::JobId;
use ez_store::{Store, StoreError, Stored};

/// Where the next look goes on behind the oldest.
#[derive(Debug)]
pub(crate) struct QueueWindow {
    stretch: usize,
    further: usize,
}

impl QueueWindow {
    /// Reads so many jobs at once.
    pub(crate) const fn new(stretch: usize) -> Self {
        Self { stretch, further: stretch }
    }

    /// The oldest waiting jobs, then a further stretch; each once.
    pub(crate) async fn look(&mut self, store: &dyn Store) -> Result<Vec<Stored>, StoreError> {
        let mut seen = store.queued(0, self.stretch).await?;
        // Records that cannot be read are left out: somewhat fewer than asked for is not the end.
        if seen.len() <= self.stretch / 2 {
            return Ok(seen);
        }
        let further = store.queued(self.further, self.stretch).await?;
        self.further =
            if further.is_empty() { self.stretch } else { self.further.saturating_add(self.stretch) };
        // The queue moved between the two readings.
        let known: HashSet<JobId> = seen.iter().map(|stored| stored.job.id).collect();
        seen.extend(further.into_iter().filter(|stored| !known.contains(&stored.job.id)));
        Ok(seen)
    }
}

//! Counts of jobs, for metrics.

use ez_domain::units::Timestamp;

use super::RedisStore;
use crate::store::{Census, StoreError};

/// As the script answers it; see `census.lua`.
type RawCensus = (u64, Vec<(String, u64)>, u64, u64, String, u64, String, u64, u64, u64);

impl RedisStore {
    pub(super) async fn count(&self) -> Result<Census, StoreError> {
        let raw: RawCensus = self.run("count the jobs", &self.inner.scripts.census, &[], &[]).await?;
        let (now, phases, jobs, queued, oldest_queued, in_outbox, oldest_command, chores, runs, lapsed) = raw;
        let time = |text: String| text.parse().ok().map(Timestamp::from_millis);
        Ok(Census {
            now: Timestamp::from_millis(now),
            phases: phases.into_iter().collect(),
            jobs,
            queued,
            oldest_queued: time(oldest_queued),
            in_outbox,
            oldest_command: time(oldest_command),
            chores,
            runs,
            lapsed,
        })
    }
}

//! Records that heartbeats brought: one that did not change since need not come again.
//!
//! A cache only. Each entry is told from others by a digest of the record's text, which the store compares.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ez_domain::id::JobId;
use ez_domain::job::Job;

/// Records kept at most; beyond it, all are forgotten and brought again.
const MOST: usize = 10_000;

/// What is known, and by which digest.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<JobId, (String, Job)>>);

impl Known {
    /// The digest of the record that is known of a job; empty for none.
    pub(super) fn digest(&self, id: JobId) -> String {
        self.lock().get(&id).map(|(digest, _)| digest.clone()).unwrap_or_default()
    }

    /// The record with this digest.
    pub(super) fn job(&self, id: JobId, digest: &str) -> Option<Job> {
        self.lock().get(&id).filter(|(known, _)| known == digest).map(|(_, job)| job.clone())
    }

    pub(super) fn keep(&self, digest: &str, job: &Job) {
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(job.id, (digest.to_owned(), job.clone()));
    }

    pub(super) fn forget(&self, id: JobId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, (String, Job)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Which jobs a listing is about.

use std::collections::BTreeSet;

use ez_domain::id::WorkerId;
use ez_domain::job::{Job, PhaseName};

/// What jobs of a listing have in common; by default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// They are in one of these phases.
    pub phases: Option<BTreeSet<PhaseName>>,
    /// Their run is on this worker.
    pub worker: Option<WorkerId>,
}

impl Selection {
    /// Whether `job` is wanted.
    pub fn fits(&self, job: &Job) -> bool {
        let is_in_phase = self.phases.as_ref().is_none_or(|phases| phases.contains(&job.phase.name()));
        let is_there =
            self.worker.is_none_or(|worker| job.phase.run().is_some_and(|run| run.worker == worker));
        is_in_phase && is_there
    }
}

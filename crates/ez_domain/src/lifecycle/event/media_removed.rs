//! The media of a deleted job has been removed.

use crate::job::{Job, Phase};
use crate::lifecycle::Outcome;

pub(crate) fn apply(job: &Job) -> Outcome {
    match &job.phase {
        Phase::Deleting { .. } => Outcome::Removed,
        Phase::Pending { .. }
        | Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. }
        | Phase::Stopping { .. }
        | Phase::Finishing { .. }
        | Phase::Backoff { .. }
        | Phase::Stopped { .. }
        | Phase::Failed { .. } => Outcome::Stale,
    }
}

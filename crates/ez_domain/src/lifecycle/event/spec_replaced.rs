//! The user wants something else to come out of the job.

use crate::id::Epoch;
use crate::job::{Job, Phase};
use crate::lifecycle::{NewSpec, Outcome, Refusal, moved, record};
use crate::units::Timestamp;

/// Only an ended job takes another specification: a run, and a scheduler that ends its playlists, go by
/// the one that they were given.
///
/// What was published lies in the bucket, so a job that ever ran keeps its own.
pub(crate) fn apply(job: &Job, wanted: &NewSpec, now: Timestamp) -> Outcome {
    match &job.phase {
        Phase::Stopped { .. } | Phase::Failed { .. } => {
            let NewSpec { spec, warnings, cost_millicores } = wanted;
            let is_new =
                (&job.spec, &job.warnings, job.cost_millicores) != (spec, warnings, *cost_millicores);
            if !is_new {
                return Outcome::Unchanged;
            }
            if job.last_epoch > Epoch::default() && spec.bucket != job.spec.bucket {
                return Outcome::Refused(Refusal::BucketFixed);
            }
            let mut next = job.clone();
            next.spec = spec.clone();
            next.warnings.clone_from(warnings);
            next.cost_millicores = *cost_millicores;
            next.generation += 1;
            // Nothing is left to be done for this command, so it needs no outbox.
            next.admitted = next.generation;
            let reason = "the specification was replaced by the user".to_owned();
            record(&mut next, &job.phase, reason, None, now);
            moved(next, Vec::new())
        }
        Phase::Pending { .. }
        | Phase::Assigned { .. }
        | Phase::Listening { .. }
        | Phase::Streaming { .. }
        | Phase::Interrupted { .. }
        | Phase::Stopping { .. }
        | Phase::Finishing { .. }
        | Phase::Backoff { .. } => Outcome::Refused(Refusal::NotAtRest(job.phase.name())),
        Phase::Deleting { .. } => Outcome::Refused(Refusal::BeingDeleted),
    }
}

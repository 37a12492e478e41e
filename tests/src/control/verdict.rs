//! What was asked of each job against what became of it.

use std::collections::BTreeMap;

use ez_domain::id::{Epoch, JobId, WorkerId};

/// What a user wants of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// On a worker.
    Run,
    /// On none, with ended playlists.
    Stop,
    /// Gone.
    Delete,
}

/// What was asked of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The last wish that was accepted.
    pub accepted: Wish,
    /// A later one whose answer was lost: it may have been accepted or not.
    pub unanswered: Option<Wish>,
}

impl Asked {
    /// A wish that was accepted.
    pub const fn accepted(wish: Wish) -> Self {
        Self { accepted: wish, unanswered: None }
    }

    fn allows(self, wish: Wish) -> bool {
        self.accepted == wish || self.unanswered == Some(wish)
    }
}

/// A job as the API tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its phase.
    pub phase: String,
    /// The epoch of its run, or of its last one.
    pub epoch: Epoch,
    /// Who holds its run; empty for nobody.
    pub worker: String,
}

/// What there is when everything has come to rest.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What users asked for, by jobs whose creation was answered.
    pub asked: BTreeMap<JobId, Asked>,
    /// Creations without an answer: so many jobs may be there that nobody knows of.
    pub unanswered_creations: usize,
    /// All jobs of the API.
    pub told: BTreeMap<JobId, Told>,
    /// The runs that workers hold.
    pub held: BTreeMap<JobId, Vec<(WorkerId, Epoch)>>,
}

impl Outcome {
    /// What is not as it was asked for, in words.
    pub fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (job, asked) in &self.asked {
            match self.told.get(job) {
                None if asked.allows(Wish::Delete) => {}
                None => found.push(format!("job {job} was accepted and is lost; {asked:?}")),
                Some(told) => found.extend(self.mismatch(*job, *asked, told)),
            }
        }
        let unasked: Vec<_> = self.told.iter().filter(|(job, _)| !self.asked.contains_key(job)).collect();
        if unasked.len() > self.unanswered_creations {
            let (unasked, unanswered) = (unasked.len(), self.unanswered_creations);
            found.push(format!(
                "{unasked} jobs are there that nobody asked for, and {unanswered} were not answered"
            ));
        }
        for (job, told) in unasked {
            found.extend(self.mismatch(*job, Asked::accepted(Wish::Run), told));
        }
        for job in self.held.keys().filter(|job| !self.told.contains_key(job)) {
            found.push(format!("job {job} is gone, and a worker holds it: {:?}", self.held.get(job)));
        }
        found
    }

    fn mismatch(&self, job: JobId, asked: Asked, told: &Told) -> Option<String> {
        let held = self.held.get(&job).map_or(&[][..], Vec::as_slice);
        let runs = told.phase == "listening"
            && matches!(held, [(worker, epoch)] if worker.to_string() == told.worker && *epoch == told.epoch);
        let stopped = told.phase == "stopped" && held.is_empty();
        let as_asked = asked.allows(Wish::Run) && runs || asked.allows(Wish::Stop) && stopped;
        (!as_asked).then(|| format!("job {job}: {asked:?}, and it is {told:?}, held by {held:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e01";
    const WORKER: &str = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e02";

    fn listening(epoch: u64) -> Told {
        Told { phase: "listening".to_owned(), epoch: Epoch::new(epoch), worker: WORKER.to_owned() }
    }

    fn stopped() -> Told {
        Told { phase: "stopped".to_owned(), epoch: Epoch::new(1), worker: String::new() }
    }

    fn pending() -> Told {
        Told { phase: "pending".to_owned(), ..stopped() }
    }

    /// The outcome for one job.
    fn outcome(asked: Option<Asked>, told: Option<Told>, held: &[u64]) -> Outcome {
        let job: JobId = JOB.parse().unwrap();
        let runs: Vec<_> = held.iter().map(|epoch| (WORKER.parse().unwrap(), Epoch::new(*epoch))).collect();
        Outcome {
            asked: asked.into_iter().map(|asked| (job, asked)).collect(),
            unanswered_creations: 0,
            told: told.into_iter().map(|told| (job, told)).collect(),
            held: (!runs.is_empty()).then_some((job, runs)).into_iter().collect(),
        }
    }

    #[test]
    fn what_was_asked_for_is_no_complaint() {
        let maybe = |unanswered| Some(Asked { accepted: Wish::Run, unanswered: Some(unanswered) });
        for (name, outcome) in [
            ("it runs", outcome(Some(Asked::accepted(Wish::Run)), Some(listening(3)), &[3])),
            ("it is off", outcome(Some(Asked::accepted(Wish::Stop)), Some(stopped()), &[])),
            ("it is gone", outcome(Some(Asked::accepted(Wish::Delete)), None, &[])),
            ("a stop without an answer, done", outcome(maybe(Wish::Stop), Some(stopped()), &[])),
            ("a stop without an answer, not done", outcome(maybe(Wish::Stop), Some(listening(1)), &[1])),
            ("a delete without an answer", outcome(maybe(Wish::Delete), None, &[])),
            (
                "a creation without an answer",
                Outcome { unanswered_creations: 1, ..outcome(None, Some(listening(1)), &[1]) },
            ),
        ] {
            assert_eq!(outcome.complaints(), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn everything_else_is_one() {
        let run = Some(Asked::accepted(Wish::Run));
        let stop = Some(Asked::accepted(Wish::Stop));
        for (name, outcome, words) in [
            ("a lost job", outcome(run, None, &[]), "is lost"),
            ("one that waits still", outcome(run, Some(pending()), &[]), "pending"),
            ("one that nobody holds", outcome(run, Some(listening(2)), &[]), "held by []"),
            ("one that is held as another run", outcome(run, Some(listening(2)), &[1]), "held by"),
            ("one that is held twice", outcome(run, Some(listening(2)), &[1, 2]), "held by"),
            ("one that runs against the wish", outcome(stop, Some(listening(1)), &[1]), "Stop"),
            ("one that is off against the wish", outcome(run, Some(stopped()), &[]), "Run"),
            ("one that is off and held", outcome(stop, Some(stopped()), &[1]), "held by"),
            (
                "one that was deleted and is there",
                outcome(Some(Asked::accepted(Wish::Delete)), Some(stopped()), &[]),
                "Delete",
            ),
            ("one that is gone and held", outcome(None, None, &[1]), "is gone, and a worker holds it"),
            ("one that nobody asked for", outcome(None, Some(listening(1)), &[1]), "nobody asked for"),
        ] {
            let found = outcome.complaints();
            assert!(found.iter().any(|complaint| complaint.contains(words)), "{name}: {found:?}");
        }
    }
}

//! What workers and users saw, in the order in which they saw it, and the rules that it must keep.
//!
//! The rules are those of the epoch: it stands for one run on one life of one worker, and it only grows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use tokio::sync::Notify;
use tokio::time::Instant;

/// One life of one worker.
pub type Life = (WorkerId, Incarnation);

/// Something that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A worker took a run up.
    Took {
        /// Which worker.
        life: Life,
        /// Of which job.
        job: JobId,
        /// Which run.
        epoch: Epoch,
    },
    /// It holds the run no more: it was told so, or it died.
    LetGo {
        /// Which worker.
        life: Life,
        /// Of which job.
        job: JobId,
        /// Which run.
        epoch: Epoch,
    },
    /// The API told one user, who asks one question after the other, this epoch of a job of his.
    Told {
        /// Of which job.
        job: JobId,
        /// Which epoch.
        epoch: Epoch,
    },
}

/// What all of them saw.
#[derive(Debug, Clone, Default)]
pub struct History {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<Vec<(Instant, Entry)>>,
    grew: Notify,
}

impl History {
    /// Adds what was just seen.
    pub fn saw(&self, entry: Entry) {
        self.lock().push((Instant::now(), entry));
        self.shared.grew.notify_waiters();
    }

    /// Everything so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().iter().map(|(_, entry)| *entry).collect()
    }

    /// How often runs were taken up so far.
    pub fn taken(&self) -> usize {
        self.lock().iter().filter(|(_, entry)| matches!(entry, Entry::Took { .. })).count()
    }

    /// When each job's first run was taken up.
    pub fn first_taken(&self) -> BTreeMap<JobId, Instant> {
        let mut taken = BTreeMap::new();
        for (at, entry) in self.lock().iter() {
            if let Entry::Took { job, .. } = entry {
                taken.entry(*job).or_insert(*at);
            }
        }
        taken
    }

    /// Waits until something more is seen.
    pub async fn grown(&self) {
        self.shared.grew.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, Entry)>> {
        self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rules that were broken, in words.
pub fn faults(entries: &[Entry]) -> Vec<String> {
    let mut found = Vec::new();
    let mut takers: BTreeMap<(JobId, Epoch), Life> = BTreeMap::new();
    let mut highest: BTreeMap<JobId, Epoch> = BTreeMap::new();
    let mut told: BTreeMap<JobId, Epoch> = BTreeMap::new();
    for entry in entries {
        match *entry {
            Entry::Took { life, job, epoch } => {
                match takers.insert((job, epoch), life) {
                    None => {}
                    Some(before) if before == life => {
                        found.push(format!("job {job}: {} took epoch {epoch} up a second time", life.0));
                    }
                    Some(before) => {
                        found.push(format!("job {job}: {} and {} both took epoch {epoch}", before.0, life.0));
                    }
                }
                let before = highest.insert(job, epoch).unwrap_or_default();
                if epoch <= before {
                    found.push(format!("job {job}: epoch {epoch} was taken after {before}"));
                }
            }
            Entry::LetGo { life, job, epoch } => {
                if takers.get(&(job, epoch)) != Some(&life) {
                    found.push(format!("job {job}: {} let epoch {epoch} go and did not have it", life.0));
                }
            }
            Entry::Told { job, epoch } => {
                let before = told.insert(job, epoch).unwrap_or_default();
                if epoch < before {
                    found.push(format!("job {job}: the API told epoch {epoch} after {before}"));
                }
            }
        }
    }
    found
}

/// Who holds which runs at the end.
pub fn holders(entries: &[Entry]) -> BTreeMap<JobId, Vec<(WorkerId, Epoch)>> {
    let mut held: BTreeMap<JobId, Vec<(WorkerId, Epoch)>> = BTreeMap::new();
    for entry in entries {
        match *entry {
            Entry::Took { life, job, epoch } => held.entry(job).or_default().push((life.0, epoch)),
            Entry::LetGo { life, job, epoch } => {
                let runs = held.entry(job).or_default();
                if let Some(at) = runs.iter().position(|run| *run == (life.0, epoch)) {
                    runs.remove(at);
                }
            }
            Entry::Told { .. } => {}
        }
    }
    held.retain(|_, runs| !runs.is_empty());
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> String {
        format!("0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e{number:02x}")
    }

    fn job(number: u8) -> JobId {
        id(number).parse().unwrap()
    }

    fn life(worker: u8, incarnation: u8) -> Life {
        (id(worker).parse().unwrap(), id(incarnation).parse().unwrap())
    }

    fn took(worker: u8, epoch: u64) -> Entry {
        Entry::Took { life: life(worker, 1), job: job(1), epoch: Epoch::new(epoch) }
    }

    fn let_go(worker: u8, epoch: u64) -> Entry {
        Entry::LetGo { life: life(worker, 1), job: job(1), epoch: Epoch::new(epoch) }
    }

    fn told(epoch: u64) -> Entry {
        Entry::Told { job: job(1), epoch: Epoch::new(epoch) }
    }

    #[test]
    fn a_history_without_faults() {
        let other_job = Entry::Took { life: life(2, 1), job: job(2), epoch: Epoch::new(1) };
        let entries = [told(0), took(1, 1), told(1), other_job, let_go(1, 1), took(2, 4), told(4), told(4)];
        assert_eq!(faults(&entries), Vec::<String>::new());
        let held = holders(&entries);
        assert_eq!(held[&job(1)], [(life(2, 1).0, Epoch::new(4))]);
        assert_eq!(held[&job(2)], [(life(2, 1).0, Epoch::new(1))]);
    }

    #[test]
    fn every_fault_is_found() {
        let reborn = Entry::Took { life: life(1, 9), job: job(1), epoch: Epoch::new(1) };
        for (name, entries, words) in [
            ("a double start", vec![took(1, 1), took(2, 1)], "both took epoch 1"),
            ("one that was let go before", vec![took(1, 1), let_go(1, 1), took(2, 1)], "both took"),
            ("a start by the next life", vec![took(1, 1), reborn], "both took epoch 1"),
            ("a second start", vec![took(1, 1), let_go(1, 1), took(1, 1)], "a second time"),
            ("an epoch that falls", vec![took(1, 2), took(2, 1)], "epoch 1 was taken after 2"),
            ("an epoch that falls for users", vec![told(2), told(1)], "told epoch 1 after 2"),
            ("an end without a start", vec![let_go(1, 1)], "did not have it"),
            ("an end by another", vec![took(1, 1), let_go(2, 1)], "did not have it"),
        ] {
            let found = faults(&entries);
            assert!(found.iter().any(|fault| fault.contains(words)), "{name}: {found:?}");
        }
    }
}

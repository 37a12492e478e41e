//! Placement: which waiting job goes to which worker.
//!
//! [`plan`] is a pure function of what a scheduler knows at one instant. Several schedulers
//! may plan at once: the store refuses the placement that comes second and checks the
//! worker's load again when it commits.
//!
//! Properties, held by tests: a worker is filled to at most its limit, except that a worker
//! without runs always accepts one; every job is placed or has a reason; the plan does not
//! depend on the order in which jobs and workers are listed.

use crate::id::{Incarnation, JobId, WorkerId};
use crate::units::Timestamp;
use serde::{Deserialize, Serialize};

/// How full a worker is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Share of a worker's capacity that estimates may take, in percent.
    ///
    /// The rest is for what estimates miss: a busy picture costs more than a calm one.
    pub fill_percent: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { fill_percent: 85 }
    }
}

/// A job that waits for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingJob {
    /// Which job.
    pub id: JobId,
    /// Since when; the oldest is placed first.
    pub since: Timestamp,
    /// Estimated cost in thousandths of a core.
    pub cost_millicores: u32,
    /// The worker of the last failed run.
    pub avoid: Option<WorkerId>,
}

/// A worker as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerView {
    /// Which worker.
    pub id: WorkerId,
    /// Its present life.
    pub incarnation: Incarnation,
    /// Whether it may be given runs at all, and if not, why.
    pub state: WorkerState,
    /// What it can carry, in thousandths of a core.
    pub capacity_millicores: u32,
    /// The sum of its runs' estimates, in thousandths of a core.
    pub load_millicores: u32,
    /// Runs that it holds.
    pub runs: u32,
    /// Runs for which it has ingest ports.
    pub max_runs: u32,
}

/// What a worker says of itself with each heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It takes runs.
    #[default]
    Open,
    /// It ends its runs and takes no new ones.
    Draining,
    /// It holds its runs, but its disk has no room for the media of another one.
    DiskFull,
}

/// Whether a worker may be given runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// Heard of lately.
    Ready,
    /// A heartbeat is overdue.
    Suspect,
    /// It ends its runs and goes.
    Draining,
    /// Its disk is full.
    Quarantined,
}

impl WorkerState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Suspect, Self::Draining, Self::Quarantined];

    /// The name as it stands in answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Suspect => "suspect",
            Self::Draining => "draining",
            Self::Quarantined => "quarantined",
        }
    }
}

/// What a scheduler should commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Jobs with a place.
    pub placements: Vec<Placement>,
    /// Jobs without, each with its reason in words for people.
    pub unplaced: Vec<(JobId, String)>,
}

/// One job on one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The job.
    pub job: JobId,
    /// The worker.
    pub worker: WorkerId,
    /// The worker's life that the plan was made for.
    pub incarnation: Incarnation,
    /// The load above which the worker must not be when the placement is committed;
    /// `None` when only an empty worker may take the job.
    pub load_limit: Option<u32>,
}

/// Gives the waiting jobs, oldest first, to the workers that are relatively least loaded.
pub fn plan(jobs: &[WaitingJob], workers: &[WorkerView], policy: Policy) -> Plan {
    let mut waiting: Vec<&WaitingJob> = jobs.iter().collect();
    waiting.sort_by_key(|job| (job.since, job.id));
    let mut candidates = workers.to_vec();
    candidates.sort_by_key(|worker| worker.id);

    let mut plan = Plan::default();
    for job in waiting {
        let chosen =
            choose(job, &candidates, policy, true).or_else(|| choose(job, &candidates, policy, false));
        let Some(index) = chosen else {
            plan.unplaced.push((job.id, why_not(job, &candidates, policy)));
            continue;
        };
        let worker = &mut candidates[index];
        let load_limit = limit(worker, policy).checked_sub(job.cost_millicores);
        plan.placements.push(Placement {
            job: job.id,
            worker: worker.id,
            incarnation: worker.incarnation,
            load_limit,
        });
        worker.load_millicores = worker.load_millicores.saturating_add(job.cost_millicores);
        worker.runs += 1;
    }
    plan
}

fn limit(worker: &WorkerView, policy: Policy) -> u32 {
    let limit = u64::from(worker.capacity_millicores) * u64::from(policy.fill_percent) / 100;
    u32::try_from(limit).unwrap_or(u32::MAX)
}

fn fits(job: &WaitingJob, worker: &WorkerView, policy: Policy) -> bool {
    let has_room = worker.load_millicores.saturating_add(job.cost_millicores) <= limit(worker, policy);
    worker.state == WorkerState::Ready && worker.runs < worker.max_runs && (has_room || worker.runs == 0)
}

fn choose(job: &WaitingJob, workers: &[WorkerView], policy: Policy, avoid_failed: bool) -> Option<usize> {
    workers
        .iter()
        .enumerate()
        .filter(|(_, worker)| fits(job, worker, policy))
        .filter(|(_, worker)| !avoid_failed || job.avoid != Some(worker.id))
        .min_by_key(|(_, worker)| {
            let load_after = u64::from(worker.load_millicores) + u64::from(job.cost_millicores);
            (load_after * 1_000_000 / u64::from(worker.capacity_millicores.max(1)), worker.id)
        })
        .map(|(index, _)| index)
}

fn why_not(job: &WaitingJob, workers: &[WorkerView], policy: Policy) -> String {
    let ready: Vec<&WorkerView> =
        workers.iter().filter(|worker| worker.state == WorkerState::Ready).collect();
    if workers.is_empty() {
        return "no worker is registered: start a worker_app that can reach the scheduler".to_owned();
    }
    if ready.is_empty() {
        let full = workers.iter().filter(|worker| worker.state == WorkerState::Quarantined).count();
        let why = match full {
            0 => "their heartbeats are overdue or they are being drained".to_owned(),
            full if full == workers.len() => {
                "their disks are full: free space in their data folders".to_owned()
            }
            full => format!("the disks of {full} are full, the others are silent or being drained"),
        };
        return format!("none of the {} registered workers is ready: {why}", workers.len());
    }
    if ready.iter().all(|worker| worker.runs >= worker.max_runs) {
        return format!("all ingest ports of the {} ready workers are taken: add a worker", ready.len());
    }
    let most_free = ready
        .iter()
        .filter(|worker| worker.runs < worker.max_runs)
        .map(|worker| limit(worker, policy).saturating_sub(worker.load_millicores))
        .max()
        .unwrap_or(0);
    format!(
        "the job needs about {} cores and the freest of {} ready workers has {} left: add a worker or stop a job",
        cores(job.cost_millicores),
        ready.len(),
        cores(most_free)
    )
}

fn cores(millicores: u32) -> String {
    format!("{}.{:02}", millicores / 1000, millicores % 1000 / 10)
}

#[cfg(test)]
mod tests;

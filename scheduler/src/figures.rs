//! What this scheduler counted since its start: its own doings, not those of its rivals.

use std::sync::atomic::AtomicI64;

use ez_domain::placement::{Placement, WorkerState, WorkerView};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the buckets of the wait for a worker, in seconds.
const WAITS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// Why no worker takes a job, for a machine; the words for people stand in the job.
const REASONS: [&str; 4] = ["no_worker", "no_ready_worker", "no_port", "no_capacity"];

/// A loop and how a look of it went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Look {
    chore: &'static str,
    result: &'static str,
}

/// A family with one label.
type By<Metric> = Family<[(&'static str, &'static str); 1], Metric>;

/// The counters. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) placements: Counter,
    pub(crate) refused_placements: Counter,
    /// Seconds from waiting to placement.
    assigning: Histogram,
    unplaced: By<Gauge>,
    pub(crate) given_up: Counter,
    pub(crate) job_restarts: Counter,
    pub(crate) removed_jobs: Counter,
    pub(crate) parked_commands: Counter,
    pub(crate) queue_errors: Counter,
    commands: By<Counter>,
    heartbeats: By<Counter>,
    looks: Family<Look, Counter>,
    brake: Gauge<i64, AtomicI64>,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            placements: Counter::default(),
            refused_placements: Counter::default(),
            assigning: Histogram::new(WAITS),
            unplaced: Family::default(),
            given_up: Counter::default(),
            job_restarts: Counter::default(),
            removed_jobs: Counter::default(),
            parked_commands: Counter::default(),
            queue_errors: Counter::default(),
            commands: Family::default(),
            heartbeats: Family::default(),
            looks: Family::default(),
            brake: Gauge::default(),
        }
    }
}

impl Figures {
    /// Adds all of them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let counters = [
            ("placements", "Jobs that this scheduler placed on a worker", &self.placements),
            (
                "placements_refused",
                "Placements of this scheduler that a worker had no room for any more",
                &self.refused_placements,
            ),
            ("runs_given_up", "Runs whose lease this scheduler found lapsed and gave up", &self.given_up),
            (
                "job_restarts",
                "Runs that failed and are tried again, seen by this scheduler",
                &self.job_restarts,
            ),
            ("jobs_removed", "Deleted jobs whose record this scheduler dropped", &self.removed_jobs),
            ("commands_parked", "Commands that this scheduler put aside", &self.parked_commands),
            (
                "sqs_receive_errors",
                "Failures of the command queue, or of what its commands led to, in this scheduler",
                &self.queue_errors,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let help = "Time from a job's first waiting to its placement by this scheduler";
        registry.register_with_unit("assign", help, Unit::Seconds, self.assigning.clone());
        let help = "Jobs that the last look of this scheduler's planner found no place for, by reason";
        registry.register("scheduler_unplaced_jobs", help, self.unplaced.clone());
        let help = "Commands that this scheduler took up or found void, by where they came from";
        registry.register("commands_taken_up", help, self.commands.clone());
        let help = "Heartbeats that this scheduler was sent, by what it answered";
        registry.register("heartbeats", help, self.heartbeats.clone());
        let help = "Looks of this scheduler's chores, by how they went";
        registry.register("scheduler_looks", help, self.looks.clone());
        let help =
            "Whether this scheduler gives up no run because the control plane itself may have been away";
        registry.register("lease_brake_holds", help, self.brake.clone());
    }

    /// A look of a chore is over.
    pub(crate) fn looked<T, E>(&self, chore: &'static str, went: &Result<T, E>) {
        let result = if went.is_ok() { "ok" } else { "failed" };
        self.looks.get_or_create(&Look { chore, result }).inc();
    }

    /// A command was taken up; `source` is `queue` or `outbox`.
    pub(crate) fn took_up(&self, source: &'static str) {
        self.commands.get_or_create(&[("source", source)]).inc();
    }

    /// A heartbeat was answered; `result` is `known`, `unknown` or `failed`.
    pub(crate) fn heard(&self, result: &'static str) {
        self.heartbeats.get_or_create(&[("result", result)]).inc();
    }

    /// A job was placed after so many milliseconds.
    pub(crate) fn placed(&self, waited_ms: u64) {
        self.placements.inc();
        self.assigning.observe(std::time::Duration::from_millis(waited_ms).as_secs_f64());
    }

    /// The planner found no place for so many jobs.
    pub(crate) fn found_unplaced(&self, jobs: usize, workers: &[WorkerView], placements: &[Placement]) {
        let why = why_unplaced(workers, placements);
        for reason in REASONS {
            let jobs = if reason == why { i64::try_from(jobs).unwrap_or(i64::MAX) } else { 0 };
            self.unplaced.get_or_create(&[("reason", reason)]).set(jobs);
        }
    }

    /// Whether the brake holds.
    pub(crate) fn brake_holds(&self, holds: bool) {
        self.brake.set(i64::from(holds));
    }
}

/// What all jobs without a place lack, once the placements are carried out.
fn why_unplaced(workers: &[WorkerView], placements: &[Placement]) -> &'static str {
    let is_full = |worker: &WorkerView| {
        let planned = placements.iter().filter(|placement| placement.worker == worker.id).count();
        usize::try_from(worker.runs).unwrap_or(usize::MAX).saturating_add(planned)
            >= usize::try_from(worker.max_runs).unwrap_or(usize::MAX)
    };
    let mut ready = workers.iter().filter(|worker| worker.state == WorkerState::Ready).peekable();
    match (workers.is_empty(), ready.peek().is_none()) {
        (true, _) => "no_worker",
        (false, true) => "no_ready_worker",
        (false, false) if ready.all(is_full) => "no_port",
        (false, false) => "no_capacity",
    }
}

#[cfg(test)]
mod tests {
    use ez_domain::id::{Incarnation, WorkerId};

    use super::*;

    #[test]
    fn the_reason_is_what_is_missing_for_all() {
        let id: WorkerId = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f".parse().unwrap();
        let incarnation: Incarnation = "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f".parse().unwrap();
        let worker = |state, runs| WorkerView {
            id,
            incarnation,
            state,
            capacity_millicores: 1000,
            load_millicores: 0,
            runs,
            max_runs: 2,
        };
        let placement = Placement {
            job: "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f".parse().unwrap(),
            worker: id,
            incarnation,
            load_limit: None,
        };
        for (workers, placements, expected) in [
            (vec![], vec![], "no_worker"),
            (vec![worker(WorkerState::Suspect, 0)], vec![], "no_ready_worker"),
            (vec![worker(WorkerState::Draining, 0)], vec![], "no_ready_worker"),
            (vec![worker(WorkerState::Ready, 2)], vec![], "no_port"),
            (vec![worker(WorkerState::Ready, 1)], vec![placement], "no_port"),
            (vec![worker(WorkerState::Ready, 1)], vec![], "no_capacity"),
            (vec![worker(WorkerState::Ready, 2), worker(WorkerState::Ready, 1)], vec![], "no_capacity"),
        ] {
            let why = why_unplaced(&workers, &placements);
            assert_eq!(why, expected, "{workers:?}");
            assert!(REASONS.contains(&why));
        }
    }
}

//! What is true of the whole installation at the moment of the question: read from the store, so every
//! scheduler tells the same.

use std::sync::Arc;

use ez_api::job::State;
use ez_domain::job::PhaseName;
use ez_domain::placement::WorkerState;
use ez_domain::units::Timestamp;
use ez_service::metrics::{Facts, Gather};
use ez_service::telemetry::chain;
use ez_store::{Census, StoreError, WorkerRecord};

use crate::app::{Running, millis};

/// Gathers from the store and the queue. What is away is told as away; the rest is told all the same.
pub(crate) fn gather(running: Arc<Running>) -> Gather {
    Arc::new(move || {
        let running = Arc::clone(&running);
        Box::pin(async move {
            let mut facts = Facts::default();
            let queue = &running.app.queue;
            let (state, waiting, parked) = tokio::join!(read(&running), queue.waiting(), queue.parked());
            facts.value("state_store_up", "Whether the state store answers", up(state.is_ok()));
            facts.value("command_queue_up", "Whether the command queue answers", up(waiting.is_ok()));
            if let Ok(waiting) = waiting {
                let help = "Commands in the queue that no scheduler has done with";
                facts.value("commands_waiting", help, number(waiting));
            }
            if let Ok(parked) = parked {
                let help = "Commands put aside in the whole installation, for a person to look at";
                facts.value("parked_commands", help, number(parked));
            }
            match state {
                Ok((census, workers)) => {
                    tell_jobs(&mut facts, &census);
                    tell_workers(&mut facts, &workers, census.now, millis(running.app.timing.suspect_after));
                }
                Err(error) => tracing::debug!(error = chain(&error), "metrics are told without the store"),
            }
            facts
        })
    })
}

async fn read(running: &Running) -> Result<(Census, Vec<WorkerRecord>), StoreError> {
    tokio::try_join!(running.app.store.census(), running.app.store.workers())
}

fn tell_jobs(facts: &mut Facts, census: &Census) {
    let counted = |name: &str| census.phases.get(name).copied().unwrap_or(0);
    // A phase without jobs is told as 0.
    let labels = |state, phase| [("state", state), ("phase", phase)];
    let known = PhaseName::ALL
        .map(|phase| (labels(State::from(phase).as_str(), phase.as_str()), number(counted(phase.as_str()))));
    // What an earlier version wrote is in no phase until it changes.
    let unknown = census.jobs.saturating_sub(census.phases.values().sum());
    let unknown = (unknown > 0).then_some((labels("unknown", "unknown"), number(unknown)));
    facts.gauge(
        "jobs",
        "Jobs in the whole installation, by state and phase",
        known.into_iter().chain(unknown),
    );

    let age = |since: Option<Timestamp>| since.map_or(0.0, |since| seconds(census.now.millis_since(since)));
    let told = [
        (
            "scheduler_pending_jobs",
            "Jobs in the whole installation that wait for a worker",
            number(census.queued),
        ),
        (
            "scheduler_oldest_pending_seconds",
            "How long the first of the jobs that wait for a worker has waited; 0 without any",
            age(census.oldest_queued),
        ),
        (
            "outbox_jobs",
            "Jobs in the whole installation with a command that no scheduler has taken up",
            number(census.in_outbox),
        ),
        (
            "outbox_oldest_seconds",
            "Age of the oldest command that no scheduler has taken up; 0 without any",
            age(census.oldest_command),
        ),
        ("chores_waiting", "Jobs whose bucket waits for a chore", number(census.chores)),
        ("runs", "Runs in the whole installation that hold capacity on a worker", number(census.runs)),
        ("lapsed_leases", "Runs in the whole installation whose lease has lapsed", number(census.lapsed)),
    ];
    for (name, help, value) in told {
        facts.value(name, help, value);
    }
}

fn tell_workers(facts: &mut Facts, workers: &[WorkerRecord], now: Timestamp, suspect_after_ms: u64) {
    let in_state = |wanted: WorkerState| {
        workers.iter().filter(|worker| worker.state(now, suspect_after_ms) == wanted).count()
    };
    let counted = WorkerState::ALL
        .map(|wanted| ([("state", wanted.as_str())], number(u64::try_from(in_state(wanted)).unwrap_or(0))));
    facts.gauge("workers", "Registered workers, by state", counted);

    type Figure = (&'static str, &'static str, fn(&WorkerRecord) -> f64);
    let figures: [Figure; 5] = [
        ("worker_capacity_units", "What the worker can carry, in cores", |worker| {
            cores(worker.capacity_millicores)
        }),
        ("worker_load_units", "Sum of the estimates of the runs that the worker holds, in cores", |worker| {
            cores(worker.load_millicores)
        }),
        (
            "worker_used_units",
            "Measured use of the worker's host in cores, as its last heartbeat told",
            |worker| cores(worker.used_millicores),
        ),
        ("worker_runs", "Runs that the worker holds", |worker| {
            number(u64::try_from(worker.runs.len()).unwrap_or(u64::MAX))
        }),
        ("worker_max_runs", "Runs that the worker has ingest ports for", |worker| f64::from(worker.max_runs)),
    ];
    let each = |figure: &dyn Fn(&WorkerRecord) -> f64| {
        let sample = |worker: &WorkerRecord| ([("worker_id", worker.id.to_string())], figure(worker));
        workers.iter().map(sample).collect::<Vec<_>>()
    };
    for (name, help, figure) in figures {
        facts.gauge(name, help, each(&figure));
    }
    let silence = each(&|worker| seconds(worker.silence_ms(now)));
    facts.gauge("worker_heartbeat_age_seconds", "Time since the worker was last heard of", silence);
}

const fn up(is_up: bool) -> f64 {
    if is_up { 1.0 } else { 0.0 }
}

/// Counts here are far below the 2^53 up to which this is exact.
#[expect(clippy::cast_precision_loss, reason = "see above")]
const fn number(count: u64) -> f64 {
    count as f64
}

fn cores(millicores: u32) -> f64 {
    f64::from(millicores) / 1000.0
}

fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}

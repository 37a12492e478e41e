//! What this worker counted since its start, and the use of its host as the last heartbeat told it.

use std::sync::atomic::AtomicU64;

use ez_domain::lifecycle::RunOutcome;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A family with one label.
type By = Family<[(&'static str, &'static str); 1], Counter>;

/// The counters. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    host_capacity_cores: Gauge<f64, AtomicU64>,
    host_max_runs: Gauge<f64, AtomicU64>,
    host_used_cores: Gauge<f64, AtomicU64>,
    heartbeats: By,
    transcoder_starts: By,
    runs_ended: By,
}

impl Figures {
    /// Adds all of them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "What this host can carry";
        registry.register("host_capacity_cores", help, self.host_capacity_cores.clone());
        let help = "Measured use of this host by everything on it, at the last heartbeat";
        registry.register("host_used_cores", help, self.host_used_cores.clone());
        let help = "Runs that this host has ingest ports for";
        registry.register("host_max_runs", help, self.host_max_runs.clone());
        let help = "Heartbeats of this worker, answered or failed";
        registry.register("heartbeats_sent", help, self.heartbeats.clone());
        let help = "Starts of transcoder processes by this worker_app, restarts on the spot included";
        registry.register("transcoder_starts", help, self.transcoder_starts.clone());
        let help = "Runs that ended on this worker, by outcome";
        registry.register("runs_ended", help, self.runs_ended.clone());
    }

    /// What the worker introduced itself with.
    pub(crate) fn introduced(&self, capacity_millicores: u32, max_runs: u32) {
        self.host_capacity_cores.set(cores(capacity_millicores));
        self.host_max_runs.set(f64::from(max_runs));
    }

    /// A heartbeat was sent, with this use of the host.
    pub(crate) fn beat(&self, used_millicores: u32, is_answered: bool) {
        self.host_used_cores.set(cores(used_millicores));
        self.heartbeats.get_or_create(&[("result", went(is_answered))]).inc();
    }

    /// A transcoder process was started, or could not be.
    pub(crate) fn started(&self, is_started: bool) {
        self.transcoder_starts.get_or_create(&[("result", went(is_started))]).inc();
    }

    /// A run is over.
    pub(crate) fn ended(&self, outcome: &RunOutcome) {
        let outcome = match outcome {
            RunOutcome::Stopped => "stopped",
            RunOutcome::Left => "left",
            RunOutcome::Rejected { .. } => "rejected",
            RunOutcome::Failed { .. } => "failed",
            RunOutcome::Fenced { .. } => "fenced",
        };
        self.runs_ended.get_or_create(&[("outcome", outcome)]).inc();
    }
}

const fn went(is_well: bool) -> &'static str {
    if is_well { "ok" } else { "failed" }
}

fn cores(millicores: u32) -> f64 {
    f64::from(millicores) / 1000.0
}

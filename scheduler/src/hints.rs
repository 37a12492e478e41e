//! What makes things faster: wakes the loops and the workers after a change.
//!
//! Losing a hint costs time only: each loop looks by itself, each worker beats by itself.

use ez_domain::id::WorkerId;
use ez_domain::job::{Job, Phase};
use ez_domain::lifecycle::Effect;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;

use crate::poke::Poker;

/// The bells of one scheduler. A bell that is rung while nobody listens is heard once, later.
pub(crate) struct Hints {
    pub(crate) placement: Notify,
    pub(crate) sweep: Notify,
    pub(crate) chores: Notify,
    pub(crate) keys: Notify,
    pub(crate) poker: Poker,
    job_restarts: Counter,
}

impl Hints {
    pub(crate) fn new(poker: Poker, job_restarts: Counter) -> Self {
        Self {
            placement: Notify::new(),
            sweep: Notify::new(),
            chores: Notify::new(),
            keys: Notify::new(),
            poker,
            job_restarts,
        }
    }

    /// Follows up a committed change. `answering` is the worker whose heartbeat is being answered
    /// with the new state anyway.
    pub(crate) fn follow(&self, job: &Job, effects: &[Effect], answering: Option<WorkerId>) {
        for effect in effects {
            match effect {
                Effect::RequestPlacement => self.placement.notify_one(),
                Effect::RequestChore => self.chores.notify_one(),
                Effect::TellWorker(worker) if Some(*worker) == answering => {}
                Effect::TellWorker(worker) => self.poker.tell(*worker),
            }
        }
        if matches!(job.phase, Phase::Backoff { .. }) {
            self.job_restarts.inc();
            // The first back-off is none at all: the deadline has passed already.
            self.sweep.notify_one();
        }
        if job.phase.run().is_none() {
            // Whatever it held is free for others.
            self.placement.notify_one();
        }
    }
}

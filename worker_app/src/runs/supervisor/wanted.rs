//! What the scheduler wants of a run. It only tightens: a run that was stopped or abandoned is
//! never held again; the scheduler gives the next run a new epoch.

use crate::runs::record::Plan;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Will {
    #[default]
    Hold,
    Stop,
    Abandon,
}

/// The will, and how the run is started if that is known.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    will: Will,
    plan: Option<Plan>,
}

impl Wanted {
    /// To be held.
    pub(crate) const fn hold(plan: Option<Plan>) -> Self {
        Self { will: Will::Hold, plan }
    }

    /// To be ended in order; tells whether that is news.
    pub(crate) fn stop(&mut self) -> bool {
        let news = self.will < Will::Stop;
        self.will = self.will.max(Will::Stop);
        news
    }

    /// To be ended without a trace.
    pub(crate) fn abandon(&mut self) {
        self.will = Will::Abandon;
    }

    /// Fills in the plan if there is none; tells whether that is news.
    pub(crate) fn learn(&mut self, plan: impl FnOnce() -> Plan) -> bool {
        let news = self.plan.is_none();
        self.plan.get_or_insert_with(plan);
        news
    }

    pub(crate) const fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.will == Will::Stop
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.will == Will::Abandon
    }

    /// The will in one word.
    pub(crate) const fn word(&self) -> &'static str {
        match self.will {
            Will::Hold => "hold",
            Will::Stop => "stop",
            Will::Abandon => "abandon",
        }
    }
}

//! What is wanted of a run. It only tightens: a run that was left, stopped or abandoned is never
//! held again; the scheduler gives the next run a new epoch.

use crate::runs::record::Plan;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Will {
    #[default]
    Hold,
    Leave,
    Stop,
    Abandon,
}

/// The will, and how the run is started if that is known.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wanted {
    will: Will,
    /// The worker itself is going.
    is_urgent: bool,
    plan: Option<Plan>,
}

impl Wanted {
    /// To be held.
    pub(crate) const fn hold(plan: Option<Plan>) -> Self {
        Self { will: Will::Hold, is_urgent: false, plan }
    }

    /// To be ended in order and soon, its playlists left to the next run; tells whether that is news.
    pub(crate) fn leave(&mut self) -> bool {
        let news = self.will < Will::Leave || !self.is_urgent;
        self.will = self.will.max(Will::Leave);
        self.is_urgent = true;
        news
    }

    /// To be ended in order, with its playlists; tells whether that is news.
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

    /// Whether it ends in order, in whichever way.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.will, Will::Leave | Will::Stop)
    }

    /// Whether the worker cannot wait long for it.
    pub(crate) const fn is_urgent(&self) -> bool {
        self.is_urgent
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.will == Will::Abandon
    }

    /// The will in one word.
    pub(crate) const fn word(&self) -> &'static str {
        match self.will {
            Will::Hold => "hold",
            Will::Leave => "leave",
            Will::Stop => "stop",
            Will::Abandon => "abandon",
        }
    }
}

//! How one life of the process ends: its last words, and what its end means for the run.

use std::time::Duration;

use ez_domain::fault::{Failure, Fault};
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_service::latest::Latest as _;
use tokio::time::{Instant, timeout};

use super::{Message, Process, Supervisor};
use crate::runs::logs;

/// How long the last words of a dead process may be on their way.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The same for a process that had no connection yet.
const FIRST_WORDS: Duration = Duration::from_millis(100);

impl Supervisor {
    /// Reads what a dead process said before it died.
    pub(super) async fn last_words(&mut self, process: &Process) {
        let patience = if self.link.is_some() { LAST_WORDS } else { FIRST_WORDS };
        let reading = async {
            while let Some(message) = self.inbox.recv().await {
                let connecting = matches!(message, Message::Connected(_));
                self.hear(message, process);
                if self.link.is_none() && !connecting {
                    break;
                }
            }
        };
        // The time-out is the normal end for a process that never connected.
        drop(timeout(patience, reading).await);
    }

    /// What the end of a process means: the run's last state, or `None` for another try.
    pub(super) fn verdict(&mut self, how: &str) -> Option<RunState> {
        if let Some(farewell) = self.farewell.take() {
            return Some(farewell);
        }
        let now = Instant::now();
        let (abandoned, stopped, segment_seconds) = {
            let wanted = self.wanted.latest();
            let segment_seconds = wanted.plan().map(|plan| plan.spec.segment_seconds);
            (wanted.is_abandoned(), wanted.is_ending(), segment_seconds)
        };
        // A stop goes on in the next process: uploads are still to be drained and playlists ended.
        let stop_is_over = self.stop_by.is_some_and(|by| by <= now);
        let can_start = segment_seconds.is_some();
        if can_start && !abandoned && !stop_is_over && self.budget.take(now) {
            return None;
        }
        let context = match (abandoned, stopped, can_start) {
            (true, _, _) => " after the run was given up",
            (false, true, _) => " while it was being stopped",
            (false, false, true) => "; it had been restarted too often in a short time",
            (false, false, false) => "",
        };
        let log = logs::last_line(&self.launcher.log(self.id))
            .map_or_else(String::new, |line| format!("; last line of its log: {line}"));
        let failure = Failure::retryable(Fault::Worker, format!("the transcoder {how}{context}{log}"));
        let committed_segments = self.report.latest().segments_at_least(segment_seconds);
        Some(RunState::Exited { outcome: RunOutcome::Failed { failure }, committed_segments })
    }
}

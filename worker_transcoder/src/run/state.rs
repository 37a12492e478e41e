//! What the run tells about itself.

use ez_domain::fault::{Failure, Fault};
use ez_domain::job::Ingest;
use ez_domain::lifecycle::RunState;
use ez_ingest::EndReason;

/// Something worth telling the user, and who has to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) fault: Fault,
    pub(crate) reason: String,
}

impl Remark {
    /// About the publisher or what it sends.
    pub(crate) fn contribution(reason: impl Into<String>) -> Self {
        Self { fault: Fault::Contribution, reason: reason.into() }
    }

    /// About what happened on this worker.
    pub(crate) fn worker(reason: impl Into<String>) -> Self {
        Self { fault: Fault::Worker, reason: reason.into() }
    }
}

/// What decides the state.
#[derive(Debug)]
pub(crate) struct View<'run> {
    pub(crate) ingest: Ingest,
    pub(crate) is_stopping: bool,
    pub(crate) is_ready: bool,
    pub(crate) has_publisher: bool,
    /// The publisher has had time enough for its first key frame.
    pub(crate) is_overdue: bool,
    pub(crate) is_filling: bool,
    pub(crate) has_media: bool,
    /// Media of the present period is in the playlists.
    pub(crate) has_published: bool,
    /// Media of this run is in the playlists.
    pub(crate) has_shown: bool,
    pub(crate) remark: Option<&'run Remark>,
    /// What is wrong with the store.
    pub(crate) trouble: Option<Failure>,
}

impl View<'_> {
    pub(crate) fn state(self) -> RunState {
        let ingest = self.ingest.clone();
        if self.is_stopping {
            return RunState::Stopping;
        }
        if self.has_published && self.has_publisher && !self.is_filling {
            return RunState::Streaming { ingest, trouble: self.trouble };
        }
        // The publisher goes on, and a new period takes up where the last one broke off.
        let is_mended = self.has_publisher
            && self.has_shown
            && self.remark.is_some_and(|remark| remark.fault == Fault::Worker);
        if is_mended || (self.has_media && (!self.has_publisher || (self.is_filling && self.has_published))) {
            return self.interrupted(is_mended);
        }
        let is_blind = self.has_publisher && self.is_overdue && !self.has_media;
        let (reason, fault) = match (self.has_publisher, self.remark) {
            // With a store that takes nothing all else is in vain.
            _ if let Some(Failure { fault, reason, .. }) = &self.trouble => (reason.clone(), Some(*fault)),
            (true, None) if is_blind => (
                "the publisher is connected but sends no picture: check that the encoder sends video"
                    .to_owned(),
                Some(Fault::Contribution),
            ),
            (true, None) if !self.has_media => {
                ("a publisher is connected: waiting for its first key frame".to_owned(), None)
            }
            (true, None) => ("media comes in: the first segment is on its way".to_owned(), None),
            // With a publisher at hand and no media somebody has to act.
            (true, Some(Remark { fault, reason })) => (reason.clone(), Some(*fault)),
            (false, _) if !self.is_ready => ("the bucket is being checked".to_owned(), None),
            (false, Some(remark)) => (format!("waiting for a publisher: {}", remark.reason), None),
            (false, None) => ("waiting for a publisher".to_owned(), None),
        };
        RunState::Listening { ingest, reason, fault }
    }

    fn interrupted(self, is_mended: bool) -> RunState {
        let (fault, why) = self
            .remark
            .map_or((Fault::Contribution, "the publisher is connected but sends no picture"), |remark| {
                (remark.fault, remark.reason.as_str())
            });
        let meanwhile = if is_mended {
            "; the channel goes on from there in a new period"
        } else {
            "; the channel shows the last picture meanwhile"
        };
        let mut reason = format!("{why}{meanwhile}");
        if let Some(trouble) = self.trouble {
            reason.push_str("; ");
            reason.push_str(&trouble.reason);
        }
        RunState::Interrupted { ingest: self.ingest, reason, fault: Some(fault) }
    }
}

/// Why a publisher went, in words for people.
pub(crate) fn gone(reason: &EndReason) -> String {
    match reason {
        EndReason::Unpublished => "the publisher stopped publishing".to_owned(),
        EndReason::Disconnected => "the connection to the publisher ended".to_owned(),
        EndReason::NoMedia => "the publisher sent no media".to_owned(),
        EndReason::Idle => "the publisher fell silent".to_owned(),
        EndReason::TooSlow => {
            "the publisher sent next to nothing: check its bit rate and its network".to_owned()
        }
        EndReason::TakenOver => "another publisher took over".to_owned(),
        EndReason::Protocol(what) => format!("the publisher broke the protocol: {what}"),
        EndReason::Shutdown => "the listener was closed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View<'static> {
        View {
            ingest: Ingest { host: "h".into(), port: 1 },
            is_stopping: false,
            is_ready: true,
            has_publisher: false,
            is_overdue: false,
            is_filling: false,
            has_media: false,
            has_published: false,
            has_shown: false,
            remark: None,
            trouble: None,
        }
    }

    #[test]
    fn states() {
        let name = |view: View<'_>| match view.state() {
            RunState::Listening { .. } => "listening",
            RunState::Streaming { .. } => "streaming",
            RunState::Interrupted { .. } => "interrupted",
            RunState::Stopping => "stopping",
            RunState::Starting | RunState::Exited { .. } => "other",
        };
        assert_eq!(name(view()), "listening");
        assert_eq!(name(View { has_publisher: true, has_media: true, ..view() }), "listening");
        let live = || View { has_publisher: true, has_media: true, has_published: true, ..view() };
        assert_eq!(name(live()), "streaming");
        assert_eq!(name(View { is_filling: true, ..live() }), "interrupted");
        assert_eq!(name(View { has_publisher: false, ..live() }), "interrupted");
        assert_eq!(name(View { is_stopping: true, ..live() }), "stopping");
    }

    fn told(view: View<'_>) -> (String, Option<Fault>) {
        match view.state() {
            RunState::Listening { reason, fault, .. } | RunState::Interrupted { reason, fault, .. } => {
                (reason, fault)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_period_that_broke_off_is_the_workers_fault_and_no_silence() {
        let remark = Remark::worker("packager ended: signal 9");
        let broken = || View { has_publisher: true, has_shown: true, remark: Some(&remark), ..view() };
        let (reason, fault) = told(broken());
        assert!(matches!(broken().state(), RunState::Interrupted { .. }));
        assert_eq!(fault, Some(Fault::Worker));
        assert_eq!(reason, "packager ended: signal 9; the channel goes on from there in a new period");
        // Before anything was shown there is nothing that could go on.
        let early = View { has_shown: false, ..broken() };
        assert_eq!(told(early), ("packager ended: signal 9".to_owned(), Some(Fault::Worker)));
    }

    #[test]
    fn a_publisher_that_sends_no_picture_is_not_blamed_on_the_worker() {
        let live =
            || View { has_publisher: true, has_media: true, has_published: true, has_shown: true, ..view() };
        let (reason, fault) = told(View { is_filling: true, ..live() });
        assert!(reason.starts_with("the publisher is connected but sends no picture"), "{reason}");
        assert_eq!(fault, Some(Fault::Contribution));
    }

    #[test]
    fn a_store_that_is_away_is_told_in_every_state() {
        let trouble = Failure::retryable(Fault::Destination, "the bucket takes nothing".to_owned());
        let away = || View { trouble: Some(trouble.clone()), ..view() };
        let told_of_it = |view: View<'_>| {
            let (reason, fault) = told(view);
            assert!(reason.contains("the bucket takes nothing"), "{reason}");
            fault
        };
        let destination = Some(Fault::Destination);
        assert_eq!(told_of_it(View { is_ready: false, ..away() }), destination, "while it is checked");
        assert_eq!(told_of_it(View { has_publisher: true, has_media: true, ..away() }), destination);
        let gap = View { has_media: true, has_published: true, ..away() };
        assert_eq!(told_of_it(gap), Some(Fault::Contribution), "the publisher is away as well");
        let live = View { has_publisher: true, has_media: true, has_published: true, ..away() };
        assert!(matches!(live.state(), RunState::Streaming { trouble: Some(_), .. }));
    }
}

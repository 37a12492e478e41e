//! What the run tells about itself.

use ez_domain::fault::{Failure, Fault};
use ez_domain::job::Ingest;
use ez_domain::lifecycle::RunState;
use ez_ingest::EndReason;

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
    pub(crate) remark: Option<&'run str>,
    /// What is wrong with the store.
    pub(crate) trouble: Option<Failure>,
}

impl View<'_> {
    pub(crate) fn state(self) -> RunState {
        let ingest = self.ingest;
        if self.is_stopping {
            return RunState::Stopping;
        }
        if self.has_published && self.has_publisher && !self.is_filling {
            return RunState::Streaming { ingest, trouble: self.trouble };
        }
        if self.has_media && (!self.has_publisher || (self.is_filling && self.has_published)) {
            let reason = self.remark.unwrap_or("the publisher is connected but sends no picture");
            return RunState::Interrupted {
                ingest,
                reason: format!("{reason}; the channel shows the last picture meanwhile"),
            };
        }
        let is_blind = self.has_publisher && self.is_overdue && !self.has_media;
        let reason = match (self.has_publisher, self.remark) {
            (true, None) if is_blind => {
                "the publisher is connected but sends no picture: check that the encoder sends video"
                    .to_owned()
            }
            (true, None) if !self.has_media => {
                "a publisher is connected: waiting for its first key frame".to_owned()
            }
            (true, None) => "media comes in: the first segment is on its way".to_owned(),
            (true, Some(remark)) => remark.to_owned(),
            (false, _) if !self.is_ready => "the bucket is being checked".to_owned(),
            (false, Some(remark)) => format!("waiting for a publisher: {remark}"),
            (false, None) => "waiting for a publisher".to_owned(),
        };
        // With a publisher at hand and no media it is the contribution that is wanting.
        let lacks_media = self.has_publisher && (self.remark.is_some() || is_blind);
        let fault = lacks_media.then_some(Fault::Contribution);
        RunState::Listening { ingest, reason, fault }
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
}

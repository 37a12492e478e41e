//! What the origin has done, for the run.

use ez_domain::durations::Durations;
use ez_domain::fault::Failure;
use ez_domain::units::FrameRate;
use ez_manifest::timeline::Timeline;
use ez_service::latest::Latest as _;

use super::Origin;
use crate::spool::LastMedia;

/// What the origin has done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// The store was read and taken over.
    pub ready: bool,
    /// Frame rate of earlier periods of this specification, which the timeline fixes.
    pub frame_rate: Option<FrameRate>,
    /// What an earlier process of this run published last, if it had not come to its end.
    pub unfinished: Option<LastMedia>,
    /// Slots published in this run.
    pub committed: u64,
    /// The period of the newest published slot.
    pub newest_period: u32,
    /// Wall clock (ms) at which the newest published media ends.
    pub media_end_ms: Option<i64>,
    /// Segments that wait for the store.
    pub backlog: u64,
    /// Segments that were given up because the spool was full.
    pub given_up: u64,
    /// Requests that the store failed.
    pub store_failures: u64,
    /// How long segments took to be stored.
    pub segment_uploads: Durations,
    /// Whether this run's description of the contribution is in the store.
    pub input_info_stored: bool,
    /// Why the store takes nothing at the moment.
    pub trouble: Option<Failure>,
}

impl Origin {
    pub(super) fn report(&self) {
        let acknowledged = self.acknowledged.latest();
        let media_end_ms =
            acknowledged.media_end_ms.or_else(|| self.timeline.as_ref().and_then(Timeline::media_end_ms));
        let now = Progress {
            ready: true,
            frame_rate: self
                .timeline
                .as_ref()
                .and_then(|timeline| crate::ladder::resolved_frame_rate(timeline, &self.settings.spec)),
            unfinished: None,
            committed: acknowledged.committed,
            newest_period: acknowledged.newest_period,
            media_end_ms,
            backlog: u64::try_from(self.backlog()).unwrap_or(u64::MAX),
            given_up: self.given_up,
            store_failures: self.health.failures(),
            segment_uploads: self.segment_uploads,
            input_info_stored: self.input_info.is_stored(),
            trouble: self.health.trouble().map(|trouble| crate::refusals::trouble(&trouble)),
        };
        self.progress.send_if_modified(|progress| {
            let now = Progress { unfinished: progress.unfinished.clone(), ..now };
            let is_new = *progress != now;
            *progress = now;
            is_new
        });
    }
}

//! The period that is open, as the run sees it.

use std::collections::HashMap;
use std::time::Duration;

use ez_domain::spec::{JobSpec, RenditionName};
use ez_domain::units::FrameRate;
use tokio::sync::oneshot;

use crate::period::Period;

/// What follows when a period has been closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nobody publishes any more.
    Wait,
    /// The publisher goes on in a new period, from what was published of this one.
    Replay,
    /// The publisher goes on in a new period with another codec.
    Recode,
}

/// A period and what we know of it.
pub(super) struct Active {
    pub(super) period: Period,
    pub(super) frame_rate: FrameRate,
    /// Whether it has media; only then it is known to the origin.
    pub(super) has_begun: bool,
    /// When it began to be waited for, and when a file of each rendition was last closed.
    pub(super) began: Duration,
    pub(super) last_closed: HashMap<RenditionName, Duration>,
    /// Set when it is being closed.
    pub(super) next: Option<Next>,
    /// Answers once the origin has all of its files: the length of its media.
    pub(super) ended: Option<oneshot::Receiver<Duration>>,
}

impl Active {
    /// A rendition of which nothing was closed for longer than `patience`.
    pub(super) fn silent_for<'spec>(
        &self,
        patience: Duration,
        spec: &'spec JobSpec,
        now: Duration,
    ) -> Option<&'spec RenditionName> {
        spec.rendition_names().find(|name| {
            let last = self.last_closed.get(name).copied().unwrap_or(self.began);
            now.saturating_sub(last) > patience
        })
    }
}

/// The answer of the origin to the end of a period; pends while none is awaited.
pub(super) async fn closing(active: Option<&mut Active>) -> Duration {
    match active.and_then(|active| active.ended.as_mut()) {
        Some(ended) => match ended.await {
            Ok(length) => length,
            // The origin is gone; its task tells why.
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

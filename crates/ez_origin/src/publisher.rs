//! The task that writes timeline and manifests.
//!
//! It always writes the newest state: while a write takes long or the store is away, states in
//! between are passed over, so playlists catch up in one step. What it has written it acknowledges.

use std::sync::Arc;

use ez_manifest::timeline::Timeline;
use ez_service::latest::LatestSeen as _;
use tokio::sync::watch;

use crate::Stopped;
use crate::manifests::Manifests;

/// A state to publish.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Grows with each state.
    pub(crate) version: u64,
    /// The newest version that players shall see: this one, or one before it whose media this one has
    /// too. Later ones only store the timeline.
    pub(crate) newest_public: u64,
    pub(crate) timeline: Arc<Timeline>,
    /// Slots that this run has appended.
    pub(crate) committed: u64,
    /// The period of the newest one.
    pub(crate) newest_period: u32,
}

/// What the store has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// Version of the stored timeline.
    pub(crate) timeline: u64,
    /// Version that all manifests show.
    pub(crate) manifests: u64,
    pub(crate) committed: u64,
    pub(crate) newest_period: u32,
    pub(crate) media_end_ms: Option<i64>,
}

/// Publishes until the sender of `snapshots` is gone or it must stop.
pub(crate) async fn publish(
    mut manifests: Manifests,
    mut snapshots: watch::Receiver<Option<Snapshot>>,
    acknowledged: watch::Sender<Acknowledged>,
) -> Result<(), Stopped> {
    let mut shown = 0;
    while snapshots.changed().await.is_ok() {
        let Some(snapshot) = snapshots.latest_seen() else { continue };
        manifests.store_timeline(&snapshot.timeline).await?;
        acknowledged.send_modify(|acknowledged| acknowledged.timeline = snapshot.version);
        // Also when the state that was to be shown has been passed over.
        if snapshot.newest_public > shown {
            manifests.store_projections(&snapshot.timeline).await?;
            shown = snapshot.newest_public;
        }
        acknowledged.send_modify(|acknowledged| {
            acknowledged.manifests = snapshot.version;
            acknowledged.committed = snapshot.committed;
            acknowledged.newest_period = snapshot.newest_period;
            acknowledged.media_end_ms = snapshot.timeline.media_end_ms();
        });
    }
    Ok(())
}

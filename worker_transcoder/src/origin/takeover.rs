//! The first thing a run does with the bucket: find out what is there and become its owner.
//!
//! The timeline of an earlier run is rewritten under our epoch, then every projection of it: from
//! then on whatever the former owner still writes is refused by the store.

use std::sync::Arc;

use bytes::Bytes;
use ez_domain::fault::{Failure, Fault};
use ez_domain::id::Epoch;
use ez_manifest::timeline::{Error as TimelineError, Timeline};
use ez_media::layout::Objects;
use ez_objects::dice::Dice;
use ez_objects::retry::Policy;
use ez_objects::stable::{Current, Outcome};
use ez_objects::{ObjectStore, fence};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::manifests::Manifests;
use super::{Origin, Progress, Settings, Stopped, expiry, failure, resolved_frame_rate};

impl Origin {
    /// Probes the fence, reads the timeline and takes the channel over.
    pub(super) async fn take_over(
        settings: Settings,
        store: Arc<dyn ObjectStore>,
        progress: watch::Sender<Progress>,
    ) -> Result<Self, Stopped> {
        let objects = Objects::of(settings.job);
        let segment = std::time::Duration::from_secs(settings.spec.segment_seconds.into());
        let policy = Policy::for_segments_of(segment);
        let mut dice = Dice::from_system();
        let prefix = format!("{}probe-{}/", objects.prefix(), settings.epoch);
        let fence = fence::probe(store.as_ref(), &prefix, &policy, &mut dice)
            .await
            .map_err(|error| Stopped::Failed(failure(&error)))?;
        if !fence.is_conditional() {
            tracing::warn!(%fence, "the store cannot fence a former owner by itself; the lease alone does");
        }
        let conditional = fence.is_conditional();
        let manifests = Manifests::new(&settings, &objects, &store, conditional, policy, &mut dice);
        let mut origin = Self {
            settings,
            objects,
            store,
            conditional,
            policy,
            dice,
            timeline: None,
            manifests,
            expiry: expiry::Expiry::default(),
            periods: std::collections::BTreeMap::new(),
            uploads: JoinSet::new(),
            progress,
            is_dirty: false,
            appended: 0,
        };
        origin.adopt().await?;
        let frame_rate = origin.timeline.as_ref().and_then(resolved_frame_rate);
        origin.progress.send_modify(|progress| {
            progress.ready = true;
            progress.frame_rate = frame_rate;
        });
        Ok(origin)
    }

    /// Rewrites what an earlier run left, unchanged but for the epoch.
    async fn adopt(&mut self) -> Result<(), Stopped> {
        loop {
            let stored =
                self.manifests.timeline.read().await.map_err(|error| Stopped::Failed(failure(&error)))?;
            let Some(stored) = stored else { return Ok(()) };
            let (timeline, json) = adopted(&stored, self.settings.epoch)?;
            match self.manifests.timeline.write(&json, self.settings.epoch).await {
                Ok(Outcome::Written(_) | Outcome::Unchanged) => {
                    self.timeline = Some(timeline);
                    self.is_dirty = true;
                    return self.flush().await;
                }
                // The former owner wrote once more between our read and our write.
                Ok(Outcome::Changed(_)) => {}
                Ok(Outcome::Fenced { seen }) => return Err(Stopped::Fenced(seen)),
                Err(error) => return Err(Stopped::Failed(failure(&error))),
            }
        }
    }
}

fn adopted(stored: &Current, epoch: Epoch) -> Result<(Timeline, Bytes), Stopped> {
    let damaged = |error: TimelineError| {
        let reason = format!(
            "timeline.json in the bucket cannot be read ({error}): it was written by another version or damaged; \
             delete the job, or remove the object to begin the channel anew"
        );
        Stopped::Failed(Failure::final_(Fault::Destination, reason))
    };
    let mut timeline = Timeline::from_json(&stored.bytes).map_err(damaged)?;
    match timeline.begin_run(epoch.number()) {
        Ok(()) => {}
        Err(TimelineError::Zombie { stored, .. }) => return Err(Stopped::Fenced(Epoch::new(stored))),
        Err(other) => return Err(damaged(other)),
    }
    let json = Bytes::from(timeline.to_json().map_err(damaged)?);
    Ok((timeline, json))
}

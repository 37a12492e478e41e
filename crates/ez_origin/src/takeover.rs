//! The first thing a new owner does with the bucket: find out what is there and make it its own.
//!
//! The timeline of an earlier run is rewritten under our epoch, then every projection of it: from
//! then on whatever the former owner still writes is refused by the store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ez_domain::fault::{Failure, Fault};
use ez_domain::id::Epoch;
use ez_manifest::timeline::{Error as TimelineError, Timeline};
use ez_media::layout::Objects;
use ez_objects::dice::Dice;
use ez_objects::retry::Policy;
use ez_objects::stable::Outcome;
use ez_objects::{ObjectStore, fence};

use crate::manifests::Manifests;
use crate::refusals::{Refusals, failure};
use crate::{Settings, Stopped};

/// What one who owns, or wants to own, a channel's objects works with.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) policy: Policy,
    pub(crate) dice: Dice,
    pub(crate) manifests: Manifests,
}

impl Claim {
    /// Writes and reads nothing yet.
    pub(crate) fn new(settings: &Settings, store: &Arc<dyn ObjectStore>) -> Self {
        let segment = Duration::from_secs(settings.spec.segment_seconds.into());
        let policy = Policy::for_segments_of(segment);
        let mut dice = Dice::from_system();
        let manifests = Manifests::new(settings, store, policy.for_playlists(), &mut dice);
        Self { policy, dice, manifests }
    }

    /// The epoch under which the channel's timeline was last written; `None` when nothing was ever published.
    pub(crate) async fn published_epoch(&mut self) -> Result<Option<u64>, Stopped> {
        let mut refusals = Refusals::new(self.policy, self.dice.fork());
        let stored = loop {
            match self.manifests.timeline.read().await {
                Ok(stored) => break stored,
                Err(error) => {
                    refusals.doubt(error).await.map_err(|error| Stopped::Failed(failure(&error)))?;
                }
            }
        };
        let Some(stored) = stored else { return Ok(None) };
        let timeline = Timeline::from_json(&stored.bytes).map_err(|error| damaged(&error))?;
        Ok(Some(timeline.epoch()))
    }
}

/// Finds out whether the store's conditional writes hold under a race, in so many rounds of it.
pub(crate) async fn probe(
    settings: &Settings,
    store: &Arc<dyn ObjectStore>,
    rounds: u32,
) -> Result<Claim, Stopped> {
    let mut claim = Claim::new(settings, store);
    let Claim { policy, dice, .. } = &mut claim;
    let mut refusals = Refusals::new(*policy, dice.fork());
    let prefix = format!("{}probe-{}/", Objects::of(settings.job).prefix(), settings.epoch);
    let fence = loop {
        match fence::probe(store.as_ref(), &prefix, policy, dice, rounds).await {
            Ok(fence) => break fence,
            Err(error) => refusals.doubt(error).await.map_err(|error| Stopped::Failed(failure(&error)))?,
        }
    };
    if !fence.is_conditional() {
        let reason = format!(
            "the bucket cannot keep a replaced worker from overwriting its successor ({fence}); choose a store \
             that honours If-Match and If-None-Match on PUT, as S3 does"
        );
        return Err(Stopped::Failed(Failure::final_(Fault::Destination, reason)));
    }
    Ok(claim)
}

/// Reads the timeline, changes it and stores it under our epoch; `None` when there is none.
///
/// `change` is applied anew when somebody wrote between our read and our write: the former owner, or an
/// earlier process of our epoch, whose last write was still on its way.
pub(crate) async fn adopt(
    settings: &Settings,
    claim: &mut Claim,
    mut change: impl FnMut(&mut Timeline) -> Result<(), TimelineError>,
) -> Result<Option<Timeline>, Stopped> {
    let refused = |error| Stopped::Failed(failure(&error));
    let mut refusals = Refusals::new(claim.policy, claim.dice.fork());
    let cell = &mut claim.manifests.timeline;
    loop {
        let stored = match cell.read().await {
            Ok(stored) => stored,
            Err(error) => {
                refusals.doubt(error).await.map_err(refused)?;
                continue;
            }
        };
        let Some(stored) = stored else { return Ok(None) };
        let mut timeline = Timeline::from_json(&stored.bytes).map_err(|error| damaged(&error))?;
        match change(&mut timeline) {
            Ok(()) => {}
            Err(TimelineError::Zombie { stored, .. }) => return Err(Stopped::Fenced(Epoch::new(stored))),
            Err(other) => return Err(damaged(&other)),
        }
        let json = Bytes::from(timeline.to_json().map_err(|error| damaged(&error))?);
        match cell.write(&json, settings.epoch).await {
            Ok(Outcome::Written(_) | Outcome::Unchanged) => return Ok(Some(timeline)),
            Ok(Outcome::Changed(_)) => {}
            Ok(Outcome::Fenced { seen }) if seen == settings.epoch => {}
            Ok(Outcome::Fenced { seen }) => return Err(Stopped::Fenced(seen)),
            Err(error) => refusals.doubt(error).await.map_err(refused)?,
        }
    }
}

fn damaged(error: &TimelineError) -> Stopped {
    let reason = format!(
        "timeline.json in the bucket cannot be read ({error}): it was written by another version or damaged; \
         delete the job, or remove the object to begin the channel anew"
    );
    Stopped::Failed(Failure::final_(Fault::Destination, reason))
}

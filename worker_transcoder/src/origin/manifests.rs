//! The objects under stable names: the timeline and its projections.

use std::sync::Arc;

use bytes::Bytes;
use ez_domain::fault::{Failure, Fault};
use ez_domain::id::Epoch;
use ez_manifest::dash::{self, UtcTiming};
use ez_manifest::hls;
use ez_media::layout::{ObjectKey, Objects};
use ez_objects::dice::Dice;
use ez_objects::retry::Policy;
use ez_objects::stable::{self, Mark, Outcome, StableObject};
use ez_objects::{Error, ObjectStore};
use futures::future::join_all;

use super::{Origin, Settings, Stopped, failure};

/// One cell for each object.
#[derive(Debug)]
pub(crate) struct Manifests {
    pub(crate) timeline: StableObject,
    media_playlists: Vec<(String, StableObject)>,
    multivariant_playlist: Option<StableObject>,
    mpd: Option<StableObject>,
}

impl Manifests {
    pub(crate) fn new(
        settings: &Settings,
        objects: &Objects,
        store: &Arc<dyn ObjectStore>,
        conditional: bool,
        policy: Policy,
        dice: &mut Dice,
    ) -> Self {
        let mut cell = |object: ObjectKey, mark| {
            let content_type = object.kind.content_type().to_owned();
            let cache_control = object.kind.cache_control().to_owned();
            let settings =
                stable::Settings { key: object.key, content_type, cache_control, mark, conditional, policy };
            StableObject::new(Arc::clone(store), settings, dice.fork())
        };
        let delivery = settings.spec.delivery;
        let mut media_playlists = Vec::new();
        if delivery.has_hls() {
            for name in settings.spec.rendition_names() {
                media_playlists
                    .push((name.to_string(), cell(objects.media_playlist(name), Mark::HashComment)));
            }
        }
        Self {
            timeline: cell(objects.timeline(), Mark::InContent),
            media_playlists,
            multivariant_playlist: delivery
                .has_hls()
                .then(|| cell(objects.multivariant_playlist(), Mark::HashComment)),
            mpd: delivery.has_dash().then(|| cell(objects.manifest(), Mark::XmlComment)),
        }
    }
}

impl Origin {
    /// Stores the timeline and then everything that follows from it.
    pub(super) async fn flush(&mut self) -> Result<(), Stopped> {
        self.store_timeline().await?;
        self.is_dirty = false;
        let Some(timeline) = self.timeline.as_ref() else { return Ok(()) };
        let now_ms = self.settings.clock.wall_now_ms();
        let mut utc: Vec<UtcTiming> =
            self.settings.time_url.iter().cloned().map(UtcTiming::HttpIso).collect();
        utc.push(UtcTiming::Direct(now_ms));

        let epoch = self.settings.epoch;
        let mut writes = Vec::new();
        for (name, cell) in &mut self.manifests.media_playlists {
            if let Some(text) = hls::media_playlist(timeline, name) {
                writes.push(write(cell, text, epoch));
            }
        }
        if let Some(cell) = &mut self.manifests.mpd
            && let Some(text) = dash::mpd(timeline, now_ms, &utc)
        {
            writes.push(write(cell, text, epoch));
        }
        for written in join_all(writes).await {
            written?;
        }
        // Last: whoever reads it finds every media playlist that it names.
        if let Some(cell) = &mut self.manifests.multivariant_playlist
            && let Some(text) = hls::multivariant_playlist(timeline)
        {
            write(cell, text, epoch).await?;
        }
        Ok(())
    }

    /// Stores the timeline alone.
    pub(super) async fn store_timeline(&mut self) -> Result<(), Stopped> {
        let Some(timeline) = self.timeline.as_ref() else { return Ok(()) };
        let json = Bytes::from(timeline.to_json().map_err(super::bug)?);
        judge(self.manifests.timeline.write(&json, self.settings.epoch).await).map(drop)
    }
}

/// Writes a projection; what an older owner put in between is replaced.
async fn write(cell: &mut StableObject, text: String, epoch: Epoch) -> Result<(), Stopped> {
    let bytes = Bytes::from(text);
    judge(cell.update(epoch, |_| bytes.clone()).await)
}

fn judge(outcome: Result<Outcome, Error>) -> Result<(), Stopped> {
    match outcome {
        Ok(Outcome::Written(_) | Outcome::Unchanged) => Ok(()),
        Ok(Outcome::Fenced { seen }) => Err(Stopped::Fenced(seen)),
        Ok(Outcome::Changed(_)) => Err(Stopped::Failed(Failure::retryable(
            Fault::Destination,
            "the channel's timeline.json was changed or removed by somebody else; the next run reads it anew",
        ))),
        Err(error) => Err(Stopped::Failed(failure(&error))),
    }
}

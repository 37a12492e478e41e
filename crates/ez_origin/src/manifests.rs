//! The objects under stable names: the timeline and its projections.

use std::sync::Arc;

use bytes::Bytes;
use ez_domain::fault::{Failure, Fault};
use ez_domain::id::Epoch;
use ez_domain::spec::RenditionName;
use ez_manifest::dash::{self, UtcTiming};
use ez_manifest::timeline::Timeline;
use ez_manifest::{hls, uri};
use ez_media::layout::{ObjectKey, Objects};
use ez_objects::dice::Dice;
use ez_objects::retry::Policy;
use ez_objects::stable::{self, Mark, Outcome, StableObject};
use ez_objects::{Error, ObjectStore};
use futures::future::join_all;

use crate::refusals::{Refusals, failure};
use crate::{Settings, Stopped};

/// One cell for each object.
#[derive(Debug)]
pub(crate) struct Manifests {
    settings: Settings,
    store: Arc<dyn ObjectStore>,
    policy: Policy,
    dice: Dice,
    pub(crate) timeline: StableObject,
    media_playlists: Vec<(String, StableObject)>,
    multivariant_playlist: Option<StableObject>,
    mpd: Option<StableObject>,
}

impl Manifests {
    pub(crate) fn new(
        settings: &Settings,
        store: &Arc<dyn ObjectStore>,
        policy: Policy,
        dice: &mut Dice,
    ) -> Self {
        let objects = Objects::of(settings.job);
        let mut cell = |object, mark| cell(store, policy, dice, object, mark);
        let delivery = settings.spec.delivery;
        let mut media_playlists = Vec::new();
        if delivery.has_hls() {
            for name in settings.spec.rendition_names() {
                media_playlists
                    .push((name.to_string(), cell(objects.media_playlist(name), Mark::HashComment)));
            }
        }
        let timeline = cell(objects.timeline(), Mark::InContent);
        let multivariant_playlist =
            delivery.has_hls().then(|| cell(objects.multivariant_playlist(), Mark::HashComment));
        let mpd = delivery.has_dash().then(|| cell(objects.manifest(), Mark::XmlComment));
        Self {
            settings: settings.clone(),
            store: Arc::clone(store),
            policy,
            dice: dice.fork(),
            timeline,
            media_playlists,
            multivariant_playlist,
            mpd,
        }
    }

    /// A cell for the description of what the publisher sends.
    pub(crate) fn input_info(&mut self) -> StableObject {
        let object = Objects::of(self.settings.job).input_info();
        cell(&self.store, self.policy, &mut self.dice, object, Mark::InContent)
    }

    /// Stores the timeline.
    pub(crate) async fn store_timeline(&mut self, timeline: &Timeline) -> Result<(), Stopped> {
        let json = Bytes::from(timeline.to_json().map_err(crate::bug)?);
        let mut refusals = Refusals::new(self.policy, self.dice.fork());
        loop {
            match self.timeline.write(&json, self.settings.epoch).await {
                Ok(outcome) => return judge(&outcome),
                Err(error) => refusals.doubt(error).await.map_err(|error| refused(&error))?,
            }
        }
    }

    /// Stores everything that follows from the timeline, which is stored already.
    pub(crate) async fn store_projections(&mut self, timeline: &Timeline) -> Result<(), Stopped> {
        self.cover(timeline);
        let now_ms = self.settings.clock.wall_now_ms();
        let utc = self.utc_timings(now_ms);
        let epoch = self.settings.epoch;
        let mut refusals = || Refusals::new(self.policy, self.dice.fork());
        let mut writes = Vec::new();
        for (name, cell) in &mut self.media_playlists {
            if let Some(text) = hls::media_playlist(timeline, name) {
                writes.push(write(cell, text, epoch, refusals()));
            }
        }
        if let Some(cell) = &mut self.mpd
            && let Some(text) = dash::mpd(timeline, now_ms, &utc)
        {
            writes.push(write(cell, text, epoch, refusals()));
        }
        for written in join_all(writes).await {
            written?;
        }
        // Last: whoever reads it finds every media playlist that it names.
        if let Some(cell) = &mut self.multivariant_playlist
            && let Some(text) = hls::multivariant_playlist(timeline)
        {
            write(cell, text, epoch, refusals()).await?;
        }
        Ok(())
    }

    /// Takes in the renditions of an earlier specification, whose playlists must end as well.
    fn cover(&mut self, timeline: &Timeline) {
        if !self.settings.spec.delivery.has_hls() {
            return;
        }
        for rendition in timeline.ladder() {
            if self.media_playlists.iter().any(|(known, _)| *known == rendition.name) {
                continue;
            }
            if let Ok(name) = RenditionName::new(rendition.name.as_str()) {
                let object = Objects::of(self.settings.job).media_playlist(&name);
                let made = cell(&self.store, self.policy, &mut self.dice, object, Mark::HashComment);
                self.media_playlists.push((rendition.name.clone(), made));
            }
        }
    }

    /// Where players may learn the time (ISO/IEC 23009-1 5.8.4.11), best first: a clock of ours, the
    /// `Date` of whatever server delivers the MPD, and what it was when this was written.
    fn utc_timings(&self, now_ms: i64) -> Vec<UtcTiming> {
        let mut timings: Vec<UtcTiming> =
            self.settings.time_url.iter().cloned().map(UtcTiming::HttpIso).collect();
        // Relative, as we do not know under which name viewers reach the bucket.
        timings.push(UtcTiming::HttpHead(uri::MPD.to_owned()));
        timings.push(UtcTiming::Direct(now_ms));
        timings
    }
}

fn cell(
    store: &Arc<dyn ObjectStore>,
    policy: Policy,
    dice: &mut Dice,
    object: ObjectKey,
    mark: Mark,
) -> StableObject {
    let settings = stable::Settings {
        content_type: object.kind.content_type().to_owned(),
        cache_control: object.kind.cache_control().to_owned(),
        key: object.key,
        mark,
        conditional: true,
        policy,
    };
    StableObject::new(Arc::clone(store), settings, dice.fork())
}

/// Writes a projection; what an older owner or another process of our epoch put in between is replaced.
///
/// Which process of an epoch owns the channel is decided at the timeline, not here.
async fn write(
    cell: &mut StableObject,
    text: String,
    epoch: Epoch,
    mut refusals: Refusals,
) -> Result<(), Stopped> {
    let bytes = Bytes::from(text);
    loop {
        match cell.update(epoch, |_| bytes.clone()).await {
            Ok(Outcome::Fenced { seen }) if seen == epoch => {}
            Ok(outcome) => return judge(&outcome),
            Err(error) => refusals.doubt(error).await.map_err(|error| refused(&error))?,
        }
    }
}

fn refused(error: &Error) -> Stopped {
    Stopped::Failed(failure(error))
}

fn judge(outcome: &Outcome) -> Result<(), Stopped> {
    match outcome {
        Outcome::Written(_) | Outcome::Unchanged => Ok(()),
        Outcome::Fenced { seen } => Err(Stopped::Fenced(*seen)),
        Outcome::Changed(_) => Err(Stopped::Failed(Failure::retryable(
            Fault::Destination,
            "the channel's timeline.json was changed or removed by somebody else; the next run reads it anew",
        ))),
    }
}

//! The beginning: the bucket is taken over, and what an earlier process of this run left is taken up.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ez_domain::durations::Durations;
use ez_manifest::timeline::Timeline;
use ez_media::layout::{Objects, OutputLayout};
use ez_objects::ObjectStore;
use ez_objects::fence::ROUNDS;
use ez_objects::health::{Health, Observed};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Origin, Progress};
use crate::budget::Budget;
use crate::input_info::InputInfo;
use crate::period::{Period, Taken};
use crate::publisher::{self, Acknowledged};
use crate::spool::{self, Found, Spool};
use crate::takeover::{Claim, adopt, probe};
use crate::upload::Uploader;
use crate::{Settings, Stopped, bug, expiry, ladder};

/// How often a store that keeps the origin from beginning is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Tells what is wrong with the store as long as nothing else can.
async fn report_while_it_begins(progress: &watch::Sender<Progress>, health: &Health) -> Infallible {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let trouble = health.trouble().map(|trouble| crate::refusals::trouble(&trouble));
        let failures = health.failures();
        progress.send_if_modified(|progress| {
            let is_new = progress.trouble != trouble;
            progress.trouble = trouble;
            progress.store_failures = failures;
            is_new
        });
    }
}

impl Origin {
    pub(super) async fn begin(
        settings: Settings,
        folder: PathBuf,
        store: Arc<dyn ObjectStore>,
        progress: watch::Sender<Progress>,
    ) -> Result<Self, Stopped> {
        if settings.spec.protection.is_some() != settings.content_key.is_some() {
            return Err(bug("the channel's protection and its content key do not go together"));
        }
        let observed = Observed::new(store);
        let health = observed.health();
        let store: Arc<dyn ObjectStore> = Arc::new(observed);
        let watched = report_while_it_begins(&progress, &health);
        tokio::select! {
            never = watched => match never {},
            begun = Self::take_over(settings, folder, store, Arc::clone(&health), progress.clone()) => begun,
        }
    }

    async fn take_over(
        settings: Settings,
        folder: PathBuf,
        store: Arc<dyn ObjectStore>,
        health: Arc<Health>,
        progress: watch::Sender<Progress>,
    ) -> Result<Self, Stopped> {
        let epoch = settings.epoch.number();
        let mut claim = Claim::new(&settings, &store);
        // A process of this very run that died has probed the store.
        if claim.published_epoch().await? != Some(epoch) {
            claim = probe(&settings, &store, ROUNDS).await?;
        }
        // A process that takes over from its predecessor in the same run goes on in its open period.
        let adopted = adopt(&settings, &mut claim, |timeline| {
            if timeline.epoch() == epoch {
                timeline.take_over();
            } else {
                timeline.begin_run(epoch)?;
            }
            // What was published by another specification ends before media of this one begins.
            if !ladder::follows(timeline, &settings.spec) {
                timeline.end();
            }
            Ok(())
        });
        let timeline = adopted.await?;
        if let Some(timeline) = &timeline {
            claim.manifests.store_projections(timeline).await?;
        }

        let layout = OutputLayout::new(&settings.spec);
        let (found, next) = spool::find(&folder, &layout).await;
        let spool = Spool::open(folder, next).await.map_err(|error| super::disk(&error))?;
        let unfinished = if found.is_empty() { None } else { spool.last_media().await };

        let objects = Objects::of(settings.job);
        let uploader =
            Uploader { store: Arc::clone(&store), objects, epoch: settings.epoch, policy: claim.policy };
        let (snapshots, states) = watch::channel(None);
        let (acknowledge, acknowledged) = watch::channel(Acknowledged::default());
        let mut publisher = JoinSet::new();
        let input_info = InputInfo::new(claim.manifests.input_info(), settings.epoch);
        publisher.spawn(publisher::publish(claim.manifests, states, acknowledge));
        progress.send_modify(|progress| {
            progress.frame_rate =
                timeline.as_ref().and_then(|timeline| ladder::resolved_frame_rate(timeline, &settings.spec));
            progress.unfinished = unfinished;
        });
        let mut origin = Self {
            budget: Budget::of(&settings.spec, settings.spool_bytes),
            asks_for_room: false,
            store,
            health,
            uploader,
            dice: claim.dice,
            spool,
            timeline,
            periods: std::collections::VecDeque::new(),
            uploads: JoinSet::new(),
            under_way: Vec::new(),
            expiry: expiry::Expiry::default(),
            input_info,
            listing: JoinSet::new(),
            publisher,
            snapshots,
            acknowledged,
            version: 0,
            newest_public: 0,
            change: None,
            removable: std::collections::VecDeque::new(),
            leaving: None,
            progress,
            committed: 0,
            newest_period: 0,
            given_up: 0,
            segment_uploads: Durations::default(),
            settings,
        };
        for period in found {
            origin.take_up(period).await;
        }
        origin.close_what_nobody_continues();
        origin.look_for_strays();
        Ok(origin)
    }

    /// Takes up a period of an earlier process of this run.
    async fn take_up(&mut self, found: Found) {
        let Found { folder, mut record, spooled, fresh } = found;
        let open = self.timeline.as_ref().and_then(Timeline::open_period_id);
        let was_opened = record
            .id
            .is_some_and(|id| self.timeline.as_ref().is_some_and(|timeline| timeline.has_opened(id)));
        let continues = record.id.is_some() && record.id == open;
        if was_opened && !continues {
            // Published whole before the crash.
            folder.remove().await;
            return;
        }
        if !continues {
            record.id = None;
        }
        let mut period = Period::new(None, record, folder, &self.settings.spec, self.settings.key_id());
        period.has_ended = true;
        if let Some(timeline) = self.timeline.as_ref().filter(|_| continues) {
            period.resume(timeline);
            // What is stored already needs no new version.
            period.opened_in = Some(0);
        }
        let mut files = 0;
        for file in spooled.iter().chain(&fresh) {
            match period.take(file).await {
                Ok(Taken::Waits | Taken::Superfluous) => files += 1,
                Ok(Taken::Exposed(why)) => {
                    tracing::error!(why, file = %file.path.display(), "a file of an earlier process stays unpublished");
                }
                // The file that packager was writing when it was killed.
                Err(error) => tracing::info!(
                    error = format!("{error:#}"),
                    file = %file.path.display(),
                    "a file of an earlier process is not whole"
                ),
            }
        }
        tracing::info!(period = ?period.id(), files, "an earlier process left media: it is published now");
        self.periods.push_back(period);
    }

    fn close_what_nobody_continues(&mut self) {
        let open = self.timeline.as_ref().and_then(Timeline::open_period_id);
        let is_continued = self.periods.front().is_some_and(|period| period.id() == open);
        if let Some(timeline) = self.timeline.as_mut()
            && open.is_some()
            && !is_continued
        {
            timeline.close_period();
            self.change = Some(true);
        }
    }

    fn look_for_strays(&mut self) {
        if self.timeline.is_none() {
            return;
        }
        let (store, policy) = (Arc::clone(&self.store), self.uploader.policy);
        let (prefix, epoch, dice) = (self.uploader.objects.prefix(), self.settings.epoch, self.dice.fork());
        self.listing.spawn(async move {
            match expiry::list_media(store.as_ref(), &prefix, epoch, &policy, dice).await {
                Ok(uris) => uris,
                Err(error) => {
                    tracing::warn!(%error, "the bucket could not be listed: expired objects may stay in it");
                    Vec::new()
                }
            }
        });
    }
}

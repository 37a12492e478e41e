//! The task that takes files and orders their way into the store.
//!
//! Periods stand in a row. Only the first is open in the timeline; it is uploaded and published while
//! the later ones gather on disk. After each event [`Origin::advance`] does all that has become
//! possible; nothing in it waits for the store.

mod begin;
mod leave;
mod message;
mod progress;
mod uploads;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ez_domain::durations::Durations;
use ez_domain::fault::{Failure, Fault};
use ez_manifest::timeline::{Expired, Left, PeriodId, Slot, Timeline};
use ez_objects::dice::Dice;
use ez_objects::{ObjectStore, health::Health};
use ez_service::latest::LatestSeen as _;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use self::uploads::UnderWay;
use crate::budget::Budget;
use crate::input_info::InputInfo;
use crate::period::Period;
use crate::publisher::{Acknowledged, Snapshot};
use crate::spool::{PeriodFolder, Spool};
use crate::upload::{Uploaded, Uploader};
use crate::{Settings, Stopped, bug, expiry, ladder};

pub use message::{Message, Playlists, Tail};
pub use progress::Progress;

/// Between two looks at how the store is doing.
const TICK: Duration = Duration::from_secs(1);

/// The task.
pub struct Origin {
    settings: Settings,
    store: Arc<dyn ObjectStore>,
    health: Arc<Health>,
    uploader: Uploader,
    dice: Dice,
    spool: Spool,
    budget: Budget,
    /// It is time to look at the disk again.
    asks_for_room: bool,
    timeline: Option<Timeline>,
    periods: VecDeque<Period>,
    uploads: JoinSet<Uploaded>,
    /// The segments that they carry, a handful.
    under_way: Vec<UnderWay>,
    expiry: expiry::Expiry,
    input_info: InputInfo,
    /// The listing that finds strays, while it runs.
    listing: JoinSet<Vec<String>>,
    publisher: JoinSet<Result<(), Stopped>>,
    snapshots: watch::Sender<Option<Snapshot>>,
    acknowledged: watch::Receiver<Acknowledged>,
    /// Version of the newest snapshot.
    version: u64,
    /// The newest of those that players shall see.
    newest_public: u64,
    /// The timeline changed since then; whether players shall see it.
    change: Option<bool>,
    /// What goes from the disk once that version is published.
    removable: VecDeque<(u64, Local)>,
    leaving: Option<leave::Leaving>,
    progress: watch::Sender<Progress>,
    committed: u64,
    newest_period: u32,
    given_up: u64,
    segment_uploads: Durations,
}

/// Something on the worker's disk.
#[derive(Debug)]
enum Local {
    File(PathBuf),
    Folder(PeriodFolder),
}

impl Origin {
    /// Works until the channel is left (the sender of `messages` is dropped) or it must stop.
    ///
    /// `folder` is the run's spool; what an earlier process of the run left in it is published first.
    ///
    /// # Errors
    /// When a higher epoch owns the channel, or the store or the disk refuse for good.
    pub async fn run(
        settings: Settings,
        folder: PathBuf,
        store: Arc<dyn ObjectStore>,
        mut messages: mpsc::Receiver<Message>,
        progress: watch::Sender<Progress>,
    ) -> Result<(), Stopped> {
        let mut origin = Self::begin(settings, folder, store, progress).await?;
        let mut expire = tokio::time::interval(expiry::ROUND);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            origin.advance().await?;
            origin.report();
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => origin.handle(message).await?,
                    None => return Ok(()),
                },
                Some(uploaded) = origin.uploads.join_next_with_id() => origin.uploaded(uploaded)?,
                Ok(()) = origin.acknowledged.changed() => origin.published().await,
                Some(ended) = origin.publisher.join_next() => return ended.map_err(bug)?,
                Some(listed) = origin.listing.join_next() => origin.listed(listed),
                _ = expire.tick() => origin.delete_expired(),
                // The store's health changes without a message, and so does the disk.
                _ = tick.tick() => origin.asks_for_room = true,
            }
        }
    }

    /// Does everything that has become possible.
    async fn advance(&mut self) -> Result<(), Stopped> {
        self.keep_within_budget().await;
        loop {
            self.open_first().await?;
            self.append_ready().await;
            if !self.close_first().await {
                break;
            }
        }
        self.end_when_drained();
        if let Some(is_public) = self.change.take() {
            self.publish(is_public);
        }
        self.begin_uploads();
        self.input_info.advance();
        Ok(())
    }

    /// Opens the first period in the timeline, so that nobody takes its name again.
    async fn open_first(&mut self) -> Result<(), Stopped> {
        let Some(period) = self.periods.front_mut() else { return Ok(()) };
        let has_nothing_yet = period.has_ended && period.slots.is_empty();
        if period.opened_in.is_some() || has_nothing_yet {
            return Ok(());
        }
        if self.timeline.is_none() {
            let mut timeline =
                ladder::new_timeline(&self.settings.spec, period.record.frame_rate).map_err(bug)?;
            timeline.begin_run(self.settings.epoch.number()).map_err(bug)?;
            self.timeline = Some(timeline);
        }
        let Some(timeline) = self.timeline.as_mut() else { return Ok(()) };
        if timeline.has_ended() {
            let left = timeline.resume(self.settings.clock.wall_now_ms()).map_err(bug)?;
            self.expiry.add(left);
            ladder::renew(timeline, &self.settings.spec, period.record.frame_rate).map_err(bug)?;
        }
        let id = timeline.open_period(period.record.wall_ms).map_err(bug)?;
        tracing::info!(local = period.local, period = %id, wall_ms = period.record.wall_ms, "period opened");
        period.record.id = Some(id);
        if let Err(error) = period.folder.write(&period.record).await {
            // Only a process that takes over would read it.
            tracing::warn!(error = format!("{error:#}"), "the record of a period could not be written");
        }
        // The version that is made of this change at the end of the round.
        period.opened_in = Some(self.version.saturating_add(1));
        self.change.get_or_insert(false);
        Ok(())
    }

    /// Appends the slots of the first period that are complete.
    async fn append_ready(&mut self) {
        while let Some(slot) = self.periods.front_mut().and_then(|period| period.slots.next(period.has_ended))
        {
            self.append(&slot, false).await;
        }
    }

    async fn append(&mut self, slot: &Slot, is_trailing: bool) {
        let now_ms = self.settings.clock.wall_now_ms();
        let (Some(period), Some(timeline)) = (self.periods.front(), self.timeline.as_mut()) else { return };
        let appended =
            if is_trailing { timeline.append_trailing(slot, now_ms) } else { timeline.append(slot, now_ms) };
        match appended {
            Ok(left) => {
                self.expiry.add(left);
                self.committed = self.committed.saturating_add(1);
                self.newest_period = period.local.unwrap_or(self.newest_period);
                self.change = Some(true);
            }
            Err(error) => {
                tracing::warn!(%error, is_trailing, "a slot cannot be published");
                // Its time has to be accounted for, else nothing that follows would fit.
                if !is_trailing && let Ok(left) = timeline.append(&Slot::new(), now_ms) {
                    self.expiry.add(left);
                    self.change = Some(true);
                }
            }
        }
        self.keep_last_media(slot).await;
        self.forget_files(slot);
    }

    /// Keeps the best picture of the slot for a filler after a crash.
    async fn keep_last_media(&self, slot: &Slot) {
        let Some(period) = self.periods.front() else { return };
        let best = self.settings.spec.video.iter().max_by_key(|rendition| rendition.max_bitrate.bps());
        let Some(name) = best.map(|rendition| &rendition.name) else { return };
        let Some(segment) = slot.get(name.as_str()) else { return };
        let (init, segment) = (period.folder.init(name), period.folder.segment(name, segment.t));
        if let Err(error) = self.spool.remember(&init, &segment).await {
            tracing::debug!(error = format!("{error:#}"), "the last media was not kept");
        }
    }

    fn forget_files(&mut self, slot: &Slot) {
        let Some(period) = self.periods.front() else { return };
        let version = self.version.saturating_add(1);
        for name in self.settings.spec.rendition_names() {
            if let Some(segment) = slot.get(name.as_str()) {
                let path = period.folder.segment(name, segment.t);
                self.removable.push_back((version, Local::File(path)));
            }
        }
    }

    fn publish(&mut self, is_public: bool) {
        let Some(timeline) = self.timeline.clone() else { return };
        self.version = self.version.saturating_add(1);
        if is_public {
            self.newest_public = self.version;
        }
        self.snapshots.send_replace(Some(Snapshot {
            version: self.version,
            newest_public: self.newest_public,
            timeline: Arc::new(timeline),
            committed: self.committed,
            newest_period: self.newest_period,
        }));
    }

    /// The store has a newer state: what it names goes from the disk.
    async fn published(&mut self) {
        let acknowledged = self.acknowledged.latest_seen();
        while self.removable.front().is_some_and(|(version, _)| *version <= acknowledged.manifests) {
            match self.removable.pop_front() {
                Some((_, Local::File(path))) => discard(path).await,
                Some((_, Local::Folder(folder))) => folder.remove().await,
                None => {}
            }
        }
        self.leave_when_published(acknowledged.manifests);
    }

    fn delete_expired(&mut self) {
        let due = self.expiry.due(self.settings.clock.wall_now_ms(), &self.uploader.objects.prefix());
        self.expiry.delete(Arc::clone(&self.store), due, self.uploader.policy);
    }

    /// Segments that were uploaded, or may have been, and will never be named.
    fn expire(&mut self, id: PeriodId, cut: &[(String, u64)]) {
        let now_ms = self.settings.clock.wall_now_ms();
        let objects = cut.iter().map(|(rendition, time)| Expired {
            uri: ez_manifest::uri::segment(id, rendition, *time),
            deletable_at_ms: now_ms,
        });
        self.expiry.add(Left { objects: objects.collect(), periods: Vec::new() });
    }

    fn listed(&mut self, listed: Result<Vec<String>, JoinError>) {
        let (Ok(uris), Some(timeline)) = (listed, self.timeline.as_ref()) else { return };
        let open: Vec<String> =
            self.periods.iter().filter_map(|period| Some(period.id()?.to_string())).collect();
        let strays = expiry::strays(uris, timeline, &open);
        if !strays.is_empty() {
            tracing::info!(
                objects = strays.len(),
                "the bucket holds objects that no playlist names any more"
            );
            self.expiry.add_strays(strays, self.settings.clock.wall_now_ms(), timeline);
        }
    }
}

/// The worker's disk does not take the spool.
fn disk(error: &anyhow::Error) -> Stopped {
    let reason = format!("the worker's disk does not take the media: {error:#}");
    Stopped::Failed(Failure::retryable(Fault::Worker, reason))
}

/// A local file that is not needed any more.
async fn discard(path: PathBuf) {
    if let Err(error) = tokio::fs::remove_file(&path).await {
        tracing::debug!(%error, path = %path.display(), "a local file could not be removed");
    }
}

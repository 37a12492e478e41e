//! The origin: the bucket as viewers see it.
//!
//! One task owns the timeline and everything under a stable name. Closed files come in, are checked
//! and uploaded in parallel, and are published slot by slot: segments first, then `timeline.json`,
//! then its projections. A restarted or moved run goes on in the same timeline.
//!
//! Invariants:
//! - O1: what the timeline names has been acknowledged by the store;
//! - O2: the timeline is stored before its projections and before the first upload of a period;
//! - O3: after the store showed a higher epoch, nothing is written.

mod expiry;
mod ladder;
mod manifests;
mod period;
mod slots;
mod takeover;
mod upload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ez_domain::fault::{Failure, Fault};
use ez_domain::id::{Epoch, JobId};
use ez_domain::spec::JobSpec;
use ez_domain::units::FrameRate;
use ez_manifest::timeline::Timeline;
use ez_media::layout::Objects;
use ez_objects::dice::Dice;
use ez_objects::retry::Policy;
use ez_objects::{Error, ObjectStore};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::clock::RunClock;
use crate::period::ClosedFile;

pub(crate) use ladder::resolved_frame_rate;

/// What the run tells the origin, in order.
#[derive(Debug)]
pub(crate) enum Message {
    /// A period began; its first picture arrived at this wall-clock time.
    PeriodBegan { local: u32, frame_rate: FrameRate, wall_ms: i64 },
    /// A file of a period is complete.
    Closed { local: u32, file: ClosedFile },
    /// No more files come from this period. The answer comes when all of it is published: how much
    /// of it, from its first picture on.
    PeriodEnded { local: u32, published: oneshot::Sender<Duration> },
    /// The channel ends: answer when the ended playlists are stored.
    End { done: oneshot::Sender<()> },
}

/// What the origin has done.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Progress {
    /// The store was read and taken over; the frame rate that the timeline fixes, if any.
    pub(crate) ready: bool,
    /// Frame rate of earlier periods.
    pub(crate) frame_rate: Option<FrameRate>,
    /// Slots published in this run.
    pub(crate) committed: u64,
    /// The period of the newest published slot.
    pub(crate) newest_period: u32,
    /// Wall clock at which the newest published media ends.
    pub(crate) media_end_ms: Option<i64>,
    /// Segments that wait for the store.
    pub(crate) backlog: u64,
    /// Why the store cannot be written at the moment.
    pub(crate) trouble: Option<String>,
}

/// Why the origin gave up.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A higher epoch owns the channel.
    Fenced(Epoch),
    /// It cannot go on.
    Failed(Failure),
}

/// What the origin needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) job: JobId,
    pub(crate) epoch: Epoch,
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) time_url: Option<String>,
    pub(crate) clock: RunClock,
}

/// The task.
pub(crate) struct Origin {
    settings: Settings,
    objects: Objects,
    store: Arc<dyn ObjectStore>,
    conditional: bool,
    policy: Policy,
    dice: Dice,
    timeline: Option<Timeline>,
    manifests: manifests::Manifests,
    expiry: expiry::Expiry,
    periods: BTreeMap<u32, period::OpenPeriod>,
    uploads: JoinSet<upload::Uploaded>,
    progress: watch::Sender<Progress>,
    is_dirty: bool,
    /// Slots in the timeline that are not in the playlists yet.
    appended: u64,
}

impl Origin {
    /// Works until the channel is left (the sender of `messages` is dropped) or it must stop.
    pub(crate) async fn run(
        settings: Settings,
        store: Arc<dyn ObjectStore>,
        mut messages: mpsc::Receiver<Message>,
        progress: watch::Sender<Progress>,
    ) -> Result<(), Stopped> {
        let mut origin = Self::take_over(settings, store, progress).await?;
        let mut expire = tokio::time::interval(expiry::ROUND);
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => origin.handle(message).await?,
                    None => return Ok(()),
                },
                Some(uploaded) = origin.uploads.join_next() => origin.uploaded(uploaded).await?,
                _ = expire.tick() => origin.delete_expired(),
            }
            origin.report();
        }
    }

    async fn handle(&mut self, message: Message) -> Result<(), Stopped> {
        match message {
            Message::PeriodBegan { local, frame_rate, wall_ms } => {
                self.open(local, frame_rate, wall_ms).await
            }
            Message::Closed { local, file } => self.closed(local, file).await,
            Message::PeriodEnded { local, published } => {
                if let Some(period) = self.periods.get_mut(&local) {
                    period.ending = Some(published);
                }
                self.publish_ready(local).await
            }
            Message::End { done } => {
                // Every period has ended before: the run waits for that.
                if let Some(timeline) = self.timeline.as_mut() {
                    timeline.end();
                    self.is_dirty = true;
                    self.flush().await?;
                }
                let _ = done.send(());
                Ok(())
            }
        }
    }

    /// Opens the period in the timeline and stores it, so that nobody takes its name again.
    async fn open(&mut self, local: u32, frame_rate: FrameRate, wall_ms: i64) -> Result<(), Stopped> {
        if self.timeline.is_none() {
            let mut timeline = ladder::new_timeline(&self.settings.spec, frame_rate).map_err(bug)?;
            timeline.begin_run(self.settings.epoch.number()).map_err(bug)?;
            self.timeline = Some(timeline);
        }
        let Some(timeline) = self.timeline.as_mut() else { return Ok(()) };
        if timeline.has_ended() {
            let left = timeline.resume(self.settings.clock.wall_now_ms()).map_err(bug)?;
            self.expiry.add(left);
        }
        let id = timeline.open_period(wall_ms).map_err(bug)?;
        tracing::info!(local, period = %id, wall_ms, "period opened");
        let period = period::OpenPeriod::new(id, &self.settings.spec);
        self.periods.insert(local, period);
        self.store_timeline().await
    }

    async fn closed(&mut self, local: u32, file: ClosedFile) -> Result<(), Stopped> {
        let Some(period) = self.periods.get_mut(&local) else {
            // The period's media never got a first picture: nothing of it can be shown.
            return Ok(());
        };
        match period.take(&file).await {
            Ok(Some(job)) => self.begin_upload(local, job),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), file = %file.path.display(), "a file cannot be published");
            }
        }
        Ok(())
    }

    async fn uploaded(
        &mut self,
        uploaded: Result<upload::Uploaded, tokio::task::JoinError>,
    ) -> Result<(), Stopped> {
        let uploaded = uploaded.map_err(bug)?;
        let local = uploaded.local;
        match uploaded.result {
            Ok(()) => {
                if let (Some(period), Some(timeline)) = (self.periods.get_mut(&local), self.timeline.as_mut())
                {
                    let ready = period.stored(uploaded.what, timeline).map_err(bug)?;
                    for job in ready {
                        self.begin_upload(local, job);
                    }
                }
                self.publish_ready(local).await
            }
            Err(error) => Err(Stopped::Failed(failure(&error))),
        }
    }

    /// Appends what is complete, publishes it, and closes the period when it is over.
    async fn publish_ready(&mut self, local: u32) -> Result<(), Stopped> {
        // Uploads that have ended meanwhile go into the same round of writes.
        self.append_ready(local);
        if self.is_dirty {
            self.flush().await?;
            let committed = std::mem::take(&mut self.appended);
            self.progress.send_modify(|progress| {
                progress.committed += committed;
                if committed > 0 {
                    progress.newest_period = local;
                }
            });
            self.report();
        }
        let is_over =
            self.periods.get(&local).is_some_and(|period| period.ending.is_some() && period.is_idle());
        if is_over && let Some(mut period) = self.periods.remove(&local) {
            self.append_rest(&mut period);
            if self.is_dirty {
                self.flush().await?;
            }
            tracing::info!(period = %period.id, published_ms = period.published.as_millis(), "period closed");
            if let Some(ending) = period.ending.take() {
                let _ = ending.send(period.published);
            }
        }
        Ok(())
    }

    fn append_ready(&mut self, local: u32) {
        let now_ms = self.settings.clock.wall_now_ms();
        let (Some(period), Some(timeline)) = (self.periods.get_mut(&local), self.timeline.as_mut()) else {
            return;
        };
        while let Some(slot) = period.next_slot() {
            match timeline.append(&slot, now_ms) {
                Ok(left) => {
                    period.count(&slot);
                    self.expiry.add(left);
                    self.is_dirty = true;
                    self.appended += 1;
                }
                Err(error) => tracing::error!(%error, period = %period.id, "a slot cannot be published"),
            }
        }
    }

    fn append_rest(&mut self, period: &mut period::OpenPeriod) {
        let now_ms = self.settings.clock.wall_now_ms();
        let Some(timeline) = self.timeline.as_mut() else { return };
        for (slot, is_trailing) in period.rest() {
            let appended = if is_trailing {
                timeline.append_trailing(&slot, now_ms)
            } else {
                timeline.append(&slot, now_ms)
            };
            match appended {
                Ok(left) => {
                    period.count(&slot);
                    self.expiry.add(left);
                    self.is_dirty = true;
                }
                Err(error) => {
                    tracing::warn!(%error, period = %period.id, is_trailing, "the rest of a period is left out");
                    break;
                }
            }
        }
        timeline.close_period();
        self.is_dirty = true;
    }

    fn report(&self) {
        let backlog = self.periods.values().map(period::OpenPeriod::backlog).sum::<usize>();
        let media_end_ms = self.timeline.as_ref().and_then(Timeline::media_end_ms);
        self.progress.send_if_modified(|progress| {
            let before = (progress.backlog, progress.media_end_ms);
            progress.backlog = u64::try_from(backlog).unwrap_or(u64::MAX);
            progress.media_end_ms = media_end_ms;
            before != (progress.backlog, progress.media_end_ms)
        });
    }

    fn begin_upload(&mut self, local: u32, job: upload::Job) {
        let upload = upload::Upload {
            store: Arc::clone(&self.store),
            objects: self.objects,
            epoch: self.settings.epoch,
            conditional: self.conditional,
            policy: self.policy,
            dice: self.dice.fork(),
        };
        self.uploads.spawn(upload.run(local, job));
    }

    fn delete_expired(&mut self) {
        let due = self.expiry.due(self.settings.clock.wall_now_ms(), &self.objects.prefix());
        if !due.is_empty() {
            let store = Arc::clone(&self.store);
            self.expiry.delete(store, due, self.policy);
        }
    }
}

/// A refusal of the store, as the user is told of it.
fn failure(error: &Error) -> Failure {
    let reason = format!(
        "the bucket does not take the media: {error}; check that the bucket exists and that the worker's \
         credentials may write to it"
    );
    Failure { fault: error.fault(), reason, retryable: error.is_retryable() }
}

fn bug(error: impl std::fmt::Display) -> Stopped {
    Stopped::Failed(Failure::retryable(Fault::Bug, format!("the playlists could not be continued: {error}")))
}

/// A local file that is not needed any more.
async fn discard(path: PathBuf) {
    if let Err(error) = tokio::fs::remove_file(&path).await {
        tracing::debug!(%error, path = %path.display(), "a local file could not be removed");
    }
}

//! The periods of a run: one after the other, each whole on disk before the next one begins.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ez_contribution::flv;
use ez_contribution::timeline::Contribution;
use ez_domain::fault::{Failure, Fault};
use ez_origin::{FileKind, Message, Tail};
use tokio::sync::oneshot;

use super::contribution::{ENCODER_PATIENCE, duration_of};
use super::state::Remark;
use super::{Active, LONGEST_PERIOD, Next, Over, Run};
use crate::period::{self, Broken, Event as Happened, Period};

const FLV_HEADER: [u8; 13] = flv::header();

/// The name of a period's folder; each process of a run has its own.
pub(super) fn period_folder(local: impl std::fmt::Display) -> String {
    format!("period-{}-{local}", std::process::id())
}

impl Run {
    /// The period's output begins at this moment.
    pub(super) async fn on_anchored(&mut self, begins: Duration) {
        let Some(active) = self.period.as_mut() else { return };
        if active.has_begun {
            return;
        }
        active.has_begun = true;
        active.began = self.clock.now();
        let message = Message::PeriodBegan {
            local: active.period.local,
            work_folder: active.period.folder.clone(),
            frame_rate: active.frame_rate,
            wall_ms: self.clock.wall_ms(begins),
        };
        drop(self.to_origin.send(message).await);
    }

    pub(super) async fn open_period(&mut self, preroll: Duration) -> Result<(), Failure> {
        let frame_rate = self.frame_rate();
        let local = self.next_local;
        self.next_local = self.next_local.saturating_add(1);
        let setup = period::Setup {
            local,
            folder: self.description.folder.join(period_folder(local)),
            spec: Arc::clone(&self.spec),
            content_key: self.description.content_key.clone(),
            frame_rate,
            preroll,
            ffmpeg: self.description.tools.ffmpeg.clone(),
            packager: self.description.tools.packager.clone(),
        };
        let started = Period::start(setup, self.happenings.clone(), &self.tasks).await;
        let period = started.map_err(|error| {
            Failure::retryable(Fault::Worker, format!("the encoder could not be started: {error:#}"))
        })?;
        period.write(Bytes::from_static(&FLV_HEADER), ENCODER_PATIENCE).await;
        if let Some(contribution) = self.contribution.as_mut() {
            contribution.set_frame_duration(duration_of(frame_rate));
        }
        self.period = Some(Active {
            period,
            frame_rate,
            has_begun: false,
            began: self.clock.now(),
            last_closed: HashMap::new(),
            next: None,
            ended: None,
        });
        Ok(())
    }

    /// Ends the input of the period; what follows is done when all of it is published.
    pub(super) async fn close_period(&mut self, next: Next) {
        self.round_off().await;
        if let Some(active) = self.period.as_mut() {
            if active.next.is_none() || next == Next::Wait {
                active.next = Some(next);
            }
            if active.has_begun {
                active.period.finish();
            } else {
                active.period.kill();
            }
        } else if next == Next::Wait {
            self.contribution = None;
        }
        if next == Next::Wait {
            self.interrupted_at = None;
        }
    }

    /// Goes on in a new period where the timestamps of the old one would come to their end.
    pub(super) fn renew_old_period(&mut self, now: Duration) {
        let limit = self.description.longest_period_seconds.map_or(LONGEST_PERIOD, Duration::from_secs);
        let is_old = |active: &&mut Active| {
            active.has_begun
                && active.next.is_none()
                && now.saturating_sub(active.began) >= limit.min(LONGEST_PERIOD)
        };
        if let Some(active) = self.period.as_mut().filter(is_old) {
            tracing::info!(period = active.period.local, "the period has lasted long enough and is renewed");
            active.next = Some(Next::Replay);
            // Not in order: its input would end between pictures that are shown in another order than they come, and
            // ffmpeg fills such holes.
            active.period.kill();
        }
    }

    /// Gives a period that ends in order the rest of its media, once.
    async fn round_off(&mut self) {
        let Some(active) = self.period.as_ref().filter(|active| active.has_begun && active.next.is_none())
        else {
            return;
        };
        if let Some(contribution) = self.contribution.as_mut() {
            let rest = contribution.end_period();
            if !rest.tags.is_empty() && !active.period.write(rest.flv(), ENCODER_PATIENCE).await {
                tracing::warn!("ffmpeg did not take the end of its media");
            }
        }
    }

    /// Kills a broken period and goes on in a new one, unless that happened too often.
    pub(super) async fn replace_period(&mut self, why: String) {
        tracing::warn!(why, "the period is replaced");
        if !self.restarts.allow() {
            let reason = format!("the encoder failed again and again: {why}");
            self.give_up(Failure::retryable(Fault::Worker, reason)).await;
            return;
        }
        self.remark = Some(Remark::worker(why));
        if let Some(active) = self.period.as_mut() {
            active.next = Some(active.next.unwrap_or(Next::Replay));
            active.period.kill();
        }
    }

    pub(super) async fn on_period(&mut self, local: u32, event: Happened) -> Option<Over> {
        let is_present = self.period.as_ref().is_some_and(|active| active.period.local == local);
        match event {
            Happened::Closed(file) => {
                if let Some(active) = self.period.as_mut().filter(|_| is_present) {
                    active.last_closed.insert(file.rendition.clone(), self.clock.now());
                }
                if matches!(file.kind, FileKind::Segment { .. }) {
                    self.restarts.segment();
                }
                drop(self.to_origin.send(Message::Closed { local, file }).await);
                None
            }
            Happened::Progress(progress) => {
                self.meter.progress(progress);
                None
            }
            Happened::Ended { failure } => {
                self.on_period_ended(local, failure).await;
                None
            }
        }
    }

    pub(super) async fn on_period_ended(&mut self, local: u32, failure: Option<Broken>) {
        let Some(active) = self.period.as_mut().filter(|active| active.period.local == local) else {
            return;
        };
        let was_wanted = active.next.is_some();
        if let Some(broken) = failure.as_ref().filter(|broken| broken.is_disk_full) {
            // Another worker has room.
            let reason = format!(
                "the worker's disk is full: free space in {} ({})",
                self.description.folder.display(),
                broken.why
            );
            self.give_up(Failure::retryable(Fault::Worker, reason)).await;
        } else if !was_wanted {
            let why = failure.map_or_else(|| "ffmpeg ended by itself".to_owned(), |broken| broken.why);
            self.replace_period(why).await;
        } else if let Some(Broken { why, .. }) = failure {
            tracing::warn!(why, "a period did not end well");
            self.remark = Some(Remark::worker(why));
        }
        let Some(active) = self.period.as_mut() else { return };
        let (length, ended) = oneshot::channel();
        active.ended = Some(ended);
        if active.has_begun {
            let tail = match active.next {
                Some(Next::Replay) if self.leaving.is_some() => Tail::Drop,
                Some(Next::Replay) => Tail::Redo,
                Some(Next::Wait | Next::Recode) | None => Tail::Keep,
            };
            drop(self.to_origin.send(Message::PeriodEnded { local, tail, length }).await);
        } else {
            let _ = length.send(Duration::ZERO);
        }
    }

    /// The origin has every file of the closed period: goes on with what was to follow.
    pub(super) async fn on_closed(&mut self, length: Duration) -> Option<Over> {
        let active = self.period.take()?;
        let folder = &active.period.folder;
        if let Err(error) = tokio::fs::remove_dir_all(folder).await {
            tracing::warn!(%error, folder = %folder.display(), "a period's folder could not be removed");
        }
        if self.leaving.is_some() {
            self.leave().await;
            return None;
        }
        let from = match active.next.unwrap_or(Next::Wait) {
            Next::Wait => {
                if let Some(contribution) = self.contribution.take() {
                    self.meter.forget(&contribution.figures(self.clock.now()));
                }
                self.is_filling = false;
                if self.publisher.is_some() {
                    // It came back while the period was being closed.
                    let mut contribution = Contribution::new(self.contribution_settings());
                    drop(contribution.publisher_started(self.clock.now()));
                    self.contribution = Some(contribution);
                }
                return None;
            }
            // Where the pictures of the old period end, the new one's begin.
            Next::Replay => self
                .contribution
                .as_ref()
                .and_then(Contribution::media_zero)
                .filter(|_| active.has_begun)
                .map(|zero| zero + length),
            Next::Recode => None,
        };
        let output = self.contribution.as_mut()?.begin_period(from, self.clock.now());
        if let Err(failure) = self.open_period(output.preroll()).await {
            self.give_up(failure).await;
            return None;
        }
        self.put_out(output).await
    }
}

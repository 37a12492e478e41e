//! What comes in: publishers, their media, and the picture that stands in while they are away.

use std::time::Duration;

use ez_contribution::flv;
use ez_contribution::timeline::{Contribution, Event as Heard, FrameDuration, Output, Settings};
use ez_domain::cut_grid::CutGrid;
use ez_domain::spec::rules;
use ez_domain::units::FrameRate;
use ez_ingest::{EndReason, Event as Ingested};
use ez_service::latest::Latest as _;

use super::state::Remark;
use super::{Next, Over, Run, state};

/// How long ffmpeg may refuse media before it counts as hung.
pub(super) const ENCODER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a gap waits at most for its still before it shows the last key frame; the segment in hand is late by
/// as much. A still is there after a tenth of a second where the machine is not overloaded.
const STILL_PATIENCE: Duration = Duration::from_millis(750);
/// The longest distance of key frames of a contribution that is replayed whole.
const LONGEST_GOP: Duration = Duration::from_secs(10);
/// A loop that comes back so much later than it should was held up.
const HELD_UP: Duration = Duration::from_millis(100);
/// How long the pictures of an encoder that names no frame rate are looked at before they are encoded.
const MEASURED: Duration = Duration::from_millis(500);
/// How wrong a rate may be that was measured in that time.
const UNSURE: f64 = 0.01;
/// Output frame rate when neither the request nor the contribution names one.
const FALLBACK_RATE: (u32, u32) = (30, 1);

impl Run {
    pub(super) async fn on_ingest(&mut self, event: Ingested) -> Option<Over> {
        if self.leaving.is_some() {
            return None;
        }
        let now = self.look_up();
        match event {
            Ingested::PublishStarted { session, peer, encoder } => {
                tracing::info!(%session, %peer, encoder, "a publisher was let in");
                self.publisher = Some(session);
                self.interrupted_at = None;
                self.remark = None;
                self.meter.publisher_started(now);
                let settings = self.contribution_settings();
                let contribution = self.contribution.get_or_insert_with(|| Contribution::new(settings));
                let output = contribution.publisher_started(now);
                self.put_out(output).await
            }
            Ingested::Tag { session, tag } => {
                if self.publisher != Some(session) {
                    return None;
                }
                let is_media = tag.kind != flv::Kind::Script;
                let is_picture = tag.kind == flv::Kind::Video;
                if is_media && self.period.is_none() && !self.opens_period(is_picture, now).await {
                    return None;
                }
                let contribution = self.contribution.as_mut()?;
                let output = contribution.push(tag, now);
                self.put_out(output).await
            }
            Ingested::PublishEnded { session, reason } => {
                if self.publisher != Some(session) {
                    return None;
                }
                self.on_publisher_gone(&reason, now).await
            }
            Ingested::Refused { peer, reason } => {
                tracing::info!(%peer, ?reason, "a publisher was refused");
                None
            }
        }
    }

    /// Opens a period for media that comes in, as soon as its frame rate is known: from the encoder's words or,
    /// without any, from its first pictures, which are held back meanwhile. Answers whether the run goes on.
    async fn opens_period(&mut self, is_picture: bool, now: Duration) -> bool {
        if is_picture {
            self.unmeasured_since.get_or_insert(now);
        }
        if !self.knows_frame_rate() && self.measured_at().is_none_or(|at| now < at) {
            return true;
        }
        self.open_measured().await
    }

    /// When the first pictures have told the frame rate that nobody named. Never in a run that ends: it opens no
    /// period any more.
    pub(super) fn measured_at(&self) -> Option<Duration> {
        self.unmeasured_since.filter(|_| self.leaving.is_none()).map(|since| since + MEASURED)
    }

    async fn open_measured(&mut self) -> bool {
        self.unmeasured_since = None;
        if let Err(failure) = self.open_period(Duration::ZERO).await {
            self.give_up(failure).await;
            return false;
        }
        for output in std::mem::take(&mut self.held) {
            // Only a period that was open already can be at its end by now.
            let _over = self.put_out(output).await;
        }
        true
    }

    pub(super) async fn on_publisher_gone(&mut self, reason: &EndReason, now: Duration) -> Option<Over> {
        tracing::info!(?reason, "the publisher is gone");
        if self.unmeasured_since.is_some() && !self.open_measured().await {
            return None;
        }
        self.publisher = None;
        self.meter.publisher_ended(now);
        self.remark = Some(Remark::contribution(state::gone(reason)));
        let output = self.contribution.as_mut()?.publisher_ended(now);
        let had_media = self.period.as_ref().is_some_and(|active| active.has_begun);
        if had_media && self.spec.reconnect_seconds > 0 {
            self.interrupted_at = Some(now);
            return self.put_out(output).await;
        }
        self.close_period(Next::Wait).await;
        None
    }

    /// Writes tags to ffmpeg and does what the contribution asks for.
    pub(super) async fn put_out(&mut self, output: Output) -> Option<Over> {
        if self.unmeasured_since.is_some() {
            self.held.push(output);
            return None;
        }
        for event in &output.events {
            match event {
                Heard::Anchored(anchored) => self.on_anchored(anchored.begins).await,
                Heard::Unsupported(why) => {
                    tracing::warn!(%why, "the contribution cannot be taken");
                    self.remark = Some(Remark::contribution(why.to_string()));
                }
                Heard::NeedsNewPeriod { from, to } => {
                    tracing::info!(%from, %to, "the publisher's codec changed: a new period begins");
                    self.close_period(Next::Recode).await;
                }
                Heard::StillWanted => self.order_still(),
                Heard::FillingBegan => {
                    tracing::info!("a gap is filled");
                    self.is_filling = true;
                }
                Heard::FillingEnded => {
                    tracing::info!("pictures of the publisher again");
                    self.is_filling = false;
                    self.still_making = None;
                }
            }
        }
        let active = self.period.as_mut()?;
        if output.tags.is_empty() || active.next.is_some() {
            return None;
        }
        if !active.period.write(output.flv(), ENCODER_PATIENCE).await && active.next.is_none() {
            self.replace_period("ffmpeg takes no more media".to_owned()).await;
        }
        None
    }

    /// The time now. If the loop comes back much later than it should, because ffmpeg did not take the
    /// media, or the machine did something else, then what the publisher sent meanwhile is still unread:
    /// that is no silence.
    fn look_up(&mut self) -> Duration {
        let now = self.clock.now();
        let late = self.due.map_or(Duration::ZERO, |due| now.saturating_sub(due));
        if late > HELD_UP
            && let Some(contribution) = self.contribution.as_mut()
        {
            tracing::debug!(?late, "the loop was held up");
            contribution.listen_again(now);
        }
        now
    }

    pub(super) async fn tick(&mut self) -> Option<Over> {
        let now = self.look_up();
        if self.measured_at().is_some_and(|at| now >= at) && !self.open_measured().await {
            return None;
        }
        let output = self.contribution.as_mut()?.tick(now);
        self.put_out(output).await
    }

    /// Rate of the renditions that follow the contribution, fixed for the life of the job.
    pub(super) fn frame_rate(&self) -> FrameRate {
        let fixed = self.spec.video.iter().all(|rendition| rendition.frame_rate.is_some());
        let highest = self
            .spec
            .video
            .iter()
            .filter_map(|rendition| rendition.frame_rate)
            .max_by(|left, right| left.as_f64().total_cmp(&right.as_f64()));
        // One that shares no grid with the fixed ones would be cut apart from them.
        let fits = |rate: &FrameRate| {
            let fixed = self.spec.video.iter().filter_map(|rendition| rendition.frame_rate);
            CutGrid::of(fixed.chain([*rate])).is_some_and(CutGrid::is_common)
        };
        let own = || self.announced_rate().or_else(|| self.measured_rate()).filter(fits);
        let fallback = FrameRate::new(FALLBACK_RATE.0, FALLBACK_RATE.1);
        let chosen = if fixed { highest } else { self.progress.latest().frame_rate.or_else(own).or(highest) };
        chosen.or(fallback).unwrap_or_else(|| unreachable!("the fallback rate has no zero"))
    }

    /// The rate that the encoder names. Some name their clock (1000), others none.
    fn announced_rate(&self) -> Option<FrameRate> {
        let figures = self.contribution.as_ref()?.figures(self.clock.now());
        usable(figures.metadata.and_then(|metadata| metadata.frame_rate)?)
    }

    /// The rate of the pictures that came so far.
    fn measured_rate(&self) -> Option<FrameRate> {
        measured(self.contribution.as_ref()?.figures(self.clock.now()).frames_per_second?)
    }

    /// Whether the rate of a period can be told before any of its pictures came.
    fn knows_frame_rate(&self) -> bool {
        self.spec.video.iter().all(|rendition| rendition.frame_rate.is_some())
            || self.progress.latest().frame_rate.is_some()
            || self.announced_rate().is_some()
    }

    pub(super) fn contribution_settings(&self) -> Settings {
        let settings = Settings::new(duration_of(self.frame_rate()));
        // When children hang, nothing since the last segment that they closed is published.
        let segment = Duration::from_secs(self.spec.segment_seconds.into());
        let needed = self.patience() + segment * 2 + LONGEST_GOP;
        let replay_window = settings.replay_window.max(needed);
        let share = replay_window.as_secs_f64() / settings.replay_window.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "up to some hundred MiB"
        )]
        let replay_bytes = (settings.replay_bytes as f64 * share) as usize;
        Settings { still_patience: STILL_PATIENCE, replay_window, replay_bytes, ..settings }
    }
}

/// Whole where it may be: half a second of whole milliseconds does not tell 29.97 from 30.
fn measured(rate: f64) -> Option<FrameRate> {
    let whole = rate.round();
    usable(if (rate - whole).abs() < rate * UNSURE { whole } else { rate })
}

fn usable(rate: f64) -> Option<FrameRate> {
    let rate = Some(rate).filter(|rate| (rules::MIN_FRAME_RATE..=rules::MAX_FRAME_RATE).contains(rate))?;
    FrameRate::snapped(rate)
}

pub(super) fn duration_of(rate: FrameRate) -> FrameDuration {
    FrameDuration::from_rate(rate.numerator(), rate.denominator())
        .or_else(|| FrameDuration::from_rate(FALLBACK_RATE.0, FALLBACK_RATE.1))
        .unwrap_or_else(|| unreachable!("the fallback rate is between 1 and 240"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_rate_is_whole_where_it_may_be() {
        // 15 pictures of a 30 fps feed span 14 steps in 467 ms.
        for (rate, expected) in [
            (14.0 / 0.467, "30"),
            (28.0 / 0.467, "60"),
            (25.05, "25"),
            (23.98, "24"),
            (12.5, "25/2"),
            (2.0, "2"),
        ] {
            assert_eq!(measured(rate).map(|rate| rate.to_string()).as_deref(), Some(expected), "{rate}");
        }
        for rate in [0.4, 121.5, 1000.0, f64::NAN] {
            assert_eq!(measured(rate), None, "{rate}");
        }
    }
}

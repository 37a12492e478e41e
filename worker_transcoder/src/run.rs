//! The run: one task that owns what is going on and decides what comes next.
//!
//! It hears the listener, the worker, the children and the origin. At any time at most one period
//! is open; while one is being closed, the publisher is held back by not reading from it, so the
//! next period begins where the last one ended.

mod figures;
mod restarts;
mod state;
mod still;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_api::internal::{FromTranscoder, RunDescription, ToTranscoder};
use ez_contribution::flv;
use ez_contribution::timeline::{Contribution, Event as Heard, FrameDuration, Output, Settings, Still};
use ez_domain::fault::{Failure, Fault};
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_domain::units::FrameRate;
use ez_ingest::{EndReason, Event as Ingested, Ingest, SessionId};
use ez_objects::ObjectStore;
use ez_objects::s3::{AccessKey, Checksums, Config as StoreConfig, S3Store};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authorise::StreamKeyGate;
use crate::clock::RunClock;
use crate::control::{self, Status};
use crate::origin::{self, Message, Origin, Stopped};
use crate::period::{self, Event as Happened, Period};
use figures::Meter;
use restarts::Restarts;

/// Publisher's messages that wait for us; beyond that TCP holds the publisher back.
const INGEST_QUEUE: usize = 512;
/// Files and figures of the children that wait for us.
const PERIOD_QUEUE: usize = 1024;
/// How long ffmpeg may refuse media before it counts as hung.
const ENCODER_PATIENCE: Duration = Duration::from_secs(10);
/// How long the worker may take to hear of the end.
const FAREWELL: Duration = Duration::from_secs(30);
/// How long a gap waits for its still before it shows the last key frame; the segment in hand is late by
/// as much.
const STILL_PATIENCE: Duration = Duration::from_millis(250);
/// Output frame rate when neither the request nor the contribution names one.
const FALLBACK_RATE: (u32, u32) = (30, 1);

/// Sees a run through and tells the worker how it ended.
///
/// # Errors
/// When it could not even begin; everything later is told as the outcome of the run.
pub async fn run(description: RunDescription, shutdown: CancellationToken) -> Result<()> {
    let address = (description.rtmp_bind.as_str(), description.rtmp_port);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen for RTMP on {}:{}", description.rtmp_bind, description.rtmp_port))?;
    let store: Arc<dyn ObjectStore> = Arc::new(S3Store::connect(&store_config(&description)).await);
    let clock = RunClock::start();
    let tasks = TaskTracker::new();

    let (events, ingested) = mpsc::channel(INGEST_QUEUE);
    let ingest_end = CancellationToken::new();
    let gate = Arc::new(StreamKeyGate(description.stream_key.clone()));
    tasks.spawn(Ingest::new(gate, events).serve(listener, ingest_end.clone()));

    let spec = Arc::new(description.spec.clone());
    let (to_origin, messages) = mpsc::channel(PERIOD_QUEUE);
    let (progress_sender, progress) = watch::channel(origin::Progress::default());
    let settings = origin::Settings {
        job: description.job,
        epoch: description.epoch,
        spec: Arc::clone(&spec),
        time_url: description.time_url.clone(),
        clock,
    };
    let origin = tasks.spawn(Origin::run(settings, store, messages, progress_sender));

    let initial = Status { state: RunState::Starting, statistics: ez_api::job::Statistics::default() };
    let (status, told) = watch::channel(initial);
    let (orders_sender, orders) = mpsc::channel(8);
    let hello = FromTranscoder::Hello {
        job: description.job,
        epoch: description.epoch,
        pid: std::process::id(),
        rtmp_port: description.rtmp_port,
    };
    let farewell =
        tasks.spawn(control::converse(description.control_socket.clone(), hello, told, orders_sender));

    let (happenings, happened) = mpsc::channel(PERIOD_QUEUE);
    let (stills, made) = mpsc::channel(1);
    let run = Run {
        meter: Meter::new(clock),
        description,
        spec,
        clock,
        tasks: tasks.clone(),
        ingest_end: ingest_end.clone(),
        to_origin,
        progress,
        status: status.clone(),
        happenings,
        stills,
        contribution: None,
        period: None,
        publisher: None,
        interrupted_at: None,
        is_filling: false,
        remark: None,
        restarts: Restarts::default(),
        next_local: 1,
        is_stopping: false,
    };
    let inputs = Inputs { ingested, orders, happened, made, origin, shutdown };
    let (outcome, committed_segments) = run.until_over(inputs).await;
    tracing::info!(?outcome, committed_segments, "the run is over");
    ingest_end.cancel();
    status.send_modify(|status| status.state = RunState::Exited { outcome, committed_segments });
    drop(status);
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        tracing::warn!("worker_app did not hear of the end");
    }
    Ok(())
}

fn store_config(description: &RunDescription) -> StoreConfig {
    let access = &description.store;
    let mut config = StoreConfig::new(description.spec.bucket.as_str());
    config.region.clone_from(&access.region);
    config.endpoint.clone_from(&access.endpoint);
    config.checksums = if access.required_checksums_only { Checksums::RequiredOnly } else { Checksums::Auto };
    config.access_key = access.keys.clone().map(|(id, secret)| AccessKey { id, secret });
    config
}

/// Where news comes from.
struct Inputs {
    ingested: mpsc::Receiver<Ingested>,
    orders: mpsc::Receiver<ToTranscoder>,
    happened: mpsc::Receiver<(u32, Happened)>,
    made: mpsc::Receiver<Still>,
    origin: JoinHandle<Result<(), Stopped>>,
    shutdown: CancellationToken,
}

/// What follows when a period has been closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nobody publishes any more.
    Wait,
    /// The publisher goes on in a new period, from what was published of this one.
    Replay,
    /// The publisher goes on in a new period with another codec.
    Recode,
}

/// A period and what we know of it.
struct Active {
    period: Period,
    frame_rate: FrameRate,
    /// Moment of its first media on the run's clock, once there was any.
    origin: Option<Duration>,
    /// When a file of it was last closed.
    last_closed: Duration,
    /// Set when it is being closed.
    next: Option<Next>,
    /// Answers once everything of it is published.
    published: Option<oneshot::Receiver<Duration>>,
}

struct Run {
    description: RunDescription,
    spec: Arc<ez_domain::spec::JobSpec>,
    clock: RunClock,
    tasks: TaskTracker,
    ingest_end: CancellationToken,
    to_origin: mpsc::Sender<Message>,
    progress: watch::Receiver<origin::Progress>,
    status: watch::Sender<Status>,
    happenings: mpsc::Sender<(u32, Happened)>,
    stills: mpsc::Sender<Still>,
    contribution: Option<Contribution>,
    period: Option<Active>,
    publisher: Option<SessionId>,
    interrupted_at: Option<Duration>,
    is_filling: bool,
    /// The last thing worth telling the user about the contribution.
    remark: Option<String>,
    restarts: Restarts,
    next_local: u32,
    is_stopping: bool,
    meter: Meter,
}

/// The end of the run.
type Over = RunOutcome;

impl Run {
    /// The loop. Answers how the run ended and how many segments it published.
    async fn until_over(mut self, mut inputs: Inputs) -> (RunOutcome, u64) {
        let mut each_second = tokio::time::interval(Duration::from_secs(1));
        each_second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut is_ingest_open = true;
        loop {
            self.tell();
            let takes_media = is_ingest_open && self.takes_media();
            let wakeup = self.wakeup();
            let over = tokio::select! {
                biased;
                order = inputs.orders.recv() => match order {
                    Some(ToTranscoder::Stop) => self.stop().await,
                    Some(ToTranscoder::Abandon) => Some(RunOutcome::Fenced { seen: self.description.epoch }),
                    None => None,
                },
                () = inputs.shutdown.cancelled(), if !self.is_stopping => self.stop().await,
                ended = &mut inputs.origin => Some(origin_outcome(ended)),
                Some((local, event)) = inputs.happened.recv() => self.on_period(local, event).await,
                Some(still) = inputs.made.recv() => self.on_still(still).await,
                published = closing(self.period.as_mut()) => self.on_closed(published).await,
                event = inputs.ingested.recv(), if takes_media => {
                    if let Some(event) = event {
                        self.on_ingest(event).await
                    } else {
                        is_ingest_open = false;
                        None
                    }
                }
                Ok(()) = self.progress.changed() => None,
                _ = each_second.tick() => self.each_second(),
                () = tokio::time::sleep_until(wakeup) => self.tick().await,
            };
            if let Some(outcome) = over {
                if let Some(active) = self.period.as_mut() {
                    active.period.kill();
                }
                return (outcome, self.progress.borrow().committed);
            }
        }
    }

    /// Media is read when the store was taken over and no period is being closed. After a stop what
    /// is still on its way is read and dropped.
    fn takes_media(&self) -> bool {
        let is_closing = self.period.as_ref().is_some_and(|active| active.next.is_some());
        self.is_stopping || (self.progress.borrow().ready && !is_closing)
    }

    fn wakeup(&self) -> tokio::time::Instant {
        let due = self.contribution.as_ref().and_then(Contribution::next_wakeup);
        let is_fed = self.period.as_ref().is_some_and(|active| active.next.is_none());
        match due {
            Some(due) if is_fed || self.period.is_none() => self.clock.instant(due),
            Some(_) | None => self.clock.instant(self.clock.now() + Duration::from_secs(60)),
        }
    }

    async fn on_ingest(&mut self, event: Ingested) -> Option<Over> {
        if self.is_stopping {
            return None;
        }
        let now = self.clock.now();
        match event {
            Ingested::PublishStarted { session, peer, encoder } => {
                tracing::info!(%session, %peer, encoder, "a publisher was let in");
                self.publisher = Some(session);
                self.interrupted_at = None;
                self.remark = None;
                self.meter.publisher_started(now);
                let duration = self.frame_duration();
                let contribution =
                    self.contribution.get_or_insert_with(|| Contribution::new(settings(duration)));
                let output = contribution.publisher_started(now);
                self.put_out(output).await
            }
            Ingested::Tag { session, tag } => {
                if self.publisher != Some(session) {
                    return None;
                }
                if tag.kind != flv::Kind::Script
                    && self.period.is_none()
                    && let Err(failure) = self.open_period().await
                {
                    return Some(RunOutcome::Failed { failure });
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

    async fn on_publisher_gone(&mut self, reason: &EndReason, now: Duration) -> Option<Over> {
        tracing::info!(?reason, "the publisher is gone");
        self.publisher = None;
        self.meter.publisher_ended(now);
        self.remark = Some(state::gone(reason));
        let output = self.contribution.as_mut()?.publisher_ended(now);
        let had_media = self.period.as_ref().is_some_and(|active| active.origin.is_some());
        if had_media && self.spec.reconnect_seconds > 0 {
            self.interrupted_at = Some(now);
            return self.put_out(output).await;
        }
        self.close_period(Next::Wait);
        None
    }

    /// Writes tags to ffmpeg and does what the contribution asks for.
    async fn put_out(&mut self, output: Output) -> Option<Over> {
        for event in &output.events {
            match event {
                Heard::Anchored(anchored) => self.on_anchored(anchored.origin).await,
                Heard::Unsupported(why) => {
                    tracing::warn!(%why, "the contribution cannot be taken");
                    self.remark = Some(why.to_string());
                }
                Heard::NeedsNewPeriod { from, to } => {
                    tracing::info!(%from, %to, "the publisher's codec changed: a new period begins");
                    self.close_period(Next::Recode);
                }
                Heard::StillWanted => self.order_still(),
                Heard::FillingBegan => self.is_filling = true,
                Heard::FillingEnded => self.is_filling = false,
            }
        }
        let active = self.period.as_mut()?;
        if output.tags.is_empty() || active.next.is_some() {
            return None;
        }
        if !active.period.write(output.flv(), ENCODER_PATIENCE).await && active.next.is_none() {
            return self.replace_period("ffmpeg takes no more media".to_owned());
        }
        None
    }

    fn order_still(&self) {
        let Some(gop) = self.contribution.as_ref().and_then(Contribution::last_gop) else { return };
        let made = still::make(self.description.tools.ffmpeg.clone(), self.description.folder.clone(), gop);
        let stills = self.stills.clone();
        self.tasks.spawn(async move {
            match made.await {
                Ok(still) => drop(stills.send(still).await),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "the gap shows the last key frame");
                }
            }
        });
    }

    async fn on_still(&mut self, still: Still) -> Option<Over> {
        match self.contribution.as_mut()?.set_still(still, self.clock.now()) {
            Ok(output) => self.put_out(output).await,
            Err(error) => {
                tracing::debug!(%error, "a still is not used");
                None
            }
        }
    }

    async fn on_anchored(&mut self, origin: Duration) {
        let Some(active) = self.period.as_mut() else { return };
        if active.origin.is_some() {
            return;
        }
        active.origin = Some(origin);
        active.last_closed = self.clock.now();
        let message = Message::PeriodBegan {
            local: active.period.local,
            frame_rate: active.frame_rate,
            wall_ms: self.clock.wall_ms(origin),
        };
        drop(self.to_origin.send(message).await);
    }

    async fn open_period(&mut self) -> Result<(), Failure> {
        let frame_rate = self.frame_rate();
        let local = self.next_local;
        self.next_local = self.next_local.saturating_add(1);
        let setup = period::Setup {
            local,
            folder: self.description.folder.join(format!("period-{}-{local}", std::process::id())),
            spec: Arc::clone(&self.spec),
            frame_rate,
            ffmpeg: self.description.tools.ffmpeg.clone(),
            packager: self.description.tools.packager.clone(),
        };
        let started = Period::start(setup, self.happenings.clone(), &self.tasks).await;
        let period = started.map_err(|error| {
            Failure::retryable(Fault::Worker, format!("the encoder could not be started: {error:#}"))
        })?;
        period.write(bytes::Bytes::from_static(&FLV_HEADER), ENCODER_PATIENCE).await;
        if let Some(contribution) = self.contribution.as_mut() {
            contribution.set_frame_duration(duration_of(frame_rate));
        }
        let last_closed = self.clock.now();
        self.period =
            Some(Active { period, frame_rate, origin: None, last_closed, next: None, published: None });
        Ok(())
    }

    /// Ends the input of the period; what follows is done when all of it is published.
    fn close_period(&mut self, next: Next) {
        if let Some(active) = self.period.as_mut() {
            if active.next.is_none() || next == Next::Wait {
                active.next = Some(next);
            }
            if active.origin.is_some() {
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

    /// Kills a broken period and goes on in a new one, unless that happened too often.
    fn replace_period(&mut self, why: String) -> Option<Over> {
        tracing::warn!(why, "the period is replaced");
        if !self.restarts.allow(self.clock.now()) {
            let failure =
                Failure::retryable(Fault::Worker, format!("the encoder failed again and again: {why}"));
            return Some(RunOutcome::Failed { failure });
        }
        self.remark = Some(why);
        if let Some(active) = self.period.as_mut() {
            active.next = Some(active.next.unwrap_or(Next::Replay));
            active.period.kill();
        }
        None
    }

    async fn on_period(&mut self, local: u32, event: Happened) -> Option<Over> {
        let is_present = self.period.as_ref().is_some_and(|active| active.period.local == local);
        match event {
            Happened::Closed(file) => {
                if let Some(active) = self.period.as_mut().filter(|_| is_present) {
                    active.last_closed = self.clock.now();
                }
                drop(self.to_origin.send(Message::Closed { local, file }).await);
                None
            }
            Happened::Progress(progress) => {
                self.meter.progress(progress);
                None
            }
            Happened::Ended { failure } => self.on_period_ended(local, failure).await,
        }
    }

    async fn on_period_ended(&mut self, local: u32, failure: Option<String>) -> Option<Over> {
        let mut over = None;
        let active = self.period.as_mut().filter(|active| active.period.local == local)?;
        if active.next.is_none() {
            over = self.replace_period(failure.unwrap_or_else(|| "ffmpeg ended by itself".to_owned()));
        } else if let Some(why) = failure {
            tracing::warn!(why, "a period did not end well");
        }
        let active = self.period.as_mut()?;
        let (reply, published) = oneshot::channel();
        active.published = Some(published);
        if active.origin.is_some() {
            drop(self.to_origin.send(Message::PeriodEnded { local, published: reply }).await);
        } else {
            let _ = reply.send(Duration::ZERO);
        }
        over
    }

    /// Everything of the closed period is published: goes on with what was to follow.
    async fn on_closed(&mut self, published: Duration) -> Option<Over> {
        let active = self.period.take()?;
        let folder =
            self.description.folder.join(format!("period-{}-{}", std::process::id(), active.period.local));
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
            tracing::warn!(%error, folder = %folder.display(), "a period's folder could not be removed");
        }
        if self.is_stopping {
            return self.end_channel().await;
        }
        let from = match active.next.unwrap_or(Next::Wait) {
            Next::Wait => {
                if let Some(contribution) = self.contribution.take() {
                    self.meter.forget(&contribution.figures(self.clock.now()));
                }
                self.is_filling = false;
                if self.publisher.is_some() {
                    // It came back while the period was being closed.
                    let mut contribution = Contribution::new(settings(self.frame_duration()));
                    drop(contribution.publisher_started(self.clock.now()));
                    self.contribution = Some(contribution);
                }
                return None;
            }
            Next::Replay => active.origin.map(|origin| origin + published),
            Next::Recode => None,
        };
        if let Err(failure) = self.open_period().await {
            return Some(RunOutcome::Failed { failure });
        }
        let output = self.contribution.as_mut()?.begin_period(from, self.clock.now());
        self.put_out(output).await
    }

    async fn stop(&mut self) -> Option<Over> {
        if self.is_stopping {
            return None;
        }
        tracing::info!("stopping");
        self.is_stopping = true;
        self.ingest_end.cancel();
        if self.period.is_some() {
            self.close_period(Next::Wait);
            return None;
        }
        self.end_channel().await
    }

    /// Ends the playlists; the state may say `stopped` only after that.
    async fn end_channel(&mut self) -> Option<Over> {
        let (done, ended) = oneshot::channel();
        drop(self.to_origin.send(Message::End { done }).await);
        match ended.await {
            Ok(()) => Some(RunOutcome::Stopped),
            // The origin has given up; its own outcome comes through its task.
            Err(_) => None,
        }
    }

    async fn tick(&mut self) -> Option<Over> {
        let now = self.clock.now();
        let output = self.contribution.as_mut()?.tick(now);
        self.put_out(output).await
    }

    fn each_second(&mut self) -> Option<Over> {
        let now = self.clock.now();
        self.meter.second(now);
        let window = Duration::from_secs(self.spec.reconnect_seconds.into());
        if self.interrupted_at.is_some_and(|since| now.saturating_sub(since) >= window) {
            tracing::info!("the reconnect window is over");
            self.close_period(Next::Wait);
        }
        let patience = Duration::from_secs(10).max(Duration::from_secs(self.spec.segment_seconds.into()) * 3);
        let is_hung = self.period.as_ref().is_some_and(|active| {
            active.next.is_none()
                && active.origin.is_some()
                && now.saturating_sub(active.last_closed) > patience
        });
        if is_hung {
            return self.replace_period(format!("no segment for {} s", patience.as_secs()));
        }
        None
    }

    /// Rate of the renditions that follow the contribution, fixed for the life of the job.
    fn frame_rate(&self) -> FrameRate {
        let fixed = self.spec.video.iter().all(|rendition| rendition.frame_rate.is_some());
        let highest = self
            .spec
            .video
            .iter()
            .filter_map(|rendition| rendition.frame_rate)
            .max_by(|left, right| left.as_f64().total_cmp(&right.as_f64()));
        let announced = || {
            let figures = self.contribution.as_ref()?.figures(self.clock.now());
            let announced = figures.metadata.and_then(|metadata| metadata.frame_rate);
            FrameRate::snapped(announced.or(figures.frames_per_second)?)
        };
        let fallback = FrameRate::new(FALLBACK_RATE.0, FALLBACK_RATE.1);
        let chosen =
            if fixed { highest } else { self.progress.borrow().frame_rate.or_else(announced).or(highest) };
        chosen.or(fallback).unwrap_or_else(|| unreachable!("the fallback rate has no zero"))
    }

    fn frame_duration(&self) -> FrameDuration {
        duration_of(self.frame_rate())
    }

    /// Tells the worker when something changed.
    fn tell(&mut self) {
        let view = state::View {
            ingest: ez_domain::job::Ingest {
                host: self.description.public_host.clone(),
                port: self.description.rtmp_port,
            },
            is_stopping: self.is_stopping,
            is_ready: self.progress.borrow().ready,
            has_publisher: self.publisher.is_some(),
            is_filling: self.is_filling,
            has_media: self.period.as_ref().is_some_and(|active| active.origin.is_some()),
            has_published: self
                .period
                .as_ref()
                .is_some_and(|active| self.progress.borrow().newest_period == active.period.local),
            remark: self.remark.as_deref(),
        };
        let state = view.state();
        let now = self.clock.now();
        let figures = self.contribution.as_ref().map(|contribution| contribution.figures(now));
        let statistics = self.meter.statistics(figures.as_ref(), &self.progress.borrow());
        self.status.send_if_modified(|status| {
            // Figures alone go up once a second, states at once.
            let is_due = self.meter.is_due() || status.state != state;
            if is_due {
                *status = Status { state, statistics };
            }
            is_due
        });
    }
}

const FLV_HEADER: [u8; 13] = flv::header();

fn duration_of(rate: FrameRate) -> FrameDuration {
    FrameDuration::from_rate(rate.numerator(), rate.denominator())
        .or_else(|| FrameDuration::from_rate(FALLBACK_RATE.0, FALLBACK_RATE.1))
        .unwrap_or_else(|| unreachable!("the fallback rate is between 1 and 240"))
}

fn settings(frame_duration: FrameDuration) -> Settings {
    Settings { still_patience: STILL_PATIENCE, ..Settings::new(frame_duration) }
}

/// The answer of the origin to the end of a period; pends while none is awaited.
async fn closing(active: Option<&mut Active>) -> Duration {
    match active.and_then(|active| active.published.as_mut()) {
        Some(published) => match published.await {
            Ok(published) => published,
            // The origin is gone; its task tells why.
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

fn origin_outcome(ended: Result<Result<(), Stopped>, tokio::task::JoinError>) -> RunOutcome {
    match ended {
        Ok(Ok(())) => RunOutcome::Stopped,
        Ok(Err(Stopped::Fenced(seen))) => RunOutcome::Fenced { seen },
        Ok(Err(Stopped::Failed(failure))) => RunOutcome::Failed { failure },
        Err(error) => RunOutcome::Failed {
            failure: Failure::retryable(Fault::Bug, format!("the uploader ended abnormally: {error}")),
        },
    }
}

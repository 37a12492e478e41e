//! The run: one task that owns what is going on and decides what comes next.
//!
//! It hears the listener, the worker, the children and the origin. At any time at most one period
//! is open; while one is being closed, the publisher is held back by not reading from it, so the
//! next period begins where the last one ended.

mod active;
mod clear_copy;
mod contribution;
mod cpu;
mod figures;
mod input_info;
mod leaving;
mod periods;
mod restarts;
mod startup;
mod state;
mod still;
mod takeover;

use std::sync::Arc;
use std::time::Duration;

use ez_api::internal::{RunDescription, ToTranscoder};
use ez_contribution::timeline::{Contribution, Output, Still};
use ez_domain::fault::{Failure, Fault};
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_domain::spec::JobSpec;
use ez_ingest::{Event as Ingested, SessionId};
use ez_origin::{Message, Playlists, Stopped};
use ez_service::clock::RunClock;
use ez_service::latest::Latest as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::Status;
use crate::period::Event as Happened;
use active::{Active, Next, closing};
use figures::Meter;
use leaving::{Leaving, left};
use restarts::Restarts;

pub use startup::run;

/// Where news comes from.
struct Inputs {
    ingested: mpsc::Receiver<Ingested>,
    orders: mpsc::Receiver<ToTranscoder>,
    happened: mpsc::Receiver<(u32, Happened)>,
    made: mpsc::Receiver<(u64, Still)>,
    bridged: mpsc::Receiver<Still>,
    origin: JoinHandle<Result<(), Stopped>>,
    shutdown: CancellationToken,
}

struct Run {
    description: RunDescription,
    spec: Arc<JobSpec>,
    clock: RunClock,
    tasks: TaskTracker,
    ingest_end: CancellationToken,
    to_origin: mpsc::Sender<Message>,
    progress: watch::Receiver<ez_origin::Progress>,
    status: watch::Sender<Status>,
    happenings: mpsc::Sender<(u32, Happened)>,
    stills: mpsc::Sender<(u64, Still)>,
    /// How many stills were ordered; only the last one is of the last picture.
    still_orders: u64,
    /// Who makes the last one.
    still_making: Option<still::Making>,
    /// Stills of what an earlier process of this run published.
    bridges: mpsc::Sender<Still>,
    has_taken_over: bool,
    contribution: Option<Contribution>,
    period: Option<Active>,
    publisher: Option<SessionId>,
    interrupted_at: Option<Duration>,
    /// Since when media comes in whose frame rate nobody has named, and what came since.
    unmeasured_since: Option<Duration>,
    held: Vec<Output>,
    /// When the contribution wanted to be looked after at the latest, as of the last turn of the loop.
    due: Option<Duration>,
    is_filling: bool,
    /// The last thing worth telling the user about the contribution.
    remark: Option<state::Remark>,
    restarts: Restarts,
    next_local: u32,
    leaving: Option<Leaving>,
    /// The contribution that was last described in the bucket.
    described: Option<input_info::Facts>,
    meter: Meter,
}

/// The end of the run.
type Over = RunOutcome;

/// Longest time from the connection to the first key frame of an encoder that sends pictures.
const FIRST_PICTURE: Duration = Duration::from_secs(5);

/// Longest time that a period may last. Its media goes to ffmpeg as FLV, whose timestamps end after 2^32 ms
/// (49.7 days): from then on ffmpeg guesses them, and picture and sound drift apart.
const LONGEST_PERIOD: Duration = Duration::from_secs(40 * 24 * 3600);

/// Least time without a segment after which the children count as hung.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

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
            self.due = self.contribution.as_ref().and_then(Contribution::next_wakeup);
            let over = tokio::select! {
                biased;
                order = inputs.orders.recv() => match order {
                    Some(ToTranscoder::Stop) => self.begin_to_leave(Playlists::End).await,
                    Some(ToTranscoder::Leave) => self.begin_to_leave(Playlists::Rest).await,
                    Some(ToTranscoder::Abandon) => Some(RunOutcome::Fenced { seen: self.description.epoch }),
                    None => None,
                },
                () = inputs.shutdown.cancelled(), if self.leaving.is_none() => {
                    self.begin_to_leave(Playlists::Rest).await
                }
                outcome = left(self.leaving.as_mut()) => Some(outcome),
                ended = &mut inputs.origin => Some(origin_outcome(ended)),
                Some((local, event)) = inputs.happened.recv() => self.on_period(local, event).await,
                Some((order, still)) = inputs.made.recv() => self.on_still(order, still).await,
                Some(still) = inputs.bridged.recv() => self.on_bridge(still).await,
                length = closing(self.period.as_mut()) => self.on_closed(length).await,
                // Before the media, which is always there where ffmpeg is too slow: the worker takes silence for death.
                _ = each_second.tick() => self.each_second().await,
                Ok(()) = self.progress.changed() => {
                    self.on_progress();
                    None
                }
                event = inputs.ingested.recv(), if takes_media => {
                    if let Some(event) = event {
                        self.on_ingest(event).await
                    } else {
                        is_ingest_open = false;
                        None
                    }
                }
                () = tokio::time::sleep_until(wakeup) => self.tick().await,
            };
            if let Some(outcome) = over {
                if let Some(active) = self.period.as_mut() {
                    active.period.kill();
                }
                return (outcome, self.progress.latest().committed);
            }
        }
    }

    /// Media is read when the store was taken over and no period is being closed. After a stop what
    /// is still on its way is read and dropped.
    fn takes_media(&self) -> bool {
        let is_closing = self.period.as_ref().is_some_and(|active| active.next.is_some());
        self.leaving.is_some() || (self.progress.latest().ready && !is_closing)
    }

    fn wakeup(&self) -> tokio::time::Instant {
        let due = self.contribution.as_ref().and_then(Contribution::next_wakeup);
        let due = due.into_iter().chain(self.measured_at()).min();
        let is_fed = self.period.as_ref().is_some_and(|active| active.next.is_none());
        match due {
            Some(due) if is_fed || self.period.is_none() => self.clock.instant(due),
            Some(_) | None => self.clock.instant(self.clock.now() + Duration::from_secs(60)),
        }
    }

    async fn each_second(&mut self) -> Option<Over> {
        let now = self.clock.now();
        let children = self.period.as_ref().map_or_else(Vec::new, |active| active.period.processes.clone());
        self.meter.second(now, children);
        self.describe().await;
        if let Some((failure, until)) = self.leaving.as_ref().and_then(|leaving| leaving.failure.as_ref())
            && now >= *until
        {
            tracing::warn!("not all of it could be published in time");
            return Some(RunOutcome::Failed { failure: failure.clone() });
        }
        let window = Duration::from_secs(self.spec.reconnect_seconds.into());
        if self.interrupted_at.is_some_and(|since| now.saturating_sub(since) >= window) {
            tracing::info!("the reconnect window is over");
            self.close_period(Next::Wait).await;
        }
        self.renew_old_period(now);
        let patience = self.patience();
        let hung = self.period.as_ref().filter(|active| active.next.is_none() && active.has_begun);
        let hung = hung.and_then(|active| active.silent_for(patience, &self.spec, now));
        if let Some(rendition) = hung {
            self.replace_period(format!("no segment of {rendition} for {} s", patience.as_secs())).await;
        }
        None
    }

    /// How long the children may give nothing before they count as hung.
    fn patience(&self) -> Duration {
        LEAST_PATIENCE.max(Duration::from_secs(self.spec.segment_seconds.into()) * 3)
    }

    /// Tells the worker when something changed.
    fn tell(&mut self) {
        let progress = self.progress.latest();
        let view = state::View {
            ingest: ez_domain::job::Ingest {
                host: self.description.public_host.clone(),
                port: self.description.rtmp_port,
            },
            is_stopping: self.leaving.is_some(),
            is_ready: progress.ready,
            has_publisher: self.publisher.is_some(),
            is_overdue: self.meter.publishing_for(self.clock.now()) > FIRST_PICTURE,
            is_filling: self.is_filling,
            has_media: self.period.as_ref().is_some_and(|active| active.has_begun),
            has_published: self.period.as_ref().is_some_and(|active| {
                active.next != Some(Next::Replay) && progress.newest_period == active.period.local
            }),
            has_shown: progress.committed > 0,
            remark: self.remark.as_ref(),
            trouble: progress.trouble.clone(),
        };
        let state = view.state();
        // What broke is mended: whatever comes next has another cause.
        if matches!(state, RunState::Streaming { .. })
            && self.remark.as_ref().is_some_and(|remark| remark.fault == Fault::Worker)
        {
            self.remark = None;
        }
        let now = self.clock.now();
        let figures = self.contribution.as_ref().map(|contribution| contribution.figures(now));
        let statistics = self.meter.statistics(figures.as_ref(), &progress);
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

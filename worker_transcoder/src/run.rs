//! The run: one task that owns what is going on and decides what comes next.
//!
//! It hears the listener, the worker, the children and the origin. At any time at most one period
//! is open; while one is being closed, the publisher is held back by not reading from it, so the
//! next period begins where the last one ended.

mod clear_copy;
mod contribution;
mod figures;
mod input_info;
mod periods;
mod restarts;
mod startup;
mod state;
mod still;
mod takeover;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ez_api::internal::{RunDescription, ToTranscoder};
use ez_contribution::timeline::{Contribution, Output, Still};
use ez_domain::fault::{Failure, Fault};
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_domain::spec::{JobSpec, RenditionName};
use ez_domain::units::FrameRate;
use ez_ingest::{Event as Ingested, SessionId};
use ez_origin::{Message, Playlists, Stopped};
use ez_service::clock::RunClock;
use ez_service::latest::Latest as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::Status;
use crate::period::{Event as Happened, Period};
use figures::Meter;
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
    /// Whether it has media; only then it is known to the origin.
    has_begun: bool,
    /// When it began to be waited for, and when a file of each rendition was last closed.
    began: Duration,
    last_closed: HashMap<RenditionName, Duration>,
    /// Set when it is being closed.
    next: Option<Next>,
    /// Answers once the origin has all of its files: the length of its media.
    ended: Option<oneshot::Receiver<Duration>>,
}

impl Active {
    /// A rendition of which nothing was closed for longer than `patience`.
    fn silent_for<'spec>(
        &self,
        patience: Duration,
        spec: &'spec JobSpec,
        now: Duration,
    ) -> Option<&'spec RenditionName> {
        spec.rendition_names().find(|name| {
            let last = self.last_closed.get(name).copied().unwrap_or(self.began);
            now.saturating_sub(last) > patience
        })
    }
}

/// The run is ending.
struct Leaving {
    playlists: Playlists,
    /// Answers once everything is published; asked when no period is open any more.
    done: Option<oneshot::Receiver<()>>,
    /// Why, when nobody ordered it, and until when the rest may be published.
    failure: Option<(Failure, Duration)>,
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

/// Least time without a segment after which the children count as hung.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

/// How long a run that failed may take to publish what is whole; an outage of the bucket ends it sooner
/// than that of an ordered end.
const LAST_UPLOADS: Duration = Duration::from_secs(10);

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
                event = inputs.ingested.recv(), if takes_media => {
                    if let Some(event) = event {
                        self.on_ingest(event).await
                    } else {
                        is_ingest_open = false;
                        None
                    }
                }
                Ok(()) = self.progress.changed() => {
                    self.on_progress();
                    None
                }
                _ = each_second.tick() => self.each_second().await,
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

    /// Takes no more media, lets the period end, and has the rest published.
    async fn begin_to_leave(&mut self, playlists: Playlists) -> Option<Over> {
        if let Some(leaving) = self.leaving.as_mut() {
            // Told to leave and then to end: what can still be done is done, else the scheduler ends them.
            if playlists == Playlists::End && leaving.done.is_none() {
                leaving.playlists = playlists;
            }
            return None;
        }
        tracing::info!(?playlists, "stopping");
        self.still_making = None;
        self.leaving = Some(Leaving { playlists, done: None, failure: None });
        self.ingest_end.cancel();
        if self.period.is_some() {
            self.close_period(Next::Wait);
        } else {
            self.leave().await;
        }
        None
    }

    /// Ends the run with a failure, after what is whole has been published: nobody else has it.
    async fn give_up(&mut self, failure: Failure) {
        if self.leaving.is_some() {
            return;
        }
        tracing::error!(reason = failure.reason, "the run gives up");
        self.still_making = None;
        let until = self.clock.now() + LAST_UPLOADS;
        self.leaving =
            Some(Leaving { playlists: Playlists::Rest, done: None, failure: Some((failure, until)) });
        self.ingest_end.cancel();
        if let Some(active) = self.period.as_mut() {
            // Nobody encodes again what not every rendition has; what every one has stays.
            active.next = Some(Next::Replay);
            active.period.kill();
        } else {
            self.leave().await;
        }
    }

    /// Asks the origin to publish what is left; the run is over only after that.
    async fn leave(&mut self) {
        let Some(leaving) = self.leaving.as_mut() else { return };
        let (done, published) = oneshot::channel();
        leaving.done = Some(published);
        drop(self.to_origin.send(Message::Leave { playlists: leaving.playlists, done }).await);
    }

    async fn each_second(&mut self) -> Option<Over> {
        let now = self.clock.now();
        self.meter.second(now);
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
            self.close_period(Next::Wait);
        }
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

/// The answer of the origin to the end of a period; pends while none is awaited.
async fn closing(active: Option<&mut Active>) -> Duration {
    match active.and_then(|active| active.ended.as_mut()) {
        Some(ended) => match ended.await {
            Ok(length) => length,
            // The origin is gone; its task tells why.
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// The answer of the origin to the end of the run; pends while none is awaited.
async fn left(leaving: Option<&mut Leaving>) -> RunOutcome {
    let Some(Leaving { playlists, done: Some(done), failure }) = leaving else {
        return std::future::pending().await;
    };
    match done.await {
        Ok(()) if let Some((failure, _)) = failure => RunOutcome::Failed { failure: failure.clone() },
        Ok(()) if *playlists == Playlists::End => RunOutcome::Stopped,
        Ok(()) => RunOutcome::Left,
        // The origin is gone; its task tells why.
        Err(_) => std::future::pending().await,
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

//! The supervisor of one run: the only owner of its process.
//!
//! It starts the transcoder, listens to it, passes on what is wanted, and starts it again under
//! the same epoch and on the same port when it dies without a word. It ends when the run is over;
//! `exited` is reported only once nothing of the process is left.
//!
//! What is wanted comes by a watch channel and only tightens (hold, stop, abandon); what the
//! transcoder says comes by an inbox, each message with the process identity it is from, so that
//! the words of a dead process are never taken for those of its successor.

mod budget;
mod ending;
mod link;
mod seen;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use ez_api::internal::ToTranscoder;
use ez_domain::id::RunId;
use ez_domain::lifecycle::RunState;
use ez_service::latest::{Latest as _, LatestSeen as _};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::process::Process;
use super::{Launcher, logs};
use crate::ports::PortLease;
use budget::RestartBudget;
pub(super) use link::{Link, Message};
pub(super) use seen::Seen;
pub(super) use wanted::Wanted;

/// Time to drain the uploads when the worker itself goes.
const LEAVE_GRACE: Duration = Duration::from_secs(45);
/// Time to drain the uploads and end the playlists: as long as the spool of a store that was away may
/// last. The scheduler waits as long as it hears of it.
const STOP_GRACE: Duration = Duration::from_secs(660);
/// Time to go after being abandoned.
const ABANDON_GRACE: Duration = Duration::from_secs(5);
/// Time from the last word to the end of the process.
const FAREWELL_GRACE: Duration = Duration::from_secs(5);
/// Time between two looks at silence and log size.
const LOOK: Duration = Duration::from_secs(5);
/// Looks without a word after which a transcoder counts as hung; it speaks once a second.
///
/// Looks are counted rather than time taken: when this program itself was frozen, only one look
/// falls due, and the words that waited are read before the next.
const SILENT_LOOKS: u32 = 4;
/// Owns one run.
pub(super) struct Supervisor {
    id: RunId,
    launcher: Arc<Launcher>,
    port: PortLease,
    wanted: watch::Receiver<Wanted>,
    inbox: mpsc::Receiver<Message>,
    report: watch::Sender<Seen>,
    beat_soon: Arc<Notify>,
    shutdown: CancellationToken,
    link: Option<Link>,
    last_link: u64,
    /// The strongest order that this connection was given.
    told: Option<ToTranscoder>,
    /// `exited`, once the transcoder said so.
    farewell: Option<RunState>,
    /// When the process is killed, and why.
    deadline: Option<(Instant, &'static str)>,
    killed: Option<&'static str>,
    stop_by: Option<Instant>,
    silent_looks: u32,
    budget: RestartBudget,
}

/// How one life of the process ended.
enum Life {
    /// It is gone; with the words for how.
    Ended(String),
    /// It could not be started.
    NotBorn(String),
    /// This program ends; the process lives on.
    LeftAlone,
}

impl Supervisor {
    pub(super) fn new(
        id: RunId,
        launcher: Arc<Launcher>,
        port: PortLease,
        (wanted, inbox): (watch::Receiver<Wanted>, mpsc::Receiver<Message>),
        (report, beat_soon): (watch::Sender<Seen>, Arc<Notify>),
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            id,
            launcher,
            port,
            wanted,
            inbox,
            report,
            beat_soon,
            shutdown,
            link: None,
            last_link: 0,
            told: None,
            farewell: None,
            deadline: None,
            killed: None,
            stop_by: None,
            silent_looks: 0,
            budget: RestartBudget::default(),
        }
    }

    /// Holds the run until it is over; `found` is a process that already runs.
    pub(super) async fn supervise(mut self, mut found: Option<Process>) {
        loop {
            let how = match self.live(found.take()).await {
                Life::LeftAlone => return,
                Life::Ended(how) => self.killed.map_or(how, |why| format!("was killed because {why}")),
                Life::NotBorn(how) => how,
            };
            if let Some(over) = self.verdict(&how) {
                tracing::info!(run = %self.id, job = %self.id.job, epoch = self.id.epoch.number(), how, state = ?over, "run is over");
                // Before the report: whoever reads it may give the port to the next run.
                let Self { port, report, beat_soon, .. } = self;
                drop(port);
                report.send_modify(|seen| seen.end(over));
                beat_soon.notify_one();
                return;
            }
            tracing::warn!(run = %self.id, job = %self.id.job, epoch = self.id.epoch.number(), how, "transcoder died; starting it again");
            self.report.send_modify(Seen::restart);
            self.beat_soon.notify_one();
        }
    }

    /// One life of the process, from its start to its last word.
    async fn live(&mut self, found: Option<Process>) -> Life {
        self.link = None;
        self.told = None;
        self.deadline = None;
        self.killed = None;
        self.silent_looks = 0;
        let adopted = found.is_some();
        let mut process = match found {
            Some(process) => process,
            None => match self.start().await {
                Ok(process) => process,
                Err(how) => return Life::NotBorn(how),
            },
        };
        self.report.send_modify(|seen| seen.begin(process.pid(), adopted));
        self.pass_on(&process);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.reset();
        loop {
            let connected = self.link.is_some();
            let deadline = self.deadline.filter(|_| self.killed.is_none());
            if let Some((at, why)) = deadline
                && at <= Instant::now()
            {
                // Looked at here as well: an endless stream of words must not put it off.
                self.kill(&process, why);
                continue;
            }
            tokio::select! {
                // Words first: the end of the process or a deadline must not overtake them.
                biased;
                Some(message) = self.inbox.recv() => self.hear(message, &process),
                Ok(()) = self.wanted.changed() => self.pass_on(&process),
                how = process.ended(connected) => {
                    self.last_words(&process).await;
                    return Life::Ended(how);
                }
                () = sleep_until(deadline.map_or_else(Instant::now, |(at, _)| at)), if deadline.is_some() => {}
                _ = looks.tick() => self.look(&process),
                () = self.shutdown.cancelled() => return Life::LeftAlone,
            }
        }
    }

    async fn start(&self) -> Result<Process, String> {
        let Some(plan) = self.wanted.latest().plan().cloned() else {
            return Err("nothing is known about how to start it".to_owned());
        };
        let launched = self.launcher.launch(self.id, &plan, self.port.port()).await;
        self.launcher.figures.started(launched.is_ok());
        match launched {
            Ok(child) => Ok(Process::Own(child)),
            Err(error) => Err(format!("could not be started: {}", ez_service::telemetry::chain(&error))),
        }
    }

    /// Takes in what the transcoder of this run says.
    fn hear(&mut self, message: Message, process: &Process) {
        match message {
            Message::Connected(link) => {
                let known = process.pid().or(self.report.latest().pid);
                if known != Some(link.pid) {
                    tracing::warn!(run = %self.id, job = %self.id.job, epoch = self.id.epoch.number(), stranger = link.pid, ours = ?known, "a second transcoder of this run is sent away");
                    link.tell(ToTranscoder::Abandon);
                    return;
                }
                self.silent_looks = 0;
                self.last_link = link.number;
                self.link = Some(link);
                self.told = None;
                self.report.send_modify(|seen| seen.connected = true);
                self.pass_on(process);
            }
            Message::Said { link, state, statistics } => {
                if self.last_link != link {
                    return;
                }
                self.silent_looks = 0;
                if matches!(state, RunState::Exited { .. }) {
                    // Told on only when the process is gone: nothing of the run may be left.
                    self.farewell = Some(state);
                    self.report.send_modify(|seen| seen.statistics = *statistics);
                    self.kill_after(FAREWELL_GRACE, "it did not end after its last word");
                    return;
                }
                let changed = self.report.latest().state != state;
                self.report.send_modify(|seen| seen.hear(state, *statistics));
                if changed {
                    self.beat_soon.notify_one();
                }
            }
            Message::Disconnected { link } => {
                if self.link.as_ref().is_some_and(|present| present.number == link) {
                    self.link = None;
                    self.report.send_modify(|seen| seen.connected = false);
                }
            }
        }
    }

    /// Tells the transcoder what is wanted, as soon as there is a way to.
    fn pass_on(&mut self, process: &Process) {
        let (stop, leave, urgent, abandon) = {
            let wanted = self.wanted.latest_seen();
            (wanted.is_stopped(), wanted.is_ending(), wanted.is_urgent(), wanted.is_abandoned())
        };
        let order = if abandon {
            self.kill_after(ABANDON_GRACE, "it did not end within 5 s of being abandoned");
            ToTranscoder::Abandon
        } else if leave {
            let (grace, why) = if urgent {
                (LEAVE_GRACE, "it did not end within 45 s of being told to leave")
            } else {
                (STOP_GRACE, "it did not end within 11 min of being stopped")
            };
            let by = Instant::now() + grace;
            let stop_by = self.stop_by.map_or(by, |present| present.min(by));
            self.stop_by = Some(stop_by);
            self.kill_at(stop_by, why);
            if stop { ToTranscoder::Stop } else { ToTranscoder::Leave }
        } else {
            return;
        };
        if self.told == Some(order) {
            return;
        }
        if let Some(link) = &self.link
            && link.tell(order)
        {
            tracing::info!(run = %self.id, job = %self.id.job, epoch = self.id.epoch.number(), pid = ?process.pid(), ?order, "transcoder told");
            self.told = Some(order);
        }
    }

    fn kill_after(&mut self, grace: Duration, why: &'static str) {
        self.kill_at(Instant::now() + grace, why);
    }

    /// Sets the deadline, unless an earlier one is set.
    fn kill_at(&mut self, at: Instant, why: &'static str) {
        if self.deadline.is_none_or(|(present, _)| at < present) {
            self.deadline = Some((at, why));
        }
    }

    fn kill(&mut self, process: &Process, why: &'static str) {
        tracing::warn!(run = %self.id, job = %self.id.job, epoch = self.id.epoch.number(), pid = ?process.pid(), why, "killing the transcoder");
        self.killed = Some(why);
        process.kill();
    }

    /// Every few seconds: is it still there, and is its log still small?
    fn look(&mut self, process: &Process) {
        logs::bound(self.id, &self.launcher.log(self.id));
        self.silent_looks += 1;
        if self.silent_looks >= SILENT_LOOKS && self.killed.is_none() {
            self.kill(process, "it said nothing for 20 s");
        }
    }
}

#[cfg(test)]
mod tests;

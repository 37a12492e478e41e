//! The table of runs: what this worker holds, and what it still has to tell about runs that ended.
//!
//! Each run has a supervisor task that owns its process; the table only says what is wanted and
//! reads what is seen. Invariants:
//! - one process per (job, epoch), also across a restart of this program;
//! - a run that ended stays until the scheduler no longer lists it, so its end cannot be missed;
//! - only an answered heartbeat changes what is wanted; silence of the scheduler changes nothing.

pub(crate) mod control;
mod entry;
mod launch;
mod log_lines;
mod logs;
mod process;
mod record;
mod supervisor;
mod told;
mod view;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ez_api::internal::{LogLine, RunAction, RunOrder, RunStatus};
use ez_domain::id::{JobId, RunId};
use ez_domain::lifecycle::{RunOutcome, RunState};
use ez_service::latest::Latest as _;
use ez_service::tasks::{OnFailure, TaskGroup};
use tokio::sync::{Notify, mpsc, watch};

pub(crate) use launch::Launcher;
pub(crate) use view::RunView;

use crate::ports::{PortLease, PortPool};
use entry::Entry;
use process::Process;
use record::Plan;
use supervisor::{Message, Seen, Supervisor, Wanted};

/// Messages that may wait for a supervisor; a transcoder that talks faster is held back.
const INBOX: usize = 64;

/// A cheap handle to the table.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    launcher: Arc<Launcher>,
    ports: PortPool,
    tasks: TaskGroup,
    beat_soon: Arc<Notify>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<RunId, Entry>,
    /// Folders of runs whose process is gone, with their ports, until the first answer says which are wanted.
    remembered: BTreeMap<RunId, Option<u16>>,
    draining: bool,
}

/// A connection's way to the supervisor of its run.
#[derive(Debug)]
pub(crate) struct Attachment {
    inbox: mpsc::Sender<Message>,
}

impl Runs {
    /// An empty table.
    pub(crate) fn new(launcher: Launcher, ports: PortPool, tasks: TaskGroup, beat_soon: Arc<Notify>) -> Self {
        let launcher = Arc::new(launcher);
        Self { shared: Arc::new(Shared { launcher, ports, tasks, beat_soon, table: Mutex::default() }) }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change of the table is one statement, so a panic elsewhere does not spoil it.
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up the runs that a former `worker_app` on this folder left: transcoders that live go on
    /// as they are; the folders of dead ones wait for the scheduler's word.
    pub(crate) fn take_up(&self) {
        let mut table = self.table();
        for (id, record) in record::scan(&self.shared.launcher.runs_folder()) {
            match record.map(|record| (record.process(), record)) {
                Some((Some(adopted), record)) => {
                    tracing::info!(run = %id, job = %id.job, epoch = id.epoch.number(), pid = adopted.pid(), port = record.port, "taking up a running transcoder");
                    let port = self.shared.ports.adopt(id.job, record.port);
                    let entry = self.supervise(id, Some(record.plan), port, Some(Process::Adopted(adopted)));
                    table.entries.insert(id, entry);
                }
                dead => {
                    table.remembered.insert(id, dead.map(|(_, record)| record.port));
                }
            }
        }
        logs::prune(&self.shared.launcher.logs_folder(), &self.logs_in_use(&table));
    }

    fn logs_in_use(&self, table: &Table) -> Vec<PathBuf> {
        table.entries.keys().map(|id| self.shared.launcher.log(*id)).collect()
    }

    /// Makes the table what the scheduler ordered: the full set of runs to hold.
    pub(crate) fn apply(&self, orders: Vec<RunOrder>) {
        let mut table = self.table();
        let mut orders: BTreeMap<RunId, RunAction> = orders
            .into_iter()
            .map(|order| (RunId { job: order.job, epoch: order.epoch }, order.action))
            .collect();
        table.entries.retain(|id, entry| {
            if orders.contains_key(id) {
                return true;
            }
            if entry.has_ended() {
                self.remove_folder(*id);
                return false;
            }
            if !entry.wanted.latest().is_abandoned() {
                tracing::info!(run = %id, job = %id.job, epoch = id.epoch.number(), "abandoning a run that is no longer ours");
                entry.wanted.send_modify(Wanted::abandon);
            }
            true
        });
        let remembered = std::mem::take(&mut table.remembered);
        for id in remembered.keys().filter(|id| !orders.contains_key(id) && !table.entries.contains_key(id)) {
            self.remove_folder(*id);
        }
        while let Some((id, action)) = orders.pop_first() {
            let draining = table.draining;
            if !table.entries.contains_key(&id) && Self::must_wait(&table, id, &action) {
                if let Some(port) = remembered.get(&id) {
                    table.remembered.insert(id, *port);
                }
                continue;
            }
            match (table.entries.get(&id), action) {
                (Some(entry), RunAction::Run { spec, stream_key, content_key }) => {
                    // A run that was found without its record learns here how to start again.
                    entry.wanted.send_if_modified(|wanted| {
                        wanted.learn(|| Plan { spec: *spec, stream_key, content_key })
                    });
                }
                (Some(entry), RunAction::Stop) => {
                    entry.wanted.send_if_modified(Wanted::stop);
                }
                (_, RunAction::Hold) => {}
                (None, RunAction::Run { spec, stream_key, content_key }) => {
                    let entry = if draining {
                        Entry::ended(RunOutcome::Left)
                    } else {
                        self.begin(
                            id,
                            Plan { spec: *spec, stream_key, content_key },
                            remembered.get(&id).copied().flatten(),
                        )
                    };
                    table.entries.insert(id, entry);
                    self.shared.beat_soon.notify_one();
                }
                (None, RunAction::Stop) => {
                    table.entries.insert(id, Entry::ended(RunOutcome::Left));
                    self.shared.beat_soon.notify_one();
                }
            }
        }
    }

    /// Whether a run that is not there is left to a later answer: nobody knows yet what it is, or another run of
    /// the same job has yet to let go of the port at which encoders look for it.
    fn must_wait(table: &Table, id: RunId, action: &RunAction) -> bool {
        match action {
            RunAction::Hold => true,
            RunAction::Run { .. } if !table.draining => {
                table.entries.iter().any(|(other, entry)| other.job == id.job && !entry.has_ended())
            }
            RunAction::Run { .. } | RunAction::Stop => false,
        }
    }

    fn begin(&self, id: RunId, plan: Plan, wish: Option<u16>) -> Entry {
        match self.shared.ports.lease(id.job, wish) {
            Ok(port) => {
                tracing::info!(run = %id, job = %id.job, epoch = id.epoch.number(), port = port.port(), "starting a run");
                self.supervise(id, Some(plan), port, None)
            }
            Err(refusal) => {
                tracing::warn!(run = %id, job = %id.job, epoch = id.epoch.number(), error = %refusal, "run refused");
                let outcome = RunOutcome::Rejected { reason: refusal.to_string() };
                self.shared.launcher.figures.ended(&outcome);
                Entry::ended(outcome)
            }
        }
    }

    fn supervise(&self, id: RunId, plan: Option<Plan>, port: PortLease, found: Option<Process>) -> Entry {
        let (wanted, wishes) = watch::channel(Wanted::hold(plan));
        let (report, seen) = watch::channel(Seen::new(RunState::Starting, port.port()));
        let (inbox, messages) = mpsc::channel(INBOX);
        let supervisor = Supervisor::new(
            id,
            Arc::clone(&self.shared.launcher),
            port,
            (wishes, messages),
            (report, Arc::clone(&self.shared.beat_soon)),
            self.shared.tasks.shutdown().clone(),
        );
        let (figures, last) = (self.shared.launcher.figures.clone(), seen.clone());
        self.shared.tasks.spawn("run", OnFailure::Log, async move {
            supervisor.supervise(found).await;
            if let RunState::Exited { outcome, .. } = &last.latest().state {
                figures.ended(outcome);
            }
            Ok(())
        });
        Entry { wanted, seen, inbox }
    }

    /// Finds the run that a transcoder belongs to. One that is not in the table was left by a former
    /// `worker_app` whose record is lost: it is taken up, and the next answer decides about it.
    /// `None` when the run has ended here: such a process has no business any more.
    ///
    /// # Errors
    /// When its process cannot be looked at; it may come again.
    pub(crate) fn attach(&self, id: RunId, pid: u32, rtmp_port: u16) -> io::Result<Option<Attachment>> {
        let mut table = self.table();
        if let Some(entry) = table.entries.get(&id) {
            return Ok((!entry.has_ended()).then(|| Attachment { inbox: entry.inbox.clone() }));
        }
        let Some(adopted) = process::Adopted::find(pid)? else { return Ok(None) };
        tracing::info!(run = %id, job = %id.job, epoch = id.epoch.number(), pid, port = rtmp_port, "taking up a transcoder that reported itself");
        let plan = record::read(id, &self.shared.launcher.folder(id)).map(|record| record.plan);
        let port = self.shared.ports.adopt(id.job, rtmp_port);
        let entry = self.supervise(id, plan, port, Some(Process::Adopted(adopted)));
        if table.draining {
            entry.wanted.send_if_modified(Wanted::leave);
        }
        let attachment = Attachment { inbox: entry.inbox.clone() };
        table.remembered.remove(&id);
        table.entries.insert(id, entry);
        Ok(Some(attachment))
    }

    /// How all runs are, for the heartbeat.
    pub(crate) fn statuses(&self) -> Vec<RunStatus> {
        let status = |(id, entry): (&RunId, &Entry)| {
            let Seen { state, statistics, .. } = entry.seen.latest();
            RunStatus { job: id.job, epoch: id.epoch, state, statistics }
        };
        self.table().entries.iter().map(status).collect()
    }

    /// How all runs are, for people.
    pub(crate) fn views(&self) -> Vec<RunView> {
        self.table()
            .entries
            .iter()
            .map(|(id, entry)| RunView::new(*id, &entry.seen.latest(), &entry.wanted.latest()))
            .collect()
    }

    /// The last lines that runs of this job logged here, oldest first, also of runs that have ended.
    pub(crate) async fn log_lines(&self, job: JobId, wanted: usize) -> Vec<LogLine> {
        let folder = self.shared.launcher.logs_folder();
        let read = tokio::task::spawn_blocking(move || log_lines::last(&folder, job, wanted));
        read.await.unwrap_or_default()
    }

    /// Whether the worker ends its runs.
    pub(crate) fn is_draining(&self) -> bool {
        self.table().draining
    }

    /// Takes no new run and ends all in order; their channels go on elsewhere.
    pub(crate) fn drain(&self) {
        let mut table = self.table();
        table.draining = true;
        for entry in table.entries.values() {
            entry.wanted.send_if_modified(Wanted::leave);
        }
        self.shared.beat_soon.notify_one();
    }

    /// Waits until no run has a process; `false` when some outlived `bound`.
    pub(crate) async fn all_ended(&self, bound: Duration) -> bool {
        let open: Vec<_> = self.table().entries.values().map(|entry| entry.seen.clone()).collect();
        let wait = async {
            for mut seen in open {
                // A supervisor that is gone says nothing more, so there is nothing to wait for.
                drop(seen.wait_for(Seen::has_ended).await);
            }
        };
        tokio::time::timeout(bound, wait).await.is_ok()
    }

    fn remove_folder(&self, id: RunId) {
        let folder: PathBuf = self.shared.launcher.folder(id);
        let runs = self.clone();
        self.shared.tasks.spawn("remove a run's folder", OnFailure::Log, async move {
            match tokio::fs::remove_dir_all(&folder).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(run = %id, job = %id.job, epoch = id.epoch.number(), folder = %folder.display(), %error, "the folder of an ended run stays");
                }
                Ok(()) | Err(_) => {}
            }
            let live = runs.logs_in_use(&runs.table());
            logs::prune(&runs.shared.launcher.logs_folder(), &live);
            Ok(())
        });
    }
}

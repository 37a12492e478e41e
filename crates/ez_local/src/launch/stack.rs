//! A running stack and the handle to it.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ez_service::latest::Latest as _;
use ez_service::tasks::{OnFailure, TaskGroup};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::endpoints::Endpoints;
use super::error::{Error, disk};
use super::layout::{Layout, replace_file};
use super::proc::Identity;
use super::record::Record;
use super::secrets::Secrets;
use super::services::{self, Service};
use super::supervise::{Status, Wanted, supervise};
use super::supervised::Supervised;
use super::{MAX_WORKERS, Options, leftovers};
use crate::s3;

/// Longest time that a drop waits for killed processes.
const DROP_GRACE: Duration = Duration::from_secs(5);

/// What the supervisors share.
pub(crate) struct Shared {
    pub(crate) layout: Layout,
    options: Options,
    record: Record,
    /// Set once every service was ready, and taken back when the end begins.
    started: AtomicBool,
}

impl Shared {
    pub(crate) fn say(&self, line: &str) {
        (self.options.say)(line);
    }

    /// Whether the start is over: before that, a service that dies is a failed start.
    pub(crate) fn is_started(&self) -> bool {
        self.started.load(Ordering::SeqCst)
    }

    /// Changes who runs, in the record and, once the stack is started, in `endpoints.json`.
    pub(crate) fn record(&self, change: impl FnOnce(&mut BTreeMap<String, Identity>)) {
        let written = self.record.change(|contents| change(&mut contents.services));
        let written = written.and_then(|()| if self.is_started() { self.write_endpoints() } else { Ok(()) });
        if let Err(error) = written {
            tracing::error!(%error, "the record of the stack is not up to date");
        }
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::new(&self.options, &self.layout, &self.record.contents())
    }

    fn write_endpoints(&self) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(&self.endpoints()).unwrap_or_default();
        replace_file(&self.layout.endpoints(), &format!("{text}\n"))
    }
}

/// A running stack. Dropped, it is killed; [`Stack::stop`] ends it in order.
pub struct Stack {
    shared: Arc<Shared>,
    services: Vec<Supervised>,
    s3: s3::Options,
    tasks: TaskGroup,
    stopped: bool,
    _lock: Flock<File>,
}

impl Stack {
    /// Starts a stack and waits until every service of it is ready.
    ///
    /// # Errors
    /// One line that says what to do. Nothing is left running then.
    pub async fn start(options: Options) -> Result<Self, Error> {
        if options.workers == 0 || options.workers > MAX_WORKERS {
            return Err(Error::Workers(options.workers));
        }
        let layout = Layout::make(&options.data)?;
        let lock = lock(&layout)?;
        let left = leftovers::end_leftovers(&layout).await;
        if left > 0 {
            (options.say)(&format!("ended {left} processes that an earlier launcher had left"));
        }
        drop(std::fs::remove_file(layout.endpoints()));
        options.ports.check(options.workers)?;
        let secrets = Secrets::load_or_make(&layout.secrets())?;
        let plan = services::plan(&options, &layout, &secrets)?;
        let record = Record::new(layout.record())?;
        let s3 = services::s3_options(&layout, &secrets);
        let started = AtomicBool::new(false);
        let shared = Arc::new(Shared { layout, options, record, started });
        let mut stack = Self {
            shared,
            services: Vec::new(),
            s3,
            tasks: TaskGroup::new(CancellationToken::new()),
            stopped: false,
            _lock: lock,
        };
        match stack.start_all(plan).await {
            Ok(()) => Ok(stack),
            Err(error) => {
                stack.stop().await;
                Err(error)
            }
        }
    }

    async fn start_all(&mut self, plan: Vec<Service>) -> Result<(), Error> {
        for service in plan {
            self.shared.say(&format!("starting {}", service.name));
            let log_began_at = std::fs::read(&service.log).map_or(0, |log| log.len());
            let (wanted, wishes) = watch::channel(Wanted::Running);
            let (reports, status) = watch::channel(Status::default());
            let supervisor = supervise(service.clone(), Arc::clone(&self.shared), wishes, reports);
            self.tasks.spawn("supervisor", OnFailure::Log, supervisor);
            let supervised = Supervised { service, wanted, status };
            let ready = supervised.first_ready(log_began_at).await;
            self.services.push(supervised);
            ready?;
        }
        self.shared.started.store(true, Ordering::SeqCst);
        self.shared.write_endpoints()?;
        self.shared.record.change(|contents| contents.ready = true)
    }

    /// Where everything is, now.
    pub fn endpoints(&self) -> Endpoints {
        self.shared.endpoints()
    }

    /// The data folder.
    pub fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    /// What its S3 serves, for who serves that in its place after [`Stack::take_away`].
    pub fn s3(&self) -> s3::Options {
        self.s3.clone()
    }

    /// The names of the services, in the order of their start.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|supervised| supervised.service.name.as_str())
    }

    /// The process of a service; `None` while there is none.
    ///
    /// # Errors
    /// When no service has this name.
    pub fn process(&self, name: &str) -> Result<Option<Identity>, Error> {
        Ok(self.find(name)?.status.latest().process)
    }

    /// Kills a service with SIGKILL, as a crash would, and waits until that process is gone. It is
    /// started again at once; [`Stack::ready`] waits for that.
    ///
    /// # Errors
    /// When no service has this name, or it cannot be killed.
    pub async fn kill(&self, name: &str) -> Result<(), Error> {
        let supervised = self.find(name)?;
        let mut status = supervised.status.clone();
        let Some(process) = status.latest().process else { return Ok(()) };
        signal(name, process, Signal::SIGKILL)?;
        drop(status.wait_for(|status| status.process != Some(process)).await);
        Ok(())
    }

    /// Freezes a service: its connections stay open, nothing answers.
    ///
    /// # Errors
    /// When no service has this name, or it cannot be signalled.
    pub fn pause(&self, name: &str) -> Result<(), Error> {
        self.signal(name, Signal::SIGSTOP)
    }

    /// Lets a frozen service go on.
    ///
    /// # Errors
    /// When no service has this name, or it cannot be signalled.
    pub fn resume(&self, name: &str) -> Result<(), Error> {
        self.signal(name, Signal::SIGCONT)
    }

    /// Kills a service and keeps it away until [`Stack::bring_back`].
    ///
    /// # Errors
    /// When no service has this name.
    pub async fn take_away(&self, name: &str) -> Result<(), Error> {
        let supervised = self.find(name)?;
        supervised.wanted.send_replace(Wanted::TakenAway);
        drop(supervised.status.clone().wait_for(|status| status.process.is_none()).await);
        Ok(())
    }

    /// Starts a service again that was taken away, and waits until it is ready.
    ///
    /// # Errors
    /// When no service has this name, or it does not become ready.
    pub async fn bring_back(&self, name: &str) -> Result<(), Error> {
        self.find(name)?.wanted.send_replace(Wanted::Running);
        self.ready(name).await
    }

    /// Waits until a service is ready, through deaths and new starts.
    ///
    /// # Errors
    /// When no service has this name, or it does not become ready in time.
    pub async fn ready(&self, name: &str) -> Result<(), Error> {
        let supervised = self.find(name)?;
        supervised.wait_ready(|status| status.ready).await.map(drop)
    }

    /// Ends everything in order: workers with their transcoders, services, S3, redis.
    pub async fn stop(mut self) {
        self.shared.started.store(false, Ordering::SeqCst);
        let (workers, others): (Vec<_>, Vec<_>) = self.services.iter().partition(|s| s.service.is_worker());
        for worker in &workers {
            worker.wanted.send_replace(Wanted::Ended);
        }
        for worker in workers {
            worker.ended().await;
        }
        leftovers::end_media(&self.shared.layout).await;
        for supervised in others.into_iter().rev() {
            supervised.wanted.send_replace(Wanted::Ended);
            supervised.ended().await;
        }
        self.stopped = true;
        for stale in [self.shared.layout.endpoints(), self.shared.layout.record()] {
            drop(std::fs::remove_file(stale));
        }
    }

    fn signal(&self, name: &str, which: Signal) -> Result<(), Error> {
        let process = self.process(name)?;
        process.map_or(Ok(()), |process| signal(name, process, which))
    }

    fn find(&self, name: &str) -> Result<&Supervised, Error> {
        let found = self.services.iter().find(|supervised| supervised.service.name == name);
        found.ok_or_else(|| Error::NoSuchService(name.to_owned()))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.stopped {
            return;
        }
        self.shared.started.store(false, Ordering::SeqCst);
        for supervised in &self.services {
            supervised.wanted.send_replace(Wanted::Ended);
        }
        // A supervisor on another thread may be starting a process right now: look until two
        // looks in a row find none.
        let deadline = Instant::now() + DROP_GRACE;
        let mut quiet = 0;
        while quiet < 2 && Instant::now() < deadline {
            let recorded: Vec<_> = self.shared.record.contents().services.into_values().collect();
            let killed = leftovers::kill_all(&self.shared.layout, &recorded);
            quiet = if killed.iter().any(|process| process.is_alive()) { 0 } else { quiet + 1 };
            #[expect(clippy::disallowed_methods, reason = "a drop cannot wait any other way")]
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn lock(layout: &Layout) -> Result<Flock<File>, Error> {
    let path = layout.lock();
    let file = File::create(&path).map_err(disk("make", &path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        Errno::EWOULDBLOCK => Error::AlreadyRunning(layout.root().to_path_buf()),
        error => disk("lock", path)(error.into()),
    })
}

fn signal(name: &str, process: Identity, which: Signal) -> Result<(), Error> {
    process.signal_group(which).map_err(|source| Error::Signal { service: name.to_owned(), source })
}

//! One service: started, watched, started again when it dies, ended when told.
//!
//! Invariants:
//! - A process is in the record from right after its start until it was waited for.
//! - Once the service is to end, no process of it is started any more.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ez_service::child;
use ez_service::latest::{Latest as _, LatestSeen as _};
use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Shared;
use super::proc::Identity;
use super::readiness;
use super::services::Service;

/// Time between two looks at a service that is not ready yet.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// First pause before a service that died is started again; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A service that ran this long begins with the first pause again.
const STEADY: Duration = Duration::from_secs(10);

/// What a service should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Run.
    Running,
    /// Be gone, as after a crash, until told otherwise.
    TakenAway,
    /// End in order, for good.
    Ended,
}

/// How a service is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// Its process, if there is one.
    pub(crate) process: Option<Identity>,
    /// Whether that process has been ready.
    pub(crate) ready: bool,
    /// How the last process ended, if it did so by itself.
    pub(crate) ended: Option<String>,
    /// What the last look at its readiness said.
    pub(crate) missing: String,
}

/// Runs a service until it is to end.
pub(crate) async fn supervise(
    service: Service,
    shared: Arc<Shared>,
    mut wanted: watch::Receiver<Wanted>,
    status: watch::Sender<Status>,
) -> anyhow::Result<()> {
    let mut pause = FIRST_PAUSE;
    let mut again = false;
    loop {
        let now = wanted.latest_seen();
        match now {
            Wanted::Ended => return Ok(()),
            Wanted::TakenAway => {
                wanted.changed().await?;
                continue;
            }
            Wanted::Running => {}
        }
        let began = Instant::now();
        let reason = match one_life(&service, &shared, &mut wanted, &status, again).await {
            Life::Told => None,
            Life::Died(reason) => Some(reason),
        };
        again = true;
        let Some(reason) = reason else { continue };
        status.send_modify(|status| status.ended = Some(reason.clone()));
        if began.elapsed() >= STEADY {
            pause = FIRST_PAUSE;
        }
        if shared.is_started() {
            let seconds = pause.as_secs_f32();
            shared.say(&format!("{} ended ({reason}); starting it again in {seconds:.1} s", service.name));
        }
        tokio::select! {
            () = sleep(pause) => {}
            changed = wanted.changed() => changed?,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// How the life of a process ended.
enum Life {
    /// It was ended because the wish changed.
    Told,
    /// By itself, or by somebody else.
    Died(String),
}

async fn one_life(
    service: &Service,
    shared: &Shared,
    wanted: &mut watch::Receiver<Wanted>,
    status: &watch::Sender<Status>,
    again: bool,
) -> Life {
    let mut child = match spawn(service, shared).await {
        Ok(child) => child,
        Err(reason) => return Life::Died(reason),
    };
    // A process that is not waited for yet keeps its id, so this is it and no other.
    let identity = child.id().and_then(Identity::of);
    if let Some(identity) = identity {
        shared.record(|services| {
            services.insert(service.name.clone(), identity);
        });
    }
    status.send_modify(|status| {
        status.process = identity;
        status.ready = false;
        status.ended = None;
    });
    let life = tokio::select! {
        exit = child.wait() => Life::Died(describe(exit)),
        () = until_told(wanted) => {
            let now = wanted.latest();
            end(service, now, &mut child).await;
            Life::Told
        }
        () = watch_readiness(service, shared, status, again) => Life::Told,
    };
    shared.record(|services| {
        services.remove(&service.name);
    });
    status.send_modify(|status| {
        status.process = None;
        status.ready = false;
    });
    life
}

async fn spawn(service: &Service, shared: &Shared) -> Result<Child, String> {
    let log = shared.layout.open_log(&service.name).map_err(|error| error.to_string())?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let spec = child::Spec {
        program: service.program.clone(),
        arguments: service.arguments.clone(),
        environment: service.environment.clone(),
        folder: service.folder.clone(),
        stdin: Stdio::null(),
        stdout: Stdio::from(OwnedFd::from(log)),
        stderr: Stdio::from(OwnedFd::from(errors)),
        dies_with_parent: true,
    };
    child::spawn(spec).await.map_err(|error| ez_service::telemetry::chain(&error))
}

/// Waits until the service is wanted no more.
async fn until_told(wanted: &mut watch::Receiver<Wanted>) {
    // A launcher that is gone wants nothing any more: its end of the channel is closed.
    drop(wanted.wait_for(|wanted| *wanted != Wanted::Running).await);
}

/// Looks until the service is ready; never returns.
async fn watch_readiness(service: &Service, shared: &Shared, status: &watch::Sender<Status>, again: bool) {
    loop {
        match readiness::look(&service.sign).await {
            Ok(()) => break,
            Err(missing) => status.send_modify(|status| status.missing = missing),
        }
        sleep(BETWEEN_LOOKS).await;
    }
    status.send_modify(|status| status.ready = true);
    if again {
        shared.say(&format!("{} is ready again", service.name));
    }
    std::future::pending::<()>().await;
}

async fn end(service: &Service, wanted: Wanted, child: &mut Child) {
    if wanted == Wanted::TakenAway {
        child::signal_group(child, Signal::SIGKILL);
    }
    // A frozen process would only get SIGTERM when it is woken.
    child::signal_group(child, Signal::SIGCONT);
    if let Err(error) = child::stop(child, service.grace).await {
        tracing::warn!(service = service.name, %error, "the end was not seen");
    }
}

fn describe(exit: std::io::Result<ExitStatus>) -> String {
    match exit {
        Ok(status) => status.to_string(),
        Err(error) => format!("its end was not seen: {error}"),
    }
}

/// What a log says last, for a message; what stood there before this start does not count.
pub(crate) fn last_words(log: &Path, began_at: usize) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let from = bytes.len().saturating_sub(2_000).max(began_at.min(bytes.len()));
    let tail = String::from_utf8_lossy(&bytes[from..]).into_owned();
    let line = tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().chars().take(300).collect()
}

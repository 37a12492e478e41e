//! Ends a stack from outside, and whatever a dead launcher left behind.
//!
//! Only processes that the record names by id and start time, and programs of a stack that work
//! inside its data folder, are signalled.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use super::error::Error;
use super::layout::Layout;
use super::proc::{Identity, working_in};
use super::record::Contents;

/// The programs of a stack, by file name.
const PROGRAMS: [&str; 11] = [
    "worker_app",
    "worker_transcoder",
    "ffmpeg",
    "ffprobe",
    "packager",
    "api_server",
    "scheduler",
    "key_server",
    "ez_local",
    "redis-server",
    "redis-check-rdb",
];
/// The ones that carry the media; they outlive a `worker_app`.
const MEDIA_PROGRAMS: [&str; 4] = ["worker_transcoder", "ffmpeg", "ffprobe", "packager"];

/// Longest time for a whole stack to end in order.
const STACK_GRACE: Duration = Duration::from_secs(90);
/// Longest time for what was left over.
const LEFTOVER_GRACE: Duration = Duration::from_secs(5);
/// Longest time between SIGKILL and the end.
const KILL_GRACE: Duration = Duration::from_secs(5);
/// Time between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// What [`down`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downed {
    /// Nothing ran.
    Nothing,
    /// A launcher ended its stack.
    InOrder,
    /// The launcher was gone or hung; this many processes were ended.
    Leftovers(usize),
}

/// Ends the stack on a data folder and waits until it is gone.
///
/// # Errors
/// When the folder cannot be read.
pub async fn down(data: &Path) -> Result<Downed, Error> {
    if !data.exists() {
        return Ok(Downed::Nothing);
    }
    let layout = Layout::of(data)?;
    let record = Contents::read(&layout.record());
    let launcher = record.map(|record| record.launcher).filter(|launcher| launcher.is_alive());
    let mut in_order = false;
    if let Some(launcher) = launcher {
        signal_process(launcher, Signal::SIGTERM);
        in_order = gone(&[launcher], STACK_GRACE).await;
        if !in_order {
            signal_process(launcher, Signal::SIGKILL);
            gone(&[launcher], KILL_GRACE).await;
        }
    }
    let left = end_leftovers(&layout).await;
    for stale in [layout.record(), layout.endpoints()] {
        drop(std::fs::remove_file(stale));
    }
    Ok(match (in_order, left) {
        (true, 0) => Downed::InOrder,
        (false, 0) if launcher.is_none() => Downed::Nothing,
        (_, left) => Downed::Leftovers(left),
    })
}

/// The launcher leads a group only if a shell made it one, so it alone is signalled.
fn signal_process(launcher: Identity, signal: Signal) {
    if let (true, Ok(pid)) = (launcher.is_alive(), i32::try_from(launcher.pid))
        && let Err(error) = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal)
    {
        tracing::debug!(pid, %error, "cannot be signalled");
    }
}

/// Ends what a dead launcher left; says how many processes that were.
pub(crate) async fn end_leftovers(layout: &Layout) -> usize {
    let mut left = working_in(layout.root(), &PROGRAMS);
    let recorded = Contents::read(&layout.record()).map(|record| record.services).unwrap_or_default();
    for identity in recorded.into_values().filter(|identity| identity.is_alive()) {
        if !left.contains(&identity) {
            left.push(identity);
        }
    }
    end_all(&left).await;
    left.len()
}

/// Ends the media processes that outlived their `worker_app`.
pub(crate) async fn end_media(layout: &Layout) {
    end_all(&working_in(layout.root(), &MEDIA_PROGRAMS)).await;
}

/// Kills at once and without waiting what belongs to the folder.
pub(crate) fn kill_all(layout: &Layout, recorded: &[Identity]) -> Vec<Identity> {
    let mut all = working_in(layout.root(), &PROGRAMS);
    all.extend(recorded);
    signal_all(&all, Signal::SIGKILL);
    all
}

async fn end_all(processes: &[Identity]) {
    signal_all(processes, Signal::SIGTERM);
    signal_all(processes, Signal::SIGCONT);
    if !gone(processes, LEFTOVER_GRACE).await {
        signal_all(processes, Signal::SIGKILL);
        if !gone(processes, KILL_GRACE).await {
            tracing::error!(?processes, "processes outlived SIGKILL");
        }
    }
}

fn signal_all(processes: &[Identity], signal: Signal) {
    for process in processes {
        if let Err(error) = process.signal_group(signal) {
            tracing::warn!(pid = process.pid, %error, "cannot be signalled");
        }
        // A process that leads no group of its own, such as one that a user's shell started.
        signal_process(*process, signal);
    }
}

async fn gone(processes: &[Identity], grace: Duration) -> bool {
    let deadline = Instant::now() + grace;
    while processes.iter().any(|process| process.is_alive()) {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(BETWEEN_LOOKS).await;
    }
    true
}

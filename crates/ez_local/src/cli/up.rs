//! `ez_local up`: a stack in the foreground, or as the launcher that `--detach` left running.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ez_service::shutdown::{Asked, KILLED, on_signals};
use ez_service::tasks::TaskGroup;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

use super::console::say;
use super::{Up, addresses, demo};
use crate::launch::{Contents, Endpoints, Error, Layout, Options, Ports, Scope, Stack};

/// The last line of a start in the background: from then on nobody listens.
pub(super) const IN_BACKGROUND: &str = "It runs in the background; script/down ends it.";

/// Longest time that a launcher which runs already may take to become ready.
const OTHER_START: Duration = Duration::from_secs(300);
/// Time between two looks at it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// Longest time for the demo's pusher to end.
const DEMO_GRACE: Duration = Duration::from_secs(10);

/// Starts a stack and keeps it until a signal ends it.
pub(super) async fn run(up: &Up) -> anyhow::Result<ExitCode> {
    drop(tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr).try_init());
    let _deaf = if up.background { Some(deaf_to_hang_ups()?) } else { None };
    let hang_up = [SignalKind::hangup()];
    let Asked { drain: shutdown, kill } =
        on_signals(if up.background || hang_ups_are_ignored() { &[] } else { &hang_up })?;
    let options = options(up)?;
    let tools = options.tools.clone();
    let stack = tokio::select! {
        started = Stack::start(options) => match started {
            Err(Error::AlreadyRunning(_)) => return already_running(up).await,
            started => started?,
        },
        // What was started is dropped with the future, and gone.
        () = shutdown.cancelled() => {
            say("Interrupted; nothing is left running.");
            return Ok(ExitCode::FAILURE);
        }
    };
    let endpoints = stack.endpoints();
    say(format!("ezLiveStreaming is ready.\n{}", addresses::text(&endpoints)));
    let demos = TaskGroup::new(CancellationToken::new());
    if up.demo {
        let playing = demo::start(&endpoints, &tools, &up.sample, stack.layout(), &demos);
        tokio::select! {
            played = playing => if let Err(error) = played { say(format!("The demo does not play: {error:#}")) },
            () = shutdown.cancelled() => {}
        }
    }
    say(if up.background { IN_BACKGROUND } else { "Ctrl-C ends it." });
    shutdown.cancelled().await;
    say("Ending; the workers finish their last segments (a second Ctrl-C kills).");
    let in_order = async {
        demos.finish(DEMO_GRACE).await;
        stack.stop().await;
    };
    tokio::select! {
        () = in_order => {
            say("Everything has ended.");
            Ok(ExitCode::SUCCESS)
        }
        // The stack is dropped with the future: that kills all of it, the transcoders too, which live on when
        // only their worker dies.
        () = kill.cancelled() => {
            say("Killed; nothing is left running.");
            Ok(ExitCode::from(KILLED))
        }
    }
}

/// Listening is enough: a terminal that closes must not end what runs in the background.
fn deaf_to_hang_ups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("install the handler of SIGHUP")
}

/// Whether whoever started this wants it to outlive the terminal, as `nohup` does.
fn hang_ups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Signal n is bit n - 1 (proc(5)).
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

fn options(up: &Up) -> anyhow::Result<Options> {
    let ports = Ports::from_environment(|name| std::env::var(name).ok())?;
    let mut options = Options::new(&up.data, ports);
    options.workers = up.workers;
    if up.storage {
        options.scope = Scope::Storage;
    }
    options.say = Arc::new(|line| say(line));
    Ok(options)
}

/// Somebody else started it: tells where it is once it is ready.
async fn already_running(up: &Up) -> anyhow::Result<ExitCode> {
    let layout = Layout::of(&up.data)?;
    let deadline = Instant::now() + OTHER_START;
    loop {
        let record = Contents::read(&layout.record()).filter(|record| record.launcher.is_alive());
        if record.is_some_and(|record| record.ready)
            && let Some(endpoints) = Endpoints::read(&layout)
        {
            say(format!("It runs already; script/down ends it.\n{}", addresses::text(&endpoints)));
            if up.demo {
                say("Nothing was started: for the demo end it first, or make a channel in the console.");
            }
            return Ok(ExitCode::SUCCESS);
        }
        if Instant::now() >= deadline {
            bail!("another launcher on {} does not become ready; end it with script/down", up.data.display());
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

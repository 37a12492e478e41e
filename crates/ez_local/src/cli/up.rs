//! `ez_local up`: a stack in the foreground, or as the launcher that `--detach` left running.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ez_service::tasks::TaskGroup;
use tokio::signal::unix::{SignalKind, signal};
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
    let shutdown = ez_service::shutdown::on_signal()?;
    // Listening to it is enough: a terminal that closes must not end what runs in the background.
    let _hang_up = if up.background {
        Some(signal(SignalKind::hangup()).context("install the handler of SIGHUP")?)
    } else {
        None
    };
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
    demos.finish(DEMO_GRACE).await;
    stack.stop().await;
    say("Everything has ended.");
    Ok(ExitCode::SUCCESS)
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
            return Ok(ExitCode::SUCCESS);
        }
        if Instant::now() >= deadline {
            bail!("another launcher on {} does not become ready; end it with script/down", up.data.display());
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

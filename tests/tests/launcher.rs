//! The launcher as a person uses it: a channel in the foreground that Ctrl-C ends, and one in the
//! background that `down` ends. Nothing is left behind.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::processes::{find, residents};
use ez_local::launch::Ports;
use ez_testkit::machine::undisturbed;
use ez_testkit::tools::workspace_root;
use ez_testkit::wait::eventually;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

/// Two channels at once would fall behind real time.
static MACHINE: Mutex<()> = Mutex::const_new(());

struct Launcher {
    data: TempDir,
    ports: Ports,
    _machine: MutexGuard<'static, ()>,
}

impl Launcher {
    async fn new() -> Result<Self> {
        let machine = MACHINE.lock().await;
        Ok(Self { data: tempfile::tempdir()?, ports: Ports::free(1)?, _machine: machine })
    }

    fn command(&self, words: &[&str]) -> Result<Command> {
        // Tests lie in `deps`, beside which the programs are.
        let tests = std::env::current_exe()?;
        let program: PathBuf = tests.ancestors().nth(2).context("a target folder")?.join("ez_local");
        // As from a terminal, even where the tests themselves run under nohup.
        let mut command = Command::new("env");
        command
            .arg("--default-signal=HUP")
            .arg(program)
            .args(words)
            .arg("--data")
            .arg(self.data.path())
            .current_dir(workspace_root())
            .env("EZ_REDIS_PORT", self.ports.redis.to_string())
            .env("EZ_S3_PORT", self.ports.s3.to_string())
            .env("EZ_API_PORT", self.ports.api.to_string())
            .env("EZ_SCHEDULER_PORT", self.ports.scheduler.to_string())
            .env("EZ_KEY_PORT", self.ports.key_server.to_string())
            .env("EZ_WORKER_PORT_BASE", self.ports.worker_base.to_string())
            .env("EZ_RTMP_PORT_BASE", self.ports.rtmp_base.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a shell does with a command in the foreground: Ctrl-C goes to all of its group.
            .process_group(0);
        Ok(command)
    }

    fn data(&self) -> &Path {
        self.data.path()
    }

    /// The channel of the demo.
    fn demo(&self) -> Result<String> {
        let path = self.data().join("demo-channel");
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    async fn api_answers(&self) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/readyz", self.ports.api);
        reqwest::get(url).await?.error_for_status()?;
        Ok(())
    }

    async fn until_it_encodes(&self) -> Result<()> {
        let looks = || async { find(self.data(), "ffmpeg").and_then(|_| find(self.data(), "packager")) };
        eventually(Duration::from_secs(60), "an encoder", looks).await?;
        Ok(())
    }

    async fn nothing_is_left(&self) -> Result<()> {
        let looks = || async {
            let left = residents(self.data())?;
            ensure!(left.is_empty(), "{left:?} work there still");
            Ok(())
        };
        // Those that were told to end are reaped by whoever started them.
        eventually(Duration::from_secs(5), "an empty data folder", looks).await?;
        for port in
            [self.ports.redis, self.ports.s3, self.ports.api, self.ports.scheduler, self.ports.rtmp_base]
        {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("port {port} is taken"))?;
        }
        Ok(())
    }
}

/// Whatever a failing test leaves would be in the way of the next.
impl Drop for Launcher {
    fn drop(&mut self) {
        drop(self.command(&["down"]).map(|mut command| command.status()));
    }
}

async fn ended(child: &mut Child) -> Result<ExitStatus> {
    let status = eventually(Duration::from_secs(60), "the end of the launcher", || {
        let status = child
            .try_wait()
            .map_err(|error| error.to_string())
            .and_then(|status| status.ok_or("it runs".to_owned()));
        async move { status }
    })
    .await?;
    Ok(status)
}

#[tokio::test]
async fn ctrl_c_ends_a_channel_and_all_children() -> Result<()> {
    undisturbed(async || {
        let launcher = Launcher::new().await?;
        let mut up = launcher.command(&["up", "--demo"])?.spawn()?;
        launcher.until_it_encodes().await?;
        ensure!(residents(launcher.data())?.len() >= 4, "services and children work in the data folder");
        killpg(Pid::from_raw(i32::try_from(up.id())?), Signal::SIGINT)?;
        let status = ended(&mut up).await?;
        ensure!(status.success(), "{status}");
        launcher.nothing_is_left().await?;

        // The next demo goes on with the same channel, and two signals end it on the spot.
        let channel = launcher.demo()?;
        let mut up = launcher.command(&["up", "--demo"])?.spawn()?;
        launcher.until_it_encodes().await?;
        ensure!(launcher.demo()? == channel, "each demo leaves a channel behind");
        let (group, began) = (Pid::from_raw(i32::try_from(up.id())?), Instant::now());
        let status = eventually(Duration::from_secs(60), "the end of the launcher", || {
            let status = killpg(group, Signal::SIGINT).map(|()| up.try_wait());
            async move { status?.context("look at the launcher")?.context("it runs") }
        })
        .await?;
        ensure!(status.code() == Some(143), "{status} after {:?}", began.elapsed());
        launcher.nothing_is_left().await
    })
    .await
}

#[tokio::test]
async fn a_terminal_that_closes_ends_everything() -> Result<()> {
    let launcher = Launcher::new().await?;
    let mut up = launcher.command(&["up"])?.spawn()?;
    let ready = || async { launcher.api_answers().await };
    eventually(Duration::from_secs(60), "the API", ready).await?;
    kill(Pid::from_raw(i32::try_from(up.id())?), Signal::SIGHUP)?;
    let status = ended(&mut up).await?;
    // Whether it was ready already or not: it ends by itself, and is not ended by the signal.
    ensure!(status.code().is_some(), "{status}");
    launcher.nothing_is_left().await
}

#[tokio::test]
async fn down_ends_a_channel_in_the_background() -> Result<()> {
    undisturbed(async || {
        let launcher = Launcher::new().await?;
        let mut up = launcher.command(&["up", "--demo", "--detach"])?.spawn()?;
        let status = ended(&mut up).await?;
        ensure!(status.success(), "{status}");
        launcher.until_it_encodes().await?;
        let mut down = launcher.command(&["down"])?.spawn()?;
        let status = ended(&mut down).await?;
        ensure!(status.success(), "{status}");
        launcher.nothing_is_left().await
    })
    .await
}

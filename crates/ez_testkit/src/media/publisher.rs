//! Pushes a contribution in real time, as an encoder does: a real ffmpeg, one process per publisher.
//!
//! It does not try again by itself; a test decides when a publisher comes back.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::NamedTempFile;
use tokio::process::Child;
use tokio::time::timeout;

use crate::tools::{Tool, tail};

/// How much of a file is sent at once at the start. ffmpeg 8 sends half a second unless told
/// otherwise, which makes every latency look half a second better than it is.
const INITIAL_BURST_SECONDS: &str = "0.04";

/// How often the file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once; the publisher then ends by itself.
    Once,
    /// Until it is stopped.
    Forever,
}

/// What an encoder says of its media before it sends any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introduction {
    /// `onMetaData`, as most encoders do.
    MetaData,
    /// Nothing.
    None,
}

/// A running publisher. Killed when dropped.
#[derive(Debug)]
pub struct Publisher {
    child: Child,
    pid: Pid,
    /// A file and not a pipe: nobody has to read it for the publisher to go on.
    log: NamedTempFile,
}

impl Publisher {
    /// Starts to push an FLV file to an `rtmp://` address. It does not wait for the connection.
    pub fn start(flv: &Path, url: &str, repeat: Repeat) -> Result<Self> {
        Self::introduced(flv, url, repeat, Introduction::MetaData)
    }

    /// As [`Publisher::start`], with or without a word on what is to come.
    pub fn introduced(flv: &Path, url: &str, repeat: Repeat, introduction: Introduction) -> Result<Self> {
        let log = NamedTempFile::new().context("make a log for the publisher")?;
        let flags = match introduction {
            Introduction::MetaData => "no_duration_filesize",
            Introduction::None => "no_duration_filesize+no_metadata",
        };
        let loops = if repeat == Repeat::Forever { "-1" } else { "0" };
        let child = Tool::Ffmpeg
            .command()?
            .args(["-nostdin", "-hide_banner", "-nostats", "-v", "info", "-readrate", "1"])
            .args(["-readrate_initial_burst", INITIAL_BURST_SECONDS, "-stream_loop", loops, "-i"])
            .arg(flv)
            .args(["-map", "0", "-c", "copy", "-flvflags", flags, "-f", "flv", url])
            .stdout(Stdio::null())
            .stderr(log.reopen().context("open the log of the publisher")?)
            .spawn()
            .context("start the publisher")?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = Pid::from_raw(pid.ok_or_else(|| anyhow!("the publisher has no process id"))?);
        Ok(Self { child, pid, log })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("look at the publisher")
    }

    /// Waits until it ends by itself (end of the file, refused, or thrown out).
    pub async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        timeout(deadline, self.child.wait())
            .await
            .with_context(|| {
                format!("the publisher did not end within {deadline:?}:\n{}", tail(&self.log()))
            })?
            .context("wait for the publisher")
    }

    /// Ends it in an orderly way (SIGINT: it unpublishes and closes), and waits for it.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGINT)?;
        self.wait(Duration::from_secs(10)).await
    }

    /// Ends it as a crash would (SIGKILL), and waits for it.
    pub async fn kill(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGKILL)?;
        self.wait(Duration::from_secs(10)).await
    }

    /// Freezes it: the connection stays open and nothing comes.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen publisher go on. ffmpeg then sends faster until it has caught up.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap_or_default()
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        // After the child is reaped its id may belong to somebody else.
        if let Some(status) = self.exit_status()? {
            if signal == Signal::SIGSTOP || signal == Signal::SIGCONT {
                return Err(anyhow!("the publisher has ended with {status}:\n{}", tail(&self.log())));
            }
            return Ok(());
        }
        kill(self.pid, signal).with_context(|| format!("send {signal} to the publisher"))
    }
}

#[cfg(test)]
mod tests;

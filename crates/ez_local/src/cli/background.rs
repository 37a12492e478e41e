//! `ez_local up --detach`: leaves a launcher in the background and returns when it is ready.
//!
//! The launcher writes to its log; what it says up to its readiness is repeated here.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use ez_service::child;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::time::sleep;

use super::Up;
use super::console::say;
use super::up::IN_BACKGROUND;
use crate::launch::Layout;

/// Time between two looks at the log.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Starts a launcher and repeats what it says until it is ready or has ended.
pub(super) async fn start(up: &Up) -> anyhow::Result<ExitCode> {
    let layout = Layout::make(&up.data)?;
    let path = layout.log("launcher");
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .context("open the launcher's log")?;
    let mut reader = Lines::at_end(&path).await?;
    let spec = child::Spec {
        program: std::env::current_exe().context("find this program")?,
        arguments: arguments(up, layout.root()),
        environment: std::env::vars_os().collect(),
        folder: std::env::current_dir().context("find the working folder")?,
        stdin: Stdio::null(),
        stdout: Stdio::from(OwnedFd::from(log.try_clone().context("share the launcher's log")?)),
        stderr: Stdio::from(OwnedFd::from(log)),
        dies_with_parent: false,
    };
    let mut launcher = child::spawn(spec).await.context("start the launcher")?;
    loop {
        // Asked before reading: what it said before its end is then read in full.
        let exit = launcher.try_wait().context("look at the launcher")?;
        for line in reader.new_lines().await? {
            say(&line);
            if line == IN_BACKGROUND {
                return Ok(ExitCode::SUCCESS);
            }
        }
        if let Some(exit) = exit {
            let code = exit.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            return Ok(ExitCode::from(code));
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

fn arguments(up: &Up, data: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["up".into(), "--background".into(), "--data".into(), data.into()];
    arguments.extend(["--workers".into(), up.workers.to_string().into(), "--sample".into()]);
    arguments.push(up.sample.clone().into());
    for (given, name) in [(up.demo, "--demo"), (up.storage, "--storage")] {
        if given {
            arguments.push(name.into());
        }
    }
    arguments
}

/// Reads a file that grows.
struct Lines {
    file: tokio::fs::File,
    unfinished: Vec<u8>,
}

impl Lines {
    async fn at_end(path: &Path) -> anyhow::Result<Self> {
        let mut file = tokio::fs::File::open(path).await.context("read the launcher's log")?;
        file.seek(std::io::SeekFrom::End(0)).await.context("read the launcher's log")?;
        Ok(Self { file, unfinished: Vec::new() })
    }

    async fn new_lines(&mut self) -> anyhow::Result<Vec<String>> {
        self.file.read_to_end(&mut self.unfinished).await.context("read the launcher's log")?;
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(Vec::new());
        };
        let rest = self.unfinished.split_off(end + 1);
        let whole = std::mem::replace(&mut self.unfinished, rest);
        Ok(String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn only_whole_and_new_lines_are_read() {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        log.write_all(b"of an earlier start\n").unwrap();
        let mut lines = Lines::at_end(log.path()).await.unwrap();
        log.write_all("first\n\nha".as_bytes()).unwrap();
        assert_eq!(lines.new_lines().await.unwrap(), ["first", ""]);
        assert!(lines.new_lines().await.unwrap().is_empty());
        log.write_all(b"lf\n").unwrap();
        assert_eq!(lines.new_lines().await.unwrap(), ["half"]);
    }
}

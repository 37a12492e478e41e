//! The processes of an installation, found as an operator would: by what they run and where.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that works below `data` and runs `program`.
///
/// # Errors
/// When there is none.
pub fn find(data: &Path, program: &str) -> Result<Pid> {
    let data = data.canonicalize().context("resolve the data folder")?;
    for entry in std::fs::read_dir("/proc").context("list the processes")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let link = |name: &str| std::fs::read_link(entry.path().join(name)).ok();
        let runs = link("exe").is_some_and(|exe| exe.ends_with(program));
        // Children of a run work in its folder, a transcoder in its worker's.
        let is_ours = link("cwd").is_some_and(|cwd| cwd.starts_with(&data));
        if runs && is_ours {
            return Ok(Pid::from_raw(pid));
        }
    }
    bail!("no {program} works below {}", data.display())
}

/// The parent of a process.
///
/// # Errors
/// When the process is gone.
pub fn parent(pid: Pid) -> Result<Pid> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("read a process's status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).context("no PPid")?;
    Ok(Pid::from_raw(line.trim().parse().context("a PPid that is no number")?))
}

/// Sends a signal.
///
/// # Errors
/// When the process is gone.
pub fn send(pid: Pid, signal: Signal) -> Result<()> {
    kill(pid, signal).with_context(|| format!("send {signal} to {pid}"))
}

//! The processes of an installation, found as an operator would: by what they run and where.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Everybody that works below `data`: process ids and programs.
///
/// # Errors
/// When the processes cannot be listed.
pub fn residents(data: &Path) -> Result<Vec<(i32, PathBuf)>> {
    let data = data.canonicalize().context("resolve the data folder")?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").context("list the processes")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let link = |name: &str| std::fs::read_link(entry.path().join(name)).ok();
        // Children of a run work in its folder, a transcoder in its worker's.
        if let (Some(program), Some(folder)) = (link("exe"), link("cwd"))
            && folder.starts_with(&data)
        {
            found.push((pid, program));
        }
    }
    Ok(found)
}

/// A process that works below `data` and runs `program`.
///
/// # Errors
/// When there is none.
pub fn find(data: &Path, program: &str) -> Result<Pid> {
    let all = residents(data)?;
    let found = all.iter().find(|(_, exe)| exe.ends_with(program));
    match found {
        Some((pid, _)) => Ok(Pid::from_raw(*pid)),
        None => bail!("no {program} works below {}", data.display()),
    }
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

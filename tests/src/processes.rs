//! The processes of an installation, found as an operator would: by what they run and where; and what
//! they cost, as the kernel counts it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

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

/// All processes that work below `data` and run `program`.
///
/// # Errors
/// When the processes cannot be listed.
pub fn find_all(data: &Path, program: &str) -> Result<Vec<Pid>> {
    let all = residents(data)?;
    Ok(all.iter().filter(|(_, exe)| exe.ends_with(program)).map(|(pid, _)| Pid::from_raw(*pid)).collect())
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

/// Processor time of a process so far, in user mode and in the kernel (`proc_pid_stat(5)`, 14 and 15).
///
/// # Errors
/// When the process is gone.
pub fn cpu(pid: Pid) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("read a process's stat")?;
    // The name may hold anything, so the fields are counted from behind it.
    let fields: Vec<&str> =
        stat.rsplit_once(')').context("a stat without a name")?.1.split_whitespace().collect();
    let ticks =
        |field: usize| -> Result<u64> { Ok(fields.get(field).context("a stat that is too short")?.parse()?) };
    let per_second = sysconf(SysconfVar::CLK_TCK)?.and_then(|ticks| u64::try_from(ticks).ok()).unwrap_or(100);
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 1000 / per_second.max(1)))
}

/// Proportional set size in MiB (`proc_pid_smaps_rollup(5)`).
///
/// # Errors
/// When the process is gone.
pub fn pss_mib(pid: Pid) -> Result<f64> {
    let rollup =
        std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("read a process's memory")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("a Pss that is no number")?;
    Ok(kib / 1024.0)
}

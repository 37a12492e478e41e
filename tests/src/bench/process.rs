//! What a process costs, as the kernel counts it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::unistd::{Pid, SysconfVar, sysconf};

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

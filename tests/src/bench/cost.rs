//! Processor time and memory of what is measured, over the same stretch of every run.

use std::time::Duration;

use anyhow::Result;
use nix::unistd::Pid;

use crate::processes::cpu;

/// The stretch over which processor time is counted, from the start of the publisher.
pub(super) const FROM: Duration = Duration::from_secs(6);
/// Its end.
pub(super) const TO: Duration = Duration::from_secs(28);

/// One side of the comparison; processor time in cores.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Cost {
    pub(super) ffmpeg: f64,
    pub(super) packager: f64,
    pub(super) ours: f64,
    pub(super) ffmpeg_mib: f64,
    pub(super) packager_mib: f64,
    pub(super) transcoder_mib: f64,
    pub(super) worker_mib: f64,
}

impl Cost {
    pub(super) fn all(&self) -> f64 {
        self.ffmpeg + self.packager + self.ours
    }
}

/// Processor time of each so far.
pub(super) fn used<const N: usize>(processes: [Pid; N]) -> Result<[Duration; N]> {
    let mut used = [Duration::ZERO; N];
    for (used, process) in used.iter_mut().zip(processes) {
        *used = cpu(process)?;
    }
    Ok(used)
}

/// Cores that one of them used between two readings at [`FROM`] and [`TO`].
pub(super) fn share<const N: usize>(before: [Duration; N], after: [Duration; N], at: usize) -> f64 {
    let spent = after
        .get(at)
        .copied()
        .unwrap_or_default()
        .saturating_sub(before.get(at).copied().unwrap_or_default());
    spent.as_secs_f64() / (TO - FROM).as_secs_f64()
}

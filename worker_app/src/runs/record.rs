//! What the next `worker_app` on this folder must know about a run: `worker.json` in its folder.
//!
//! It holds no key of the store, no content key and no stream key, only the verifier; a process is named by its
//! identity *and* its start time, because process identities are given out again.

use std::path::Path;

use ez_api::internal::StreamKeyVerifier;
use ez_domain::content_key::ContentKey;
use ez_domain::id::RunId;
use ez_domain::spec::JobSpec;
use serde::{Deserialize, Serialize};

use super::process::{Adopted, start_ticks};
use crate::identity::{Keep, write_private};

const NAME: &str = "worker.json";

/// What is needed to start a run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) spec: JobSpec,
    pub(super) stream_key: StreamKeyVerifier,
    /// Never on the disk: a plan that was read from there learns it from the scheduler's next answer.
    #[serde(skip)]
    pub(super) content_key: Option<ContentKey>,
}

impl Plan {
    /// Whether a run can be started by it: what is to be protected needs its key.
    pub(super) const fn is_whole(&self) -> bool {
        self.spec.protection.is_none() || self.content_key.is_some()
    }
}

/// One run as it is kept on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) plan: Plan,
    pub(super) port: u16,
    pub(super) pid: u32,
    pub(super) start_ticks: u64,
}

impl Record {
    /// The record of a process that was just started.
    pub(super) fn of(plan: Plan, port: u16, pid: u32) -> Self {
        Self { plan, port, pid, start_ticks: start_ticks(pid).ok().flatten().unwrap_or(0) }
    }

    /// The process, if it still lives.
    pub(super) fn process(&self) -> Option<Adopted> {
        let found = Adopted::find(self.pid).unwrap_or_else(|error| {
            tracing::warn!(pid = self.pid, %error, "whether a transcoder lives cannot be found out; it will report itself");
            None
        });
        found.filter(|adopted| adopted.start_ticks() == self.start_ticks)
    }

    pub(super) fn write(&self, folder: &Path) -> std::io::Result<()> {
        write_private(&folder.join(NAME), self, Keep::AcrossCrash)
    }
}

/// Reads the record in a run's folder; one that is missing or damaged counts as none.
pub(super) fn read(id: RunId, folder: &Path) -> Option<Record> {
    let bytes = std::fs::read(folder.join(NAME)).ok()?;
    serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::warn!(run = %id, job = %id.job, epoch = id.epoch.number(), folder = %folder.display(), %error, "a run's record is damaged"))
        .ok()
}

/// All runs below `folder`. What is no folder of a run is left alone; one without a usable record
/// counts as a dead run without a port, so that it is cleared away in time.
pub(super) fn scan(folder: &Path) -> Vec<(RunId, Option<Record>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id: RunId = entry.file_name().to_str()?.parse().ok()?;
            Some((id, read(id, &entry.path())))
        })
        .collect()
}

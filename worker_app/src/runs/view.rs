//! A run as `GET /runs` shows it to an operator; it holds no secret.

use ez_api::job::Statistics;
use ez_domain::id::{Epoch, JobId, RunId};
use ez_domain::lifecycle::RunState;
use serde::Serialize;

use super::supervisor::{Seen, Wanted};

/// One run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RunView {
    job: JobId,
    epoch: Epoch,
    /// `hold`, `stop` or `abandon`.
    wanted: &'static str,
    state: RunState,
    pid: Option<u32>,
    /// Whether the process was started by a former `worker_app`.
    adopted: bool,
    connected: bool,
    rtmp_port: u16,
    restarts: u32,
    statistics: Statistics,
}

impl RunView {
    pub(super) fn new(id: RunId, seen: &Seen, wanted: &Wanted) -> Self {
        Self {
            job: id.job,
            epoch: id.epoch,
            wanted: wanted.word(),
            state: seen.state.clone(),
            pid: seen.pid,
            adopted: seen.adopted,
            connected: seen.connected,
            rtmp_port: seen.rtmp_port,
            restarts: seen.restarts,
            statistics: seen.statistics.clone(),
        }
    }
}

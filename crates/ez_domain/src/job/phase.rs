//! What can be the case with a job, and the run that it may have.

use serde::{Deserialize, Serialize};

use crate::id::{Epoch, Incarnation, WorkerId};
use crate::units::Timestamp;

/// A run: one incarnation of the job on one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The number that fences everything older.
    pub epoch: Epoch,
    /// The host.
    pub worker: WorkerId,
    /// The life of the worker that the run belongs to.
    pub incarnation: Incarnation,
    /// Where the encoder publishes; known once the listener is bound.
    pub ingest: Option<Ingest>,
}

/// The place where the contribution is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingest {
    /// Host name or address as publishers reach it.
    pub host: String,
    /// RTMP port.
    pub port: u16,
}

/// What is the case with a job. Data lives in the phase that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Waits for a worker.
    Pending {
        /// Since when.
        since: Timestamp,
        /// Why the planner found no place, when it looked.
        waiting_for: Option<String>,
    },
    /// A worker has been chosen; it has not reported yet.
    Assigned {
        /// The run.
        run: Run,
        /// Until when the worker must have answered.
        deadline: Timestamp,
    },
    /// The listener is bound; nobody publishes.
    Listening {
        /// The run.
        run: Run,
        /// Since when.
        since: Timestamp,
    },
    /// Media is being published.
    Streaming {
        /// The run.
        run: Run,
        /// Since when.
        since: Timestamp,
    },
    /// The publisher is away; the reconnect window is open.
    Interrupted {
        /// The run.
        run: Run,
        /// Since when.
        since: Timestamp,
    },
    /// The run is being ended.
    Stopping {
        /// The run.
        run: Run,
        /// Until when the worker must have confirmed.
        deadline: Timestamp,
    },
    /// No run is left to end the playlists: a scheduler does it.
    Finishing {
        /// The epoch under which they are ended.
        epoch: Epoch,
        /// Since when.
        since: Timestamp,
    },
    /// A run failed; the next one waits a little.
    Backoff {
        /// When the job may be placed again.
        until: Timestamp,
    },
    /// Ended as the user wished.
    Stopped {
        /// Since when.
        since: Timestamp,
    },
    /// Ended because it cannot go on.
    Failed {
        /// Since when.
        since: Timestamp,
    },
    /// Its media is being removed; then the record goes.
    Deleting {
        /// Leave the media in the bucket.
        keep_media: bool,
        /// Since when.
        since: Timestamp,
    },
}

/// The name of a phase without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is documented at the phase of the same name")]
pub enum PhaseName {
    Pending,
    Assigned,
    Listening,
    Streaming,
    Interrupted,
    Stopping,
    Finishing,
    Backoff,
    Stopped,
    Failed,
    Deleting,
}

impl PhaseName {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Assigned,
        Self::Listening,
        Self::Streaming,
        Self::Interrupted,
        Self::Stopping,
        Self::Finishing,
        Self::Backoff,
        Self::Stopped,
        Self::Failed,
        Self::Deleting,
    ];

    /// The name as it stands in JSON and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Listening => "listening",
            Self::Streaming => "streaming",
            Self::Interrupted => "interrupted",
            Self::Stopping => "stopping",
            Self::Finishing => "finishing",
            Self::Backoff => "backoff",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
        }
    }
}

impl Phase {
    /// The name of the phase.
    pub const fn name(&self) -> PhaseName {
        match self {
            Self::Pending { .. } => PhaseName::Pending,
            Self::Assigned { .. } => PhaseName::Assigned,
            Self::Listening { .. } => PhaseName::Listening,
            Self::Streaming { .. } => PhaseName::Streaming,
            Self::Interrupted { .. } => PhaseName::Interrupted,
            Self::Stopping { .. } => PhaseName::Stopping,
            Self::Finishing { .. } => PhaseName::Finishing,
            Self::Backoff { .. } => PhaseName::Backoff,
            Self::Stopped { .. } => PhaseName::Stopped,
            Self::Failed { .. } => PhaseName::Failed,
            Self::Deleting { .. } => PhaseName::Deleting,
        }
    }

    /// The run that holds capacity and a lease on a worker, if there is one.
    pub const fn run(&self) -> Option<&Run> {
        match self {
            Self::Assigned { run, .. }
            | Self::Listening { run, .. }
            | Self::Streaming { run, .. }
            | Self::Interrupted { run, .. }
            | Self::Stopping { run, .. } => Some(run),
            Self::Pending { .. }
            | Self::Finishing { .. }
            | Self::Backoff { .. }
            | Self::Stopped { .. }
            | Self::Failed { .. }
            | Self::Deleting { .. } => None,
        }
    }

    /// When a `Tick` changes the phase, if one ever does.
    pub const fn wakes_at(&self) -> Option<Timestamp> {
        match self {
            Self::Assigned { deadline, .. } | Self::Stopping { deadline, .. } => Some(*deadline),
            Self::Backoff { until } => Some(*until),
            Self::Pending { .. }
            | Self::Listening { .. }
            | Self::Streaming { .. }
            | Self::Interrupted { .. }
            | Self::Finishing { .. }
            | Self::Stopped { .. }
            | Self::Failed { .. }
            | Self::Deleting { .. } => None,
        }
    }
}

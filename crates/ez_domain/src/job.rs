//! The record of a job, as the store keeps it.

use serde::{Deserialize, Serialize};

use crate::content_key::SealedContentKey;
use crate::fault::{Failure, Fault};
use crate::id::{Epoch, Incarnation, JobId, WorkerId};
use crate::spec::JobSpec;
use crate::units::Timestamp;

/// Transitions kept in a job's history.
pub const HISTORY_LENGTH: usize = 50;

/// A job: what the user wants ([`Job::desired`]) and what is the case ([`Job::phase`]).
///
/// Only users change `desired`, only [`crate::lifecycle::step`] changes `phase`. The record
/// holds no secret in clear: stream key and content key are sealed by the edges that brought them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Identity, also of the job's prefix in the bucket.
    pub id: JobId,
    /// What comes out.
    pub spec: JobSpec,
    /// What is worth a second look in the specification.
    pub warnings: Vec<String>,
    /// Estimated cost while it runs, in thousandths of a core.
    pub cost_millicores: u32,
    /// The stream key, sealed, and its look-up index.
    pub credentials: Credentials,
    /// The key that the media is encrypted with, once the key server gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_key: Option<SealedContentKey>,
    /// What the user wants.
    pub desired: Desired,
    /// Counts the user's commands; a command with an older number is void.
    pub generation: u64,
    /// The newest generation that a scheduler has taken up.
    ///
    /// Lower than `generation`, the command may still be on its way: the job is in the outbox.
    pub admitted: u64,
    /// What is the case.
    pub phase: Phase,
    /// The highest epoch ever given to a run of this job.
    pub last_epoch: Epoch,
    /// Failures in a row with fewer than three committed segments between them.
    pub failures: u32,
    /// Runs that replaced a failed one since the last start.
    pub restarts: u32,
    /// The last failure, kept until the next start.
    pub last_failure: Option<DatedFailure>,
    /// The worker of the last failed run, avoided where another has room.
    pub avoid: Option<WorkerId>,
    /// The worker of the last run; its log lies there.
    #[serde(default)]
    pub last_worker: Option<WorkerId>,
    /// When the job was made.
    pub created_at: Timestamp,
    /// When a scheduler first took it up.
    pub admitted_at: Option<Timestamp>,
    /// When a worker last took up a run.
    pub assigned_at: Option<Timestamp>,
    /// The latest transitions, oldest first.
    pub history: Vec<Transition>,
}

/// The publishing credential of a job, as it may be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The stream key, encrypted and authenticated under the deployment's master key.
    pub sealed_stream_key: String,
    /// A keyed hash of the stream key: finds the job, reveals nothing.
    pub stream_key_index: String,
}

/// What the user wants of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// On air whenever somebody publishes.
    Running,
    /// Off, with ended playlists.
    Stopped,
    /// Gone.
    Deleted {
        /// Leave the media in the bucket.
        keep_media: bool,
    },
}

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

/// A failure and when it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedFailure {
    /// When.
    pub at: Timestamp,
    /// What.
    pub failure: Failure,
}

/// One step of a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// The phase that was entered.
    pub phase: PhaseName,
    /// Why, in words for people.
    pub reason: String,
    /// Who has to act, when somebody has to.
    pub fault: Option<Fault>,
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

impl Job {
    /// A new job that wants to run, not yet taken up by a scheduler.
    pub fn new(
        id: JobId,
        spec: JobSpec,
        warnings: Vec<String>,
        cost_millicores: u32,
        credentials: Credentials,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            spec,
            warnings,
            cost_millicores,
            credentials,
            content_key: None,
            desired: Desired::Running,
            generation: 1,
            admitted: 0,
            phase: Phase::Pending { since: now, waiting_for: None },
            last_epoch: Epoch::default(),
            failures: 0,
            restarts: 0,
            last_failure: None,
            avoid: None,
            last_worker: None,
            created_at: now,
            admitted_at: None,
            assigned_at: None,
            history: vec![Transition {
                at: now,
                phase: PhaseName::Pending,
                reason: "created".to_owned(),
                fault: None,
            }],
        }
    }

    /// Whether the newest command may still be on its way to a scheduler.
    pub const fn is_in_outbox(&self) -> bool {
        self.admitted < self.generation
    }

    /// Whether a scheduler may place the job now or later.
    pub const fn is_queued(&self) -> bool {
        matches!(self.phase, Phase::Pending { .. }) && !self.is_in_outbox()
    }

    /// Whether the job is to be protected and has no key yet: until then nothing of it may run.
    pub const fn lacks_key(&self) -> bool {
        self.spec.protection.is_some() && self.content_key.is_none()
    }

    /// The reason of the present phase, in words for people.
    pub fn reason(&self) -> &str {
        if let Phase::Pending { waiting_for: Some(why), .. } = &self.phase {
            return why;
        }
        self.history.last().map_or("", |transition| &transition.reason)
    }

    /// The original's word for the phase.
    pub const fn public_state(&self) -> &'static str {
        match self.phase {
            Phase::Pending { .. } | Phase::Assigned { .. } | Phase::Backoff { .. } => "created",
            Phase::Listening { .. }
            | Phase::Interrupted { .. }
            | Phase::Stopping { .. }
            | Phase::Finishing { .. } => "running",
            Phase::Streaming { .. } => "streaming",
            Phase::Stopped { .. } | Phase::Failed { .. } | Phase::Deleting { .. } => "stopped",
        }
    }
}

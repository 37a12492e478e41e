//! The record of a job, as the store keeps it.

mod phase;

use serde::{Deserialize, Serialize};

pub use phase::{Ingest, Phase, PhaseName, Run};

use crate::content_key::SealedContentKey;
use crate::fault::{Failure, Fault};
use crate::id::{Epoch, JobId, WorkerId};
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

    /// Who has to act in the present phase, when somebody has to.
    pub fn fault(&self) -> Option<Fault> {
        match &self.phase {
            // What it waits for is told later than the phase itself, and without a fault.
            Phase::Pending { waiting_for: Some(_), .. } => None,
            _ => self.history.last().and_then(|transition| transition.fault),
        }
    }
}

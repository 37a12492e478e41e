//! The origin: the bucket as viewers see it.
//!
//! [`Origin`] is one task of a run. Closed files come in, are checked and moved into the spool on the
//! worker's disk, uploaded in parallel, and published slot by slot: segments first, then
//! `timeline.json`, then its projections. A restarted or moved run goes on in the same timeline, and
//! [`end_channel`] ends the playlists of a channel that has no run any more.
//!
//! Invariants:
//! - O1: what the timeline names has been acknowledged by the store;
//! - O2: the timeline is stored before its projections and before the first upload of a period;
//! - O3: after the store showed a higher epoch, nothing is written;
//! - O4: a closed file leaves the disk only after the manifests that name it are stored, or when the
//!   spool is full and it was given up;
//! - O5: taking a message never waits for the store;
//! - O6: of a channel that is to be protected nothing is taken that is not encrypted with its key, and the
//!   key of a period is stored before its media.
//!
//! Not here: which files there are (`worker_transcoder` drives packager), what playlists look like
//! (`ez_manifest`), how requests are repeated (`ez_objects`).

mod budget;
mod expiry;
mod file;
mod finish;
mod input_info;
mod ladder;
mod manifests;
mod origin;
mod period;
mod publisher;
mod refusals;
mod slots;
mod spool;
mod takeover;
mod upload;

use std::sync::Arc;

use ez_domain::content_key::{ContentKey, KeyId};
use ez_domain::fault::{Failure, Fault};
use ez_domain::id::{Epoch, JobId};
use ez_domain::spec::JobSpec;
use ez_service::clock::RunClock;

pub use file::{ClosedFile, FileKind};
pub use finish::end_channel;
pub use origin::{Message, Origin, Playlists, Progress, Tail};
pub use spool::LastMedia;

/// Whose channel it is and what it looks like.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The job, which names the prefix in the bucket.
    pub job: JobId,
    /// The epoch under which everything is written.
    pub epoch: Epoch,
    /// The ladder.
    pub spec: Arc<JobSpec>,
    /// URL that tells the time for `UTCTiming`, if there is one.
    pub time_url: Option<String>,
    /// The clock that dates what is published.
    pub clock: RunClock,
    /// The key that the media is encrypted with. Only a channel with protection has one, and nothing of
    /// such a channel is published without it.
    pub content_key: Option<ContentKey>,
    /// Most bytes of media that may wait on the worker's disk; `None` is ten minutes of the ladder.
    pub spool_bytes: Option<u64>,
}

impl Settings {
    /// By which name players know the content key.
    fn key_id(&self) -> Option<KeyId> {
        self.content_key.as_ref().map(|key| key.id)
    }
}

/// Why the origin gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// A higher epoch owns the channel.
    Fenced(Epoch),
    /// It cannot go on.
    Failed(Failure),
}

fn bug(error: impl std::fmt::Display) -> Stopped {
    Stopped::Failed(Failure::retryable(Fault::Bug, format!("the playlists could not be continued: {error}")))
}

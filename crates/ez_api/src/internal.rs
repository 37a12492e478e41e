//! Messages between the services of one installation; never shown to clients.
//!
//! - `worker_app` → scheduler: [`RegisterWorker`] (`POST /workers`) and [`Heartbeat`]
//!   (`POST /heartbeat`), whose answer is the full set of runs that the worker must hold.
//! - scheduler → `worker_app`: `POST /poke` without a body: beat now.
//! - `api_server` → `worker_app`: `GET /jobs/{id}/logs?lines=`: the last [`LogLine`]s of a job's runs.
//! - `worker_app` → `worker_transcoder`: [`RunDescription`], one JSON document on stdin.
//! - `worker_transcoder` ⇄ `worker_app`: [`FromTranscoder`] and [`ToTranscoder`], one JSON document
//!   a line, on the worker's Unix socket.
//!
//! A report is a state, not an event: repeating or losing one is harmless.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ez_domain::content_key::ContentKey;
use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::lifecycle::RunState;
use ez_domain::placement::Standing;
use ez_domain::secret::Secret;
use ez_domain::spec::JobSpec;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::job::Statistics;

/// A worker introduces itself, at its start and whenever the scheduler does not know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegisterWorker {
    /// The identity that the worker keeps in its data folder.
    pub worker: WorkerId,
    /// Its present life.
    pub incarnation: Incarnation,
    /// Base URL under which the scheduler reaches it, for pokes.
    pub control_url: String,
    /// Host name or address under which publishers reach it.
    pub public_host: String,
    /// What it can carry, in thousandths of a core.
    pub capacity_millicores: u32,
    /// Runs for which it has ingest ports.
    pub max_runs: u32,
    /// Versions of the tools it found, by name.
    pub tools: BTreeMap<String, String>,
}

/// The answer to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Time between heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// Time after the last answered heartbeat for which the worker's leases hold, in milliseconds.
    pub lease_ms: u64,
}

/// A worker is alive and tells how its runs are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Which worker.
    pub worker: WorkerId,
    /// Its present life.
    pub incarnation: Incarnation,
    /// Whether it takes new runs, and if not, why.
    #[serde(default)]
    pub standing: Standing,
    /// Measured use of all cores, in thousandths of a core.
    pub used_millicores: u32,
    /// Every run that it holds, and every one that ended and is still asked for.
    pub runs: Vec<RunStatus>,
}

/// How one run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStatus {
    /// Which job.
    pub job: JobId,
    /// Which of its runs.
    pub epoch: Epoch,
    /// Its state.
    pub state: RunState,
    /// Its live figures.
    pub statistics: Statistics,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// Whether the scheduler knows this worker and life; if not, the worker registers again.
    pub known: bool,
    /// Every run that the worker must hold; what is not in it must be ended without a trace in the
    /// public playlists, because somebody else owns the channel now.
    pub runs: Vec<RunOrder>,
}

/// What a worker must do about one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunOrder {
    /// Which job.
    pub job: JobId,
    /// Which of its runs.
    pub epoch: Epoch,
    /// Hold it, or end it in order.
    pub action: RunAction,
}

/// What a run is meant to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum RunAction {
    /// Run it; start it when it is not there.
    Run {
        /// What comes out.
        spec: Box<JobSpec>,
        /// Checks a presented stream key without revealing it.
        stream_key: StreamKeyVerifier,
        /// What the media is encrypted with, if the specification asks for protection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_key: Option<ContentKey>,
    },
    /// Drain the uploads, end the playlists, report `exited`.
    Stop,
    /// Go on as it was started; where it is not there, wait for another word. The scheduler that answers cannot read
    /// what the run is, and must neither end nor begin it.
    Hold,
}

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// The run.
    #[schema(value_type = u64)]
    pub epoch: Epoch,
    /// The line as it was written, without control characters; JSON unless the run logs in another form.
    pub line: String,
}

/// Most lines of a log that are told at once.
pub const MOST_LOG_LINES: usize = 1_000;

/// A salted hash of a stream key: enough to check one, not to publish with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamKeyVerifier {
    /// Random text of this run.
    pub salt: String,
    /// Lower-case hexadecimal SHA-256 over salt, a zero byte and the stream key.
    pub sha256: String,
}

/// Everything that a transcoder process needs; it reads it from stdin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunDescription {
    /// Which job.
    pub job: JobId,
    /// The run's epoch.
    pub epoch: Epoch,
    /// What comes out.
    pub spec: JobSpec,
    /// Checks a presented stream key.
    pub stream_key: StreamKeyVerifier,
    /// What the media is encrypted with, if the specification asks for protection.
    pub content_key: Option<ContentKey>,
    /// Address that the RTMP listener binds.
    pub rtmp_bind: String,
    /// Port that the RTMP listener binds.
    pub rtmp_port: u16,
    /// Host name or address as publishers reach it.
    pub public_host: String,
    /// Private folder of the run (mode 0700), made by the worker.
    pub folder: PathBuf,
    /// The worker's Unix socket.
    pub control_socket: PathBuf,
    /// Programs to run.
    pub tools: ToolPaths,
    /// Where the media goes.
    pub store: StoreAccess,
    /// URL that tells the time for `UTCTiming`, if there is one.
    pub time_url: Option<String>,
    /// Longest time in seconds that one period may last; at most, and when absent, as long as its timestamps allow.
    #[serde(default)]
    pub longest_period_seconds: Option<u64>,
}

/// The programs that a transcoder drives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolPaths {
    /// ffmpeg.
    pub ffmpeg: PathBuf,
    /// Shaka packager.
    pub packager: PathBuf,
}

/// How the bucket is reached; without keys, the usual AWS chain is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreAccess {
    /// Region of the bucket.
    pub region: String,
    /// Base URL of an S3-compatible store; `None` is AWS.
    pub endpoint: Option<String>,
    /// Whether the store wants only the checksums that S3 requires.
    pub required_checksums_only: bool,
    /// Access key id and secret key, when they are configured rather than found by the AWS chain.
    pub keys: Option<(String, Secret<String>)>,
}

/// What a transcoder tells its worker, one a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum FromTranscoder {
    /// First line of each connection.
    Hello {
        /// Which job.
        job: JobId,
        /// Which of its runs.
        epoch: Epoch,
        /// The process.
        pid: u32,
        /// The RTMP port that the run holds, so that a restarted worker does not give it away.
        rtmp_port: u16,
    },
    /// How the run is; sent at each change and once a second. `exited` is the last line.
    Status {
        /// Its state.
        state: RunState,
        /// Its live figures.
        statistics: Box<Statistics>,
    },
}

/// What a worker tells its transcoder, one a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ToTranscoder {
    /// Drain the uploads, end the playlists, then exit.
    Stop,
    /// Drain the uploads, leave the playlists open for the next run, then exit.
    Leave,
    /// Exit at once and leave the public playlists alone: another run owns the channel.
    Abandon,
}

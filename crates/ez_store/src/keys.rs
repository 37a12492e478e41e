//! Every key of the store, in one place: name, type, content, who writes it and who reads it.
//!
//! The names are what operators see in `redis-cli`, so they are plain. But for [`MADE_WITH`]
//! no key expires by itself: whatever ends is ended by a commit. With a prefix that holds a hash tag (`{ez}:`) all keys lie in one
//! slot of a cluster, which the scripts need: a commit touches job, index and worker keys at once.

use ez_domain::id::WorkerId;

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name without prefix; also its name in the scripts.
    pub name: &'static str,
    /// Its Redis type.
    pub kind: &'static str,
    /// What it holds.
    pub content: &'static str,
    /// Which operations write it.
    pub writers: &'static str,
    /// Which operations read it.
    pub readers: &'static str,
}

const fn key(
    name: &'static str,
    kind: &'static str,
    content: &'static str,
    writers: &'static str,
    readers: &'static str,
) -> KeyInfo {
    KeyInfo { name, kind, content, writers, readers }
}

/// The keys that exist once. Each script is given all of them, in this order.
pub const FIXED: [KeyInfo; 17] = [
    key("jobs", "hash", "job id -> record, as JSON", "create, commit, remove", "load, list, queued, beat"),
    key(
        "job_versions",
        "hash",
        "job id -> version of the record",
        "create, commit, remove",
        "with each record",
    ),
    key("job_phases", "hash", "job id -> name of its phase", "create, commit, remove", "census, list"),
    key(
        "job_stats",
        "hash",
        "job id -> epoch|received ms|totals before its transcoder|totals of it|JSON; totals are \
         bytes,seconds up,seconds active",
        "put_statistics, remove",
        "with each record",
    ),
    key("job_order", "zset", "job id by created_at in ms", "create, remove", "list"),
    key("stream_keys", "hash", "keyed hash of the stream key -> job id", "create, commit, remove", "create"),
    key("epochs", "hash", "job id -> highest epoch; outlives the job", "commit, remove", "create, remove"),
    key("queued_jobs", "zset", "job id by the time it began to wait, in ms", "commit", "queued"),
    key("outbox", "zset", "job id by the time of its newest command, in ms", "create, commit", "in_outbox"),
    key("timers", "zset", "job id by the deadline of its phase, in ms", "commit", "due"),
    key(
        "chores",
        "zset",
        "job id by the time its bucket began to wait for a chore, in ms",
        "commit",
        "chores",
    ),
    key("runs", "hash", "job id -> worker|incarnation|epoch", "commit", "beat, lapsed, put_statistics"),
    key("leases", "zset", "job id by the end of its run's lease, in ms", "commit, beat", "lapsed, commit"),
    key("workers", "hash", "worker id -> record, as JSON", "register_worker, forget_worker", "workers"),
    key(
        "worker_states",
        "hash",
        "worker id -> incarnation|registered ms|max runs|standing|used millicores",
        "register_worker, beat, forget_worker",
        "workers, commit, beat",
    ),
    key(
        "worker_loads",
        "hash",
        "worker id -> millicores of its runs; absent is 0",
        "commit",
        "workers, commit",
    ),
    key("worker_beats", "zset", "worker id by its last beat in ms", "register_worker, beat", "workers"),
];

/// The keys that exist once for each worker: `worker_jobs:<worker id>`.
pub const WORKER_JOBS: KeyInfo = key(
    "worker_jobs:",
    "set",
    "ids of the jobs whose run the worker holds",
    "commit",
    "beat, workers, commit, list",
);

/// The keys that exist once for each request that a client may repeat: `made_with:<hash of its key>`.
pub const MADE_WITH: KeyInfo = key(
    "made_with:",
    "string",
    "hash of the request's body|job id; expires after 24 hours",
    "create",
    "create",
);

/// Written for nothing but to see that writes are taken.
pub const PULSE: KeyInfo = key("pulse", "string", "1", "pulse", "nobody");

/// The names of the keys of one installation.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
    fixed: Vec<String>,
}

impl Keys {
    /// Names with `prefix` before each.
    pub fn new(prefix: &str) -> Self {
        let fixed = FIXED.iter().map(|info| format!("{prefix}{}", info.name)).collect();
        Self { prefix: prefix.to_owned(), fixed }
    }

    /// The keys of [`FIXED`], in its order.
    pub fn fixed(&self) -> &[String] {
        &self.fixed
    }

    /// The key with this name of [`FIXED`].
    pub fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The set of jobs of one worker.
    pub fn worker_jobs(&self, worker: WorkerId) -> String {
        format!("{}{worker}", self.worker_jobs_prefix())
    }

    /// What a request with this key made.
    pub fn made_with(&self, key: &str) -> String {
        format!("{}{}{key}", self.prefix, MADE_WITH.name)
    }

    /// What stands before the worker's id in [`Keys::worker_jobs`].
    pub fn worker_jobs_prefix(&self) -> String {
        format!("{}{}", self.prefix, WORKER_JOBS.name)
    }
}

/// The first lines of each script: a local variable for each of the [`FIXED`] keys, and how many they are.
pub(crate) fn script_header() -> String {
    let mut header = format!("local EXTRA = {}\n", FIXED.len());
    for (index, info) in FIXED.iter().enumerate() {
        header.push_str(&format!("local {} = KEYS[{}]\n", info.name, index + 1));
    }
    header
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn names_carry_the_prefix_and_differ() {
        let keys = Keys::new("{ez}:");
        assert_eq!(keys.fixed()[0], "{ez}:jobs");
        let worker = WorkerId::from_uuid(Uuid::from_u128(1));
        assert_eq!(keys.worker_jobs(worker), "{ez}:worker_jobs:00000000-0000-0000-0000-000000000001");
        let different: std::collections::HashSet<_> = FIXED.iter().map(|info| info.name).collect();
        assert_eq!(different.len(), FIXED.len());
    }
}

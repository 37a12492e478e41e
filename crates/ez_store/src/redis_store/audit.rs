//! Do the indexes agree with the records?
//!
//! The expectation is derived from the records alone, not from the changes that led to them, so it
//! finds what [`crate::index_changes`] or a script gets wrong. Read-only; for tests, the fault-injection
//! harness and an operator who doubts. It reads everything at once: not for a service's daily work.

use std::collections::{BTreeMap, BTreeSet};

use ez_domain::id::Epoch;
use ez_domain::job::{Job, Phase};

use super::RedisStore;
use super::records::run_text;
use crate::keys::{FIXED, WORKER_JOBS};
use crate::store::StoreError;

/// The indexes, as text; equal texts are equal indexes.
type Indexes = BTreeMap<String, BTreeSet<String>>;

impl RedisStore {
    /// Compares the indexes with the records and tells each difference in words.
    ///
    /// # Errors
    /// When Redis does not answer or a record cannot be read.
    pub async fn audit(&self) -> Result<Vec<String>, StoreError> {
        let (records, actual) = self.snapshot().await?;
        let mut jobs = Vec::new();
        for (id, record) in &records {
            let damaged = |source| StoreError::Damaged { key: format!("{id} in jobs"), source };
            jobs.push(serde_json::from_str::<Job>(record).map_err(damaged)?);
        }
        Ok(differences(&expected(&jobs), &actual))
    }

    /// Everything of one moment.
    async fn snapshot(&self) -> Result<(BTreeMap<String, String>, Indexes), StoreError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        let indexes: Vec<&str> = FIXED.iter().map(|info| info.name).filter(|name| *name != "jobs").collect();
        pipeline.hgetall(self.inner.keys.named("jobs"));
        for name in &indexes {
            let key = self.inner.keys.named(name);
            match FIXED.iter().find(|info| info.name == *name).map(|info| info.kind) {
                Some("hash") => pipeline.cmd("HGETALL").arg(key),
                _ => pipeline.cmd("ZRANGE").arg(key).arg(0).arg(-1).arg("WITHSCORES"),
            };
        }
        let workers = self.workers_ever_seen().await?;
        for worker in &workers {
            pipeline.cmd("SMEMBERS").arg(format!("{}{worker}", self.inner.keys.worker_jobs_prefix()));
        }
        let pipeline = &pipeline;
        let answers: Vec<redis::Value> = self
            .inner
            .connection
            .query("read everything", |mut manager| async move { pipeline.query_async(&mut manager).await })
            .await?;
        let unreadable = |source: redis::ParsingError| StoreError::Unavailable {
            context: "read everything",
            source: source.into(),
        };
        let mut answers = answers.into_iter();
        let records = answers.next().map(redis::from_redis_value).transpose().map_err(unreadable)?;
        let mut actual = Indexes::new();
        for name in &indexes {
            let pairs: Option<Vec<(String, String)>> =
                answers.next().map(redis::from_redis_value).transpose().map_err(unreadable)?;
            let pairs = pairs.unwrap_or_default().into_iter();
            actual.insert(
                (*name).to_owned(),
                pairs.map(|(member, value)| format!("{member} {value}")).collect(),
            );
        }
        for (worker, answer) in workers.iter().zip(answers) {
            let held: BTreeSet<String> = redis::from_redis_value(answer).map_err(unreadable)?;
            actual.insert(format!("{}{worker}", WORKER_JOBS.name), held);
        }
        Ok((records.unwrap_or_default(), actual))
    }

    /// Workers that may have a set of jobs, registered or not.
    async fn workers_ever_seen(&self) -> Result<BTreeSet<String>, StoreError> {
        let prefix = self.inner.keys.worker_jobs_prefix();
        let pattern = format!("{}*", escape_glob(&prefix));
        let keys: Vec<String> = self
            .inner
            .connection
            .query("find the workers", |mut manager| {
                let pattern = &pattern;
                async move { redis::cmd("KEYS").arg(pattern).query_async(&mut manager).await }
            })
            .await?;
        let mut workers: BTreeSet<String> =
            keys.iter().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect();
        workers.extend(self.all_workers().await?.iter().map(|worker| worker.id.to_string()));
        Ok(workers)
    }
}

/// A text that a Redis pattern matches literally.
fn escape_glob(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            ['*', '?', '[', ']', '\\'].contains(&letter).then_some('\\').into_iter().chain([letter])
        })
        .collect()
}

/// What the indexes must hold. Where only the store's clock knows the score, only the member counts.
fn expected(jobs: &[Job]) -> Indexes {
    let mut indexes = Indexes::new();
    let mut put = |index: &str, entry: String| {
        indexes.entry(index.to_owned()).or_default().insert(entry);
    };
    let mut loads: BTreeMap<String, u64> = BTreeMap::new();
    for job in jobs {
        let id = job.id;
        put("job_versions", id.to_string());
        put("job_phases", format!("{id} {}", job.phase.name().as_str()));
        put("job_order", format!("{id} {}", job.created_at.millis()));
        put("stream_keys", format!("{} {id}", job.credentials.stream_key_index));
        if job.last_epoch > Epoch::default() {
            put("epochs", format!("{id} {}", job.last_epoch));
        }
        if job.admitted < job.generation {
            put("outbox", id.to_string());
        }
        match &job.phase {
            Phase::Pending { since, .. } if job.admitted >= job.generation => {
                put("queued_jobs", format!("{id} {}", since.millis()));
            }
            Phase::Backoff { until: at }
            | Phase::Assigned { deadline: at, .. }
            | Phase::Stopping { deadline: at, .. } => put("timers", format!("{id} {}", at.millis())),
            Phase::Finishing { since, .. } | Phase::Deleting { since, .. } => {
                put("chores", format!("{id} {}", since.millis()));
            }
            Phase::Pending { .. }
            | Phase::Listening { .. }
            | Phase::Streaming { .. }
            | Phase::Interrupted { .. }
            | Phase::Stopped { .. }
            | Phase::Failed { .. } => {}
        }
        if job.last_epoch > Epoch::new(0) {
            put("job_stats", id.to_string());
        }
        if let Some(run) = job.phase.run() {
            put("runs", format!("{id} {}", run_text(run)));
            put("leases", id.to_string());
            put(&format!("{}{}", WORKER_JOBS.name, run.worker), id.to_string());
            *loads.entry(run.worker.to_string()).or_default() += u64::from(job.cost_millicores);
        }
    }
    for (worker, load) in loads.into_iter().filter(|(_, load)| *load > 0) {
        put("worker_loads", format!("{worker} {load}"));
    }
    indexes
}

fn differences(expected: &Indexes, actual: &Indexes) -> Vec<String> {
    let names: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    let none = BTreeSet::new();
    let mut found = Vec::new();
    for name in names {
        // Workers come and go by themselves.
        if ["workers", "worker_states", "worker_beats"].contains(&name.as_str()) {
            continue;
        }
        let (wanted, held) = (expected.get(name).unwrap_or(&none), actual.get(name).unwrap_or(&none));
        let by_member = ["job_versions", "outbox", "leases", "job_stats"].contains(&name.as_str());
        let held: BTreeSet<String> = if by_member {
            held.iter().filter_map(|entry| entry.split(' ').next()).map(str::to_owned).collect()
        } else {
            held.clone()
        };
        // A run may have no figures yet, and a new job had no run.
        let lacking = wanted.difference(&held).filter(|_| name != "job_stats");
        found.extend(lacking.map(|entry| format!("{name} lacks {entry}")));
        // The epochs of removed jobs are kept.
        let surplus = held.difference(wanted).filter(|entry| name != "epochs" || is_live(entry, expected));
        found.extend(surplus.map(|entry| format!("{name} holds {entry} without reason")));
    }
    found
}

/// Whether an entry belongs to a job that has a record.
fn is_live(entry: &str, expected: &Indexes) -> bool {
    let id = entry.split(' ').next().unwrap_or(entry);
    expected.get("job_versions").is_some_and(|jobs| jobs.contains(id))
}

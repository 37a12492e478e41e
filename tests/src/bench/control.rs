//! How many jobs a second the control plane takes and places, and how long a creation takes.
//!
//! One API server, one scheduler and Redis, with workers that only talk; they, the client and the services
//! share the machine. First a burst: as many jobs as go at once, until the last one is on a worker. Then, on
//! a plane of its own, creations at a fixed rate, whatever the answers take: a slow answer delays no later
//! request, so waiting is counted in full. Beside both stand a bare Redis and a bare HTTP server, asked by
//! the same client.

mod bare;
mod load;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_testkit::machine::Watch;
use nix::unistd::Pid;
use tokio::time::{Instant, sleep_until, timeout};

use self::load::{Creations, burst, open_loop};
use crate::control::api::small_job;
use crate::control::fleet::{Fleet, Size};
use crate::control::history::History;
use crate::control::plane::{Plane, Shape};
use crate::processes::{cpu, pss_mib};

/// How many requests are under way at once in the burst, and in the baselines.
const CLIENTS: usize = 32;
/// How long each baseline is asked.
const BASELINE: Duration = Duration::from_secs(3);
/// How long the last job may take to its worker.
const PLACED: Duration = Duration::from_secs(60);
/// How long the loaded plane rests before its memory is read.
const REST: Duration = Duration::from_secs(3);

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Jobs of the burst.
    pub jobs: usize,
    /// Creations a second, at a fixed rate.
    pub rate: u32,
    /// For how long.
    pub seconds: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self { jobs: 3000, rate: 200, seconds: 20 }
    }
}

/// Measures; answers the table.
///
/// # Errors
/// When a service does not come up, or a job does not reach a worker.
pub async fn run(plan: Plan) -> Result<String> {
    ensure!((100..=20_000).contains(&plan.jobs), "between 100 and 20000 jobs");
    let total = plan.rate.checked_mul(plan.seconds).unwrap_or_default();
    ensure!((1..=20_000).contains(&total), "between 1 and 20000 creations at a fixed rate");
    let watch = Watch::begin();
    let burst = Setting::start(plan.jobs).await?.burst(plan.jobs).await?;
    let steady = Setting::start(usize::try_from(total)?).await?.steady(total, plan.rate).await?;

    let mut table = format!(
        "control: one api_server, one scheduler, Redis (append-only file, synced every second), workers that only \
         talk; all on this machine\n\n{:<52} {:>10}\n",
        format!("burst of {} jobs, {CLIENTS} requests at once", plan.jobs),
        ""
    );
    let mut row = |name: &str, figure: String| {
        let _ = writeln!(table, "{name:<52} {figure:>10}");
    };
    row("bare Redis, SET of a record's size, 1/s", format!("{:.0}", burst.bare_redis));
    row("bare HTTP server, GET /healthz, 1/s", format!("{:.0}", burst.bare_http));
    row("created, 1/s", format!("{:.0}", burst.created));
    row("created and placed on a worker, 1/s", format!("{:.0}", burst.placed));
    for (name, spent) in &burst.spent {
        row(&format!("processor time of {name} for a job, µs"), format!("{:.0}", spent.as_secs_f64() * 1e6));
    }
    row("", String::new());
    row(&format!("creations at {} a second for {} s", plan.rate, plan.seconds), String::new());
    for (name, per_mille) in [("median", 500), ("p95", 950), ("p99", 990), ("worst", 1000)] {
        row(&format!("answered after, {name}, ms"), format!("{:.1}", millis(at(&steady.answers, per_mille))));
    }
    for (name, per_mille) in [("median", 500), ("p99", 990), ("worst", 1000)] {
        row(
            &format!("on a worker after, {name}, ms"),
            format!("{:.0}", millis(at(&steady.placements, per_mille))),
        );
    }
    // worker_app and worker_transcoder: see the table of one channel.
    for (name, mib) in &steady.memory {
        row(&format!("{name} with {total} jobs, MiB (PSS)"), format!("{mib:.1}"));
    }
    let _ = writeln!(table, "\n{}", watch.seen());
    Ok(table)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The figure below which so many thousandths of all lie.
fn at(sorted: &[Duration], per_mille: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last * per_mille).div_ceil(1000)).copied().unwrap_or_default()
}

struct Burst {
    bare_redis: f64,
    bare_http: f64,
    created: f64,
    placed: f64,
    spent: BTreeMap<&'static str, Duration>,
}

struct Steady {
    answers: Vec<Duration>,
    placements: Vec<Duration>,
    memory: BTreeMap<&'static str, f64>,
}

/// A plane with workers for so many jobs.
struct Setting {
    plane: Plane,
    fleet: Fleet,
}

impl Setting {
    async fn start(jobs: usize) -> Result<Self> {
        let plane = Plane::start(&Shape { schedulers: 1, apis: 1, sqs: None }).await?;
        // As many runs as a worker has ingest ports by default, with some room to spare.
        let size = Size { workers: jobs.div_ceil(12).max(2), capacity_millicores: 1_000_000, max_runs: 15 };
        let history = History::default();
        let fleet = Fleet::start(size, &plane.scheduler_urls(), &plane.storage.token, history).await?;
        fleet.until_registered().await?;
        Ok(Self { plane, fleet })
    }

    fn processes(&self) -> Result<[(&'static str, Pid); 3]> {
        let api = self.plane.apis.first().context("an API server")?.pid()?;
        let scheduler = self.plane.schedulers.first().context("a scheduler")?.pid()?;
        Ok([("api_server", api), ("scheduler", scheduler), ("redis", self.plane.storage.redis_pid()?)])
    }

    fn api(&self) -> Result<String> {
        Ok(self.plane.apis.first().context("an API server")?.url())
    }

    async fn burst(self, jobs: usize) -> Result<Burst> {
        let record = serde_json::to_vec(&small_job())?;
        let bare_redis = bare::redis(&self.plane.storage.redis(), &record, CLIENTS, BASELINE).await?;
        let bare_http = bare::http(CLIENTS, BASELINE).await?;
        let before = used(&self.processes()?)?;
        let began = Instant::now();
        let creations = burst(&self.api()?, jobs, CLIENTS).await?;
        let created = began.elapsed();
        let placements = self.placements(&creations).await?;
        let after = used(&self.processes()?)?;
        let last = placements.iter().map(|(_, taken)| *taken).max().context("no job was placed")? - began;
        let count = u32::try_from(jobs)?;
        let spent = after.iter().map(|(name, time)| (*name, (*time - before[name]) / count)).collect();
        let per_second = |time: Duration| f64::from(count) / time.as_secs_f64();
        Ok(Burst { bare_redis, bare_http, created: per_second(created), placed: per_second(last), spent })
    }

    async fn steady(self, total: u32, rate: u32) -> Result<Steady> {
        let creations = open_loop(&self.api()?, total, Duration::from_secs(1) / rate).await?;
        let placed = self.placements(&creations).await?;
        let mut placements: Vec<Duration> =
            placed.into_iter().map(|(due, taken)| taken.saturating_duration_since(due)).collect();
        let mut answers: Vec<Duration> =
            creations.iter().map(|creation| creation.answered - creation.due).collect();
        answers.sort();
        placements.sort();
        // It has no part in all this: what it takes is what it takes at rest.
        let mut key_server = self.plane.storage.key_server(&self.plane.storage.redis())?;
        key_server.start().await?;
        key_server.until_ready().await?;
        sleep_until(Instant::now() + REST).await;
        let mut memory = BTreeMap::from([("key_server", pss_mib(key_server.pid()?)?)]);
        for (name, pid) in self.processes()? {
            memory.insert(name, pss_mib(pid)?);
        }
        Ok(Steady { answers, placements, memory })
    }

    /// For each creation when it was due, and when its run was on a worker.
    async fn placements(&self, creations: &Creations) -> Result<Vec<(Instant, Instant)>> {
        let history = &self.fleet.history;
        let all = async {
            while history.taken() < creations.len() {
                // It may have grown since it was counted, so it is looked at again soon.
                drop(timeout(Duration::from_millis(5), history.grown()).await);
            }
        };
        let placed = timeout(PLACED, all).await;
        placed.with_context(|| format!("{} of {} jobs were placed", history.taken(), creations.len()))?;
        let taken = history.first_taken();
        let when = |creation: &load::Creation| {
            let taken = taken.get(&creation.job).copied();
            taken.map(|taken| (creation.due, taken)).with_context(|| format!("{} is nowhere", creation.job))
        };
        creations.iter().map(when).collect()
    }
}

/// Processor time of each so far.
fn used(processes: &[(&'static str, Pid)]) -> Result<BTreeMap<&'static str, Duration>> {
    processes.iter().map(|(name, pid)| Ok((*name, cpu(*pid)?))).collect()
}

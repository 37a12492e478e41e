//! Users, workers, and services that die: what comes of it when all have come to rest.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_objects::dice::Dice;
use ez_redis::Access;
use ez_store::RedisStore;
use ez_testkit::wait::eventually;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::api::Api;
use super::fleet::{Fleet, Size};
use super::history::{self, History};
use super::plane::{Plane, Shape};
use super::service::Service;
use super::user::{Memory, think};
use super::verdict::Outcome;

/// How long everything may take to come to rest. A run whose worker died is given up after its lease, and
/// not while a scheduler that has just started holds its brake.
const REST: Duration = Duration::from_secs(120);
/// Workers that carry everything.
const WORKERS: Size = Size { workers: 6, capacity_millicores: 1_000_000, max_runs: 200 };

/// Workers that lose a life, each another one. A job whose runs fail five times would be ended as failed.
const DEATHS: u32 = 3;

/// How wild it gets.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long services die.
    pub seconds: u64,
    /// What chance begins with; time is real, so the same seed is not the same storm.
    pub seed: u64,
    /// How many users there are.
    pub users: usize,
    /// Jobs of each of them.
    pub most_jobs: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { seconds: 12, seed: 1, users: 8, most_jobs: 12 }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// How often a service was killed.
    pub kills: usize,
    /// Wishes that were answered.
    pub answered: usize,
    /// Wishes whose answer was lost.
    pub lost: usize,
    /// Jobs that were accepted.
    pub jobs: usize,
    /// Runs that workers took up.
    pub runs: usize,
    /// From the last kill until all was as asked.
    pub rest: Duration,
    /// What was the last to come to rest.
    pub last: Option<String>,
    /// Every rule that was broken.
    pub complaints: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} kills, {} wishes answered, {} not, {} jobs, {} runs, {} complaints; at rest after {:.1} s, last: {}",
            self.kills,
            self.answered,
            self.lost,
            self.jobs,
            self.runs,
            self.complaints.len(),
            self.rest.as_secs_f64(),
            self.last.as_deref().unwrap_or("nothing")
        )
    }
}

/// Makes a storm over this control plane.
///
/// # Errors
/// When a service does not come up; what is wrong with the outcome is in the report.
pub async fn run(shape: &Shape, plan: Plan) -> Result<Report> {
    let mut dice = Dice::from_seed(plan.seed);
    let Plane { schedulers, apis, mut storage } = Plane::start(shape).await?;
    let urls = |services: &[Service]| services.iter().map(Service::url).collect::<Vec<_>>();
    let api = Api::new(urls(&apis))?;
    let history = History::default();
    let fleet = Fleet::start(WORKERS, &urls(&schedulers), &storage.token, history.clone()).await?;

    let began = Instant::now();
    let length = Duration::from_secs(plan.seconds);
    let end = began + length;
    let mut users = JoinSet::new();
    for _ in 0..plan.users {
        users.spawn(think(api.clone(), history.clone(), dice.fork(), end, plan.most_jobs));
    }
    let mut killers = JoinSet::new();
    for service in schedulers.into_iter().chain(apis) {
        killers.spawn(keep_killing(service, dice.fork(), end));
    }
    for number in 0..DEATHS {
        sleep_until(began + length * (number + 1) / (DEATHS + 1)).await;
        fleet.kill(usize::try_from(number)?)?;
    }

    let mut memories = Vec::new();
    while let Some(memory) = users.join_next().await {
        memories.push(memory.context("a user")?);
    }
    let mut kills = 0;
    let mut services = Vec::new();
    while let Some(survivor) = killers.join_next().await {
        let (mut service, times) = survivor.context("a killer")??;
        service.until_ready().await?;
        kills += times;
        services.push(service);
    }

    let over = Instant::now();
    let last = Mutex::new(None);
    let rested = eventually(REST, "everything to be as it was asked", || async {
        let complaints = outcome(&api, &history, &memories).await?.complaints();
        let Some(first) = complaints.first() else { return Ok(()) };
        *last.lock().await = Some(first.clone());
        Err(anyhow::anyhow!("{complaints:#?}"))
    })
    .await;
    let rest = over.elapsed();
    let mut complaints = history::faults(&history.entries());
    complaints.extend(rested.err().map(|error| format!("{error:#}")));
    complaints.extend(memories.iter().flat_map(|memory| memory.complaints.clone()));
    let store = RedisStore::connect(&Access { url: storage.redis(), ..Access::default() })?;
    complaints.extend(store.audit().await?.into_iter().map(|fault| format!("an index is wrong: {fault}")));
    let died =
        services.iter_mut().filter_map(|service| (!service.is_running()).then(|| service.last_words()));
    complaints.extend(died.map(|words| format!("a service died by itself: {words}")));
    if !complaints.is_empty() {
        complaints.push(format!("the logs are left in {}", storage.keep().display()));
    }
    let outcome = outcome(&api, &history, &memories).await?;
    Ok(Report {
        kills,
        answered: memories.iter().map(|memory| memory.answered).sum(),
        lost: outcome.unanswered_creations
            + outcome.asked.values().filter(|asked| asked.unanswered.is_some()).count(),
        jobs: outcome.asked.len(),
        runs: history.taken(),
        rest,
        last: last.into_inner(),
        complaints,
    })
}

/// Kills a service and starts it again until `end`; it runs in the end. Answers how often it was killed.
async fn keep_killing(mut service: Service, mut dice: Dice, end: Instant) -> Result<(Service, usize)> {
    let mut kills = 0;
    loop {
        let next = Instant::now() + Duration::from_millis(400 + dice.below(2600));
        if next >= end {
            return Ok((service, kills));
        }
        sleep_until(next).await;
        service.kill().await?;
        kills += 1;
        sleep(Duration::from_millis(dice.below(1200))).await;
        service.start().await?;
    }
}

async fn outcome(api: &Api, history: &History, memories: &[Memory]) -> Result<Outcome> {
    Ok(Outcome {
        asked: memories.iter().flat_map(|memory| memory.asked.clone()).collect(),
        unanswered_creations: memories.iter().map(|memory| memory.unanswered_creations).sum(),
        told: api.jobs().await?,
        held: history::holders(&history.entries()),
    })
}

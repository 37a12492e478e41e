//! Random events from several tasks at once, on a real Redis: whatever the order, the indexes follow from
//! the records, no worker is over-filled, and no epoch is used twice.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use ez_domain::fault::{Failure, Fault};
use ez_domain::id::{Epoch, Incarnation, JobId, WorkerId};
use ez_domain::job::{Ingest, Run};
use ez_domain::lifecycle::{Event, NewSpec, RunOutcome, RunState};
use ez_domain::placement::Standing;
use ez_store::conformance::{LIFE, figures, new_job, worker};
use ez_store::{Applied, CommitGuard, Config, RedisStore, Store, StoreError, apply};
use ez_testkit::redis::RedisServer;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use uuid::Uuid;

const JOBS: u128 = 4;
const WORKERS: u128 = 2;
/// A second run is refused on a worker whose load is above this; each costs 500.
const LOAD_LIMIT: u32 = 500;

#[derive(Debug, Clone)]
enum Action {
    Create,
    User(Event),
    Admit { generations_back: u64 },
    Place { worker: u128 },
    Report { state: RunState, epochs_back: u64 },
    Lapse { epochs_back: u64 },
    Beat { worker: u128 },
    Restart { worker: u128 },
    Figures,
}

/// What a user may put in the place of a job's specification.
fn cheaper() -> NewSpec {
    let mut spec = new_job(1, ez_domain::units::Timestamp::from_millis(5)).spec;
    spec.window_seconds += 1;
    NewSpec { spec, warnings: Vec::new(), cost_millicores: 400 }
}

fn state() -> impl Strategy<Value = RunState> {
    let ingest = || Ingest { host: "h".into(), port: 1 };
    let exited = |outcome| RunState::Exited { outcome, committed_segments: 5 };
    let failure = |retryable| Failure { fault: Fault::Worker, reason: "broke".into(), retryable };
    prop_oneof![
        Just(RunState::Starting),
        Just(RunState::Listening { ingest: ingest(), reason: "waits".into(), fault: None }),
        Just(RunState::Streaming { ingest: ingest(), trouble: None }),
        Just(RunState::Interrupted {
            ingest: ingest(),
            reason: "gone".into(),
            fault: Some(Fault::Contribution)
        }),
        Just(exited(RunOutcome::Stopped)),
        Just(exited(RunOutcome::Failed { failure: failure(true) })),
        Just(exited(RunOutcome::Failed { failure: failure(false) })),
        Just(exited(RunOutcome::Fenced { seen: Epoch::new(3) })),
    ]
}

fn action() -> impl Strategy<Value = (u128, Action)> {
    let user = prop_oneof![
        Just(Event::StartRequested),
        Just(Event::StopRequested),
        Just(Event::DeleteRequested { keep_media: false }),
        Just(Event::SpecReplaced(Box::new(cheaper()))),
        Just(Event::Unplaced { why: "full".into() }),
        Just(Event::Tick),
        Just(Event::MediaRemoved),
    ];
    let action = prop_oneof![
        2 => Just(Action::Create),
        6 => user.prop_map(Action::User),
        4 => (0..2_u64).prop_map(|generations_back| Action::Admit { generations_back }),
        6 => (0..WORKERS).prop_map(|worker| Action::Place { worker }),
        6 => (state(), 0..2_u64).prop_map(|(state, epochs_back)| Action::Report { state, epochs_back }),
        2 => (0..2_u64).prop_map(|epochs_back| Action::Lapse { epochs_back }),
        2 => (0..WORKERS).prop_map(|worker| Action::Beat { worker }),
        1 => (0..WORKERS).prop_map(|worker| Action::Restart { worker }),
        1 => Just(Action::Figures),
    ];
    (1..=JOBS, action)
}

const fn worker_id(number: u128) -> WorkerId {
    WorkerId::from_uuid(Uuid::from_u128(0x7700 + number))
}

fn id(number: u128) -> JobId {
    JobId::from_uuid(Uuid::from_u128(number))
}

/// The worker's present life, as a scheduler would read it.
async fn life(store: &RedisStore, worker: WorkerId) -> Incarnation {
    let workers = store.workers().await.unwrap();
    workers.iter().find(|known| known.id == worker).map_or(LIFE, |known| known.incarnation)
}

/// What one task has seen.
#[derive(Default)]
struct Seen {
    /// The runs that it began.
    runs: Vec<(JobId, Run)>,
    /// The phases that it brought jobs to.
    phases: BTreeSet<&'static str>,
}

async fn act(store: &RedisStore, job: JobId, action: &Action, seen: &mut Seen) {
    let present = store.load(job).await.unwrap().map(|stored| stored.job);
    let epoch = |back: u64| {
        let last = present.as_ref().map_or(0, |job| job.last_epoch.number());
        Epoch::new(last.saturating_sub(back))
    };
    let (event, guard) = match action {
        Action::Create => {
            // Refused when the job was removed before: its id is spent.
            let _refused =
                store.create(&new_job(number(job), ez_domain::units::Timestamp::from_millis(5))).await;
            return;
        }
        Action::Beat { worker } => {
            let worker = worker_id(*worker);
            let life = life(store, worker).await;
            store.beat(worker, life, Standing::Open, 7, &[(job, epoch(0))], 6_000).await.unwrap();
            return;
        }
        Action::Restart { worker: number } => {
            let life = Incarnation::from_uuid(Uuid::new_v4());
            store.register_worker(&worker(worker_id(*number), life)).await.unwrap();
            return;
        }
        Action::Figures => {
            store.put_statistics(&[figures(job, epoch(0), "{}")]).await.unwrap();
            return;
        }
        Action::User(event) => (event.clone(), CommitGuard::Version),
        Action::Admit { generations_back } => {
            let generation =
                present.as_ref().map_or(1, |job| job.generation.saturating_sub(*generations_back));
            (Event::Admitted { generation }, CommitGuard::Version)
        }
        Action::Place { worker } => {
            let worker = worker_id(*worker);
            let incarnation = life(store, worker).await;
            let guard = CommitGuard::WorkerHasRoom { worker, incarnation, load_limit: Some(LOAD_LIMIT) };
            (Event::Placed { worker, incarnation }, guard)
        }
        Action::Report { state, epochs_back } => {
            (Event::Reported { epoch: epoch(*epochs_back), state: state.clone() }, CommitGuard::Version)
        }
        Action::Lapse { epochs_back } => {
            (Event::LeaseLapsed { epoch: epoch(*epochs_back) }, CommitGuard::Version)
        }
    };
    match apply(store, job, &event, guard).await {
        Ok(Applied::Moved { job, .. }) => {
            seen.phases.insert(job.phase.name().as_str());
            if let (Event::Placed { .. }, Some(run)) = (&event, job.phase.run()) {
                seen.runs.push((job.id, run.clone()));
            }
        }
        Ok(_) | Err(StoreError::Contended(_)) => {}
        Err(error) => panic!("{event:?}: {error}"),
    }
}

fn number(job: JobId) -> u128 {
    (1..=JOBS).find(|number| id(*number) == job).unwrap()
}

/// What must hold when all is quiet.
async fn check(store: &RedisStore, seen: &[Seen]) {
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    let jobs = store.list(None, 100).await.unwrap().jobs;
    for worker in store.workers().await.unwrap() {
        assert!(worker.load_millicores <= LOAD_LIMIT + 500, "{worker:?}");
        let held: u32 = jobs
            .iter()
            .filter(|stored| stored.job.phase.run().is_some_and(|run| run.worker == worker.id))
            .map(|stored| stored.job.cost_millicores)
            .sum();
        assert_eq!(worker.load_millicores, held);
    }
    let mut runs = BTreeMap::new();
    for (job, run) in seen.iter().flat_map(|seen| &seen.runs) {
        // Two tasks that computed the very same record both take it for theirs.
        let known = runs.entry((job, run.epoch)).or_insert(run);
        assert_eq!(*known, run, "an epoch was given to two runs");
    }
}

#[test]
fn indexes_follow_from_records_whatever_happens_at_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(RedisServer::start()).unwrap();
    let mut runner = TestRunner::new(Cases {
        cases: 40,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Cases::default()
    });
    let case = std::sync::atomic::AtomicU32::new(0);
    let reached = std::sync::Mutex::new(BTreeSet::new());
    let tasks = proptest::collection::vec(proptest::collection::vec(action(), 20..60), 3);
    runner
        .run(&tasks, |tasks| {
            let number = case.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            runtime.block_on(async {
                let prefix = format!("{number}:");
                let config =
                    Config { url: server.url(), prefix, command_timeout_ms: 20_000, ..Config::default() };
                // Each task has a connection of its own, as each scheduler does.
                let setup = RedisStore::connect(&config).unwrap();
                for number in 0..WORKERS {
                    setup.register_worker(&worker(worker_id(number), LIFE)).await.unwrap();
                }
                for number in 1..JOBS {
                    setup
                        .create(&new_job(number, ez_domain::units::Timestamp::from_millis(5)))
                        .await
                        .unwrap();
                }
                let rivals = tasks.iter().map(async |actions| {
                    let store = RedisStore::connect(&config).unwrap();
                    let mut seen = Seen::default();
                    for (job, action) in actions {
                        act(&store, id(*job), action, &mut seen).await;
                    }
                    seen
                });
                let seen = futures::future::join_all(rivals).await;
                check(&setup, &seen).await;
                reached.lock().unwrap().extend(seen.into_iter().flat_map(|seen| seen.phases));
            });
            Ok(())
        })
        .unwrap();
    // The events really lead somewhere.
    let reached = reached.into_inner().unwrap();
    for phase in [
        "pending",
        "assigned",
        "streaming",
        "interrupted",
        "stopping",
        "backoff",
        "stopped",
        "failed",
        "deleting",
    ] {
        assert!(reached.contains(phase), "no job was ever {phase}: {reached:?}");
    }
}

//! Capacity, placement guards and figures.

use ez_domain::id::{Epoch, Incarnation, WorkerId};
use ez_domain::job::Phase;
use ez_domain::placement::Standing;
use futures::future::join;
use uuid::Uuid;

use super::fixture::{
    COST, changed, ended, figures, job_id, loaded, placed, queued, registered, running, the_worker, worker,
};
use super::{LIFE, WORKER};
use crate::store::{CommitGuard, RunFigures, Store, Totals};

const OTHER_LIFE: Incarnation = Incarnation::from_uuid(Uuid::from_u128(0x22FE));

const fn room(load_limit: Option<u32>) -> CommitGuard {
    CommitGuard::WorkerHasRoom { worker: WORKER, incarnation: LIFE, load_limit }
}

/// Tries to place a queued job on the worker.
async fn place(store: &dyn Store, number: u128, guard: CommitGuard) -> bool {
    let before = loaded(store, job_id(number)).await;
    let next = placed(&before, WORKER, LIFE);
    store.commit(&before.job, before.version, &next, guard).await.expect("commit")
}

/// Of two schedulers that place on the last room of a worker, one wins; without the guard both do.
pub async fn the_last_place_is_given_once(store: &dyn Store) {
    registered(store).await;
    for round in 0..50 {
        let (a, b) = (2 * round + 1, 2 * round + 2);
        queued(store, a).await;
        queued(store, b).await;
        // The first run is always accepted, so the limit only matters from the second on.
        let limit = if round % 2 == 0 { None } else { Some(0) };
        let (won_a, won_b) = join(place(store, a, room(limit)), place(store, b, room(limit))).await;
        assert!(won_a != won_b, "round {round}: {won_a} and {won_b}");
        let worker = the_worker(store).await;
        assert_eq!((worker.load_millicores, worker.runs.len()), (COST, 1), "round {round}");
        ended(store, if won_a { job_id(a) } else { job_id(b) }).await;
        ended(store, if won_a { job_id(b) } else { job_id(a) }).await;
    }
    queued(store, 201).await;
    queued(store, 202).await;
    let unguarded = CommitGuard::Version;
    assert_eq!(join(place(store, 201, unguarded), place(store, 202, unguarded)).await, (true, true));
}

/// The guard looks at registration, life, draining, load and ports.
pub async fn a_full_or_absent_worker_is_refused(store: &dyn Store) {
    queued(store, 1).await;
    assert!(!place(store, 1, room(Some(u32::MAX))).await, "not registered");
    store.register_worker(&worker(WORKER, OTHER_LIFE)).await.expect("register");
    assert!(!place(store, 1, room(Some(u32::MAX))).await, "another life");
    let draining = crate::WorkerRecord { standing: Standing::Draining, ..worker(WORKER, LIFE) };
    store.register_worker(&draining).await.expect("register");
    assert!(!place(store, 1, room(Some(u32::MAX))).await, "draining");
    registered(store).await;
    store.beat(WORKER, LIFE, Standing::Draining, 0, &[], 6_000).await.expect("beat");
    assert!(!place(store, 1, room(None)).await, "draining by its last beat");
    store.beat(WORKER, LIFE, Standing::DiskFull, 0, &[], 6_000).await.expect("beat");
    assert_eq!(store.workers().await.expect("workers")[0].standing, Standing::DiskFull);
    assert!(!place(store, 1, room(None)).await, "its disk is full");

    let two_ports = crate::WorkerRecord { max_runs: 2, ..worker(WORKER, LIFE) };
    store.register_worker(&two_ports).await.expect("register");
    assert!(place(store, 1, room(None)).await, "an empty worker takes one run whatever it costs");
    queued(store, 2).await;
    assert!(!place(store, 2, room(None)).await, "but one only");
    assert!(!place(store, 2, room(Some(COST - 1))).await, "load above the limit");
    assert!(place(store, 2, room(Some(COST))).await, "load at the limit");
    queued(store, 3).await;
    assert!(!place(store, 3, room(Some(u32::MAX))).await, "no port is left");
    ended(store, job_id(1)).await;
    assert!(place(store, 3, room(Some(u32::MAX))).await, "a port is free again");
    store.forget_worker(WORKER).await.expect("forget");
    queued(store, 4).await;
    assert!(!place(store, 4, room(Some(u32::MAX))).await, "forgotten");
}

/// A run counts from its placement to its end, once, also when a commit is repeated.
pub async fn capacity_follows_the_runs(store: &dyn Store) {
    registered(store).await;
    let before = queued(store, 1).await;
    let next = placed(&before, WORKER, LIFE);
    for _ in 0..3 {
        assert!(store.commit(&before.job, before.version, &next, room(Some(0))).await.expect("commit"));
    }
    running(store, 2, WORKER, LIFE).await;
    let elsewhere = WorkerId::from_uuid(Uuid::from_u128(0x88));
    running(store, 3, elsewhere, LIFE).await;
    let worker = the_worker(store).await;
    assert_eq!((worker.load_millicores, worker.runs), (2 * COST, vec![job_id(1), job_id(2)]));
    // Forgetting a worker ends no run, and its load is there when it comes back.
    store.forget_worker(WORKER).await.expect("forget");
    ended(store, job_id(1)).await;
    registered(store).await;
    let worker = the_worker(store).await;
    assert_eq!((worker.load_millicores, worker.runs), (COST, vec![job_id(2)]));
    ended(store, job_id(2)).await;
    let worker = the_worker(store).await;
    assert_eq!((worker.load_millicores, worker.runs), (0, vec![]));
}

/// Figures of an older or unknown run are dropped; those of the last run stay until the next begins.
pub async fn figures_belong_to_the_present_run(store: &dyn Store) {
    let (job, epoch) = running(store, 1, WORKER, LIFE).await;
    let id = job.job.id;
    let put = async |epoch, json| {
        store.put_statistics(&[figures(id, epoch, json)]).await.expect("put");
    };
    let kept = async || loaded(store, id).await.statistics;
    put(epoch, r#"{"fps":25,"bar":"a|b"}"#).await;
    let (received, json) = kept().await.expect("figures");
    assert_eq!(json, r#"{"fps":25,"bar":"a|b"}"#);
    assert!(received >= job.now);
    put(Epoch::new(0), "old").await;
    put(epoch.next(), "of a run that is not there").await;
    assert_eq!(kept().await.expect("figures").1, json);
    assert_eq!(
        store.list(None, 1).await.expect("list").jobs[0].statistics.as_ref().map(|(_, json)| json),
        Some(&json)
    );
    ended(store, id).await;
    put(epoch, "too late").await;
    assert_eq!(kept().await.expect("the last run's figures").1, json);
    changed(store, id, |job| job.phase = Phase::Pending { since: job.created_at, waiting_for: None }).await;
    assert!(place(store, 1, CommitGuard::Version).await);
    assert_eq!(kept().await, None, "the next run has none yet");
    store.put_statistics(&[figures(job_id(9), epoch, "of nobody")]).await.expect("put");
}

/// Those of one heartbeat come at once; what is not of a present run does not keep the others from being kept.
pub async fn figures_of_many_runs_are_kept_at_once(store: &dyn Store) {
    let (first, epoch) = running(store, 1, WORKER, LIFE).await;
    let (second, _) = running(store, 2, WORKER, LIFE).await;
    let (first, second) = (first.job.id, second.job.id);
    store.put_statistics(&[]).await.expect("put nothing");
    let counted = Totals { bytes_ingested: 5, up_seconds: 2, active_seconds: 1 };
    let together = [
        figures(first, epoch, "first"),
        figures(job_id(9), epoch, "of nobody"),
        figures(first, epoch.next(), "of a run that is not there"),
        RunFigures { counted, ..figures(second, epoch, "second") },
    ];
    store.put_statistics(&together).await.expect("put");
    let kept = async |id| loaded(store, id).await;
    assert_eq!(kept(first).await.statistics.expect("figures").1, "first");
    assert_eq!(kept(second).await.statistics.expect("figures").1, "second");
    assert_eq!((kept(first).await.totals, kept(second).await.totals), (Totals::default(), counted));
}

/// What each transcoder of each run counted from zero adds up; a stopped job keeps it.
pub async fn totals_grow_over_runs_and_transcoders(store: &dyn Store) {
    let counted =
        |bytes_ingested, up_seconds, active_seconds| Totals { bytes_ingested, up_seconds, active_seconds };
    let (job, epoch) = running(store, 1, WORKER, LIFE).await;
    let id = job.job.id;
    let put = async |epoch, counted| {
        let figures = RunFigures { counted, ..figures(id, epoch, "{}") };
        store.put_statistics(&[figures]).await.expect("put");
    };
    let totals = async || loaded(store, id).await.totals;
    assert_eq!(totals().await, Totals::default());
    put(epoch, counted(1000, 10, 0)).await;
    put(epoch, counted(3000, 12, 2)).await;
    assert_eq!(totals().await, counted(3000, 12, 2));
    // The transcoder was started again within the run.
    put(epoch, counted(0, 1, 0)).await;
    put(epoch, counted(500, 3, 1)).await;
    assert_eq!(totals().await, counted(3500, 15, 3));
    put(epoch.next(), counted(9, 9, 9)).await;
    assert_eq!(totals().await, counted(3500, 15, 3), "not of the present run");

    ended(store, id).await;
    assert_eq!(totals().await, counted(3500, 15, 3));
    changed(store, id, |job| job.phase = Phase::Pending { since: job.created_at, waiting_for: None }).await;
    assert!(place(store, 1, CommitGuard::Version).await);
    let epoch = loaded(store, id).await.job.phase.run().expect("a run").epoch;
    // Though it is up for longer than the one before was.
    put(epoch, counted(u64::from(u32::MAX) * 1000, 20, 20)).await;
    assert_eq!(totals().await, counted(u64::from(u32::MAX) * 1000 + 3500, 35, 23));
}

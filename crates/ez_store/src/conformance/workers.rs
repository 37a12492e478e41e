//! Registration and heartbeats.

use ez_domain::id::{Incarnation, WorkerId};
use ez_domain::placement::Standing;
use uuid::Uuid;

use super::fixture::{COST, changed, ended, figures, job_id, registered, running, the_worker, worker};
use super::{LIFE, WORKER, until};
use crate::store::{Store, WorkerRecord};

const NEXT_LIFE: Incarnation = Incarnation::from_uuid(Uuid::from_u128(0x33FE));

/// What the store keeps of a worker is the store's own; the rest is as it registered.
pub async fn workers_come_and_go(store: &dyn Store) {
    assert_eq!(store.workers().await.expect("workers"), []);
    let start = store.now().await.expect("the clock");
    let boasting = WorkerRecord { load_millicores: 9, runs: vec![job_id(1)], ..worker(WORKER, LIFE) };
    store.register_worker(&boasting).await.expect("register");
    let first = the_worker(store).await;
    assert!(first.registered_at >= start && first.last_beat_at == first.registered_at);
    let expected = WorkerRecord {
        registered_at: first.registered_at,
        last_beat_at: first.last_beat_at,
        ..worker(WORKER, LIFE)
    };
    assert_eq!(first, expected);

    let beaten = until("a beat in a later millisecond", async || {
        assert!(store.beat(WORKER, LIFE, Standing::Draining, 1_234, &[], 6_000).await.expect("beat").known);
        Some(the_worker(store).await).filter(|worker| worker.last_beat_at > first.last_beat_at)
    })
    .await;
    assert_eq!((beaten.standing, beaten.used_millicores), (Standing::Draining, 1_234));
    assert_eq!(beaten.registered_at, first.registered_at);
    registered(store).await;
    assert_eq!(the_worker(store).await.registered_at, first.registered_at, "the same life registered again");

    let other = WorkerId::from_uuid(Uuid::from_u128(0x88));
    store.register_worker(&worker(other, LIFE)).await.expect("register");
    assert_eq!(store.workers().await.expect("workers").len(), 2);
    store.forget_worker(WORKER).await.expect("forget");
    store.forget_worker(WORKER).await.expect("forget twice");
    let left: Vec<_> = store.workers().await.expect("workers").iter().map(|worker| worker.id).collect();
    assert_eq!(left, [other]);
    let reply = store.beat(WORKER, LIFE, Standing::Open, 0, &[], 6_000).await.expect("beat");
    assert!(!reply.known && reply.jobs.is_empty(), "a forgotten worker has to register again");
}

/// The runs of the old life are not the new one's, but count until they are given up.
pub async fn a_new_life_replaces_the_old_one(store: &dyn Store) {
    registered(store).await;
    let (_, epoch) = running(store, 1, WORKER, LIFE).await;
    store.register_worker(&worker(WORKER, NEXT_LIFE)).await.expect("register");
    let now = the_worker(store).await;
    assert_eq!((now.incarnation, now.load_millicores, now.runs), (NEXT_LIFE, COST, vec![job_id(1)]));
    let run = [(job_id(1), epoch)];
    let old = store.beat(WORKER, LIFE, Standing::Open, 0, &run, 6_000).await.expect("beat");
    assert!(!old.known && old.jobs.is_empty(), "the old life is over");
    let new = store.beat(WORKER, NEXT_LIFE, Standing::Open, 0, &run, 6_000).await.expect("beat");
    assert!(new.known && new.jobs.is_empty(), "the old life's run is not to be held");
    running(store, 2, WORKER, NEXT_LIFE).await;
    let new = store.beat(WORKER, NEXT_LIFE, Standing::Open, 0, &[], 6_000).await.expect("beat");
    assert_eq!(new.jobs.iter().map(|stored| stored.job.id).collect::<Vec<_>>(), [job_id(2)]);
}

/// The reply is the full set, whatever the worker named.
pub async fn a_beat_brings_what_the_worker_holds(store: &dyn Store) {
    registered(store).await;
    let held = async || {
        let reply = store.beat(WORKER, LIFE, Standing::Open, 0, &[], 6_000).await.expect("beat");
        assert!(reply.known);
        let mut jobs = reply.jobs;
        jobs.sort_by_key(|stored| stored.job.id);
        jobs
    };
    assert_eq!(held().await, []);
    let (first, epoch) = running(store, 1, WORKER, LIFE).await;
    let (second, _) = running(store, 2, WORKER, LIFE).await;
    running(store, 3, WorkerId::from_uuid(Uuid::from_u128(0x88)), LIFE).await;
    store.put_statistics(&[figures(first.job.id, epoch, "{}")]).await.expect("put");
    let jobs = held().await;
    assert_eq!(jobs.iter().map(|stored| &stored.job).collect::<Vec<_>>(), [&first.job, &second.job]);
    assert_eq!(jobs.iter().map(|stored| stored.version).collect::<Vec<_>>(), [first.version, second.version]);
    assert_eq!(jobs[0].statistics, None, "figures are not for the worker that sent them");
    assert!(jobs[0].now >= first.now);
    // Named or not, changed or not: what comes is true now.
    let named = async || {
        let reply = store.beat(WORKER, LIFE, Standing::Open, 0, &[(first.job.id, epoch)], 6_000).await;
        let mut jobs = reply.expect("beat").jobs;
        jobs.sort_by_key(|stored| stored.job.id);
        jobs.into_iter().map(|stored| (stored.job, stored.version)).collect::<Vec<_>>()
    };
    let mut expected = vec![(first.job.clone(), first.version), (second.job.clone(), second.version)];
    for _ in 0..2 {
        assert_eq!(named().await, expected);
    }
    let after = changed(store, first.job.id, |job| job.generation += 1).await;
    expected[0] = (after.job, after.version);
    for _ in 0..2 {
        assert_eq!(named().await, expected);
    }
    ended(store, first.job.id).await;
    assert_eq!(named().await, expected[1..]);
    assert_eq!(held().await.iter().map(|stored| stored.job.id).collect::<Vec<_>>(), [job_id(2)]);
}

//! Workers that fall silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ez_api::internal::RunOrder;
use ez_domain::id::{Epoch, JobId};
use ez_domain::job::Phase;
use ez_store::Store as _;
use ez_testkit::wait::eventually;
use scheduler::Timing;
use tokio::time::{Instant, interval, timeout};

use super::cluster::{Cluster, SOON, quick};
use super::distorted::Distorted;
use super::worker::{Worker, obey, status, streaming};

#[tokio::test]
async fn a_lapsed_run_goes_on_elsewhere_under_a_higher_epoch() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let silent = Worker::join(&scheduler.url).await;
    let job = cluster.create_and_announce(500).await;
    let first = silent.until_ordered(job).await;
    silent.beat(vec![status(job, first.epoch, streaming())]).await;

    let other = Worker::join(&scheduler.url).await;
    let second = other.until_ordered(job).await;
    assert_eq!((first.epoch, second.epoch), (Epoch::new(1), Epoch::new(2)));
    other.beat(vec![status(job, second.epoch, streaming())]).await;

    let reply = silent.beat(vec![status(job, first.epoch, streaming())]).await;
    assert!(reply.known && reply.runs.is_empty(), "the late worker must end its run: {reply:?}");
    let now = cluster.job(job).await;
    assert!(matches!(&now.phase, Phase::Streaming { run, .. } if run.worker == other.id), "{:?}", now.phase);
    cluster.audit().await;
    scheduler.stop().await.unwrap();
}

/// Beats at the pace of a worker, each time keeping the run of `order`, until the scheduler has given up
/// the run of `control`, whose worker is silent: so this test waits for what silence leads to, not for a time.
async fn keep_beating_until_given_up(cluster: &Cluster, worker: &Worker, order: &RunOrder, control: JobId) {
    let mut pace = interval(quick().heartbeat);
    let beating = async {
        loop {
            let reply = worker.beat(vec![status(order.job, order.epoch, streaming())]).await;
            let kept = reply.runs.iter().find(|kept| kept.job == order.job);
            assert_eq!(kept.map(|kept| kept.epoch), Some(order.epoch), "{reply:?}");
            if cluster.job(control).await.phase.run().is_none() {
                return;
            }
            pace.tick().await;
        }
    };
    timeout(SOON, beating).await.expect("the silent worker's run is given up");
}

#[tokio::test]
async fn a_worker_that_beats_keeps_its_run() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let silent = Worker::join_for_one(&scheduler.url).await;
    let control = cluster.create_and_announce(500).await;
    let lost = silent.until_ordered(control).await;
    silent.beat(vec![status(control, lost.epoch, streaming())]).await;

    let beating = Worker::join_for_one(&scheduler.url).await;
    let job = cluster.create_and_announce(500).await;
    let order = beating.until_ordered(job).await;
    keep_beating_until_given_up(&cluster, &beating, &order, control).await;
    assert_eq!(cluster.job(job).await.last_epoch, Epoch::new(1));
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn a_scheduler_that_just_started_gives_nobody_up() {
    let cluster = Cluster::start().await;
    let before = cluster.scheduler(quick()).await;
    let worker = Worker::join_for_one(&before.url).await;
    let job = cluster.create_and_announce(500).await;
    let order = worker.until_ordered(job).await;
    worker.beat(vec![status(job, order.epoch, streaming())]).await;
    before.stop().await.unwrap();
    eventually(SOON, "the lease to lapse", || async {
        let lapsed = cluster.store.lapsed(10).await.unwrap();
        if lapsed == [(job, order.epoch)] { Ok(()) } else { Err(format!("{lapsed:?}")) }
    })
    .await
    .unwrap();

    let began = Instant::now();
    let after = cluster.scheduler(quick()).await;
    cluster.until(job, "the run to be given up", |job| job.phase.run().is_none()).await;
    assert!(began.elapsed() >= quick().lease * 2, "given up after {:?}", began.elapsed());
    after.stop().await.unwrap();

    // The same again, but one of two workers comes back while the brake holds.
    let third = cluster.scheduler(quick()).await;
    let worker = Worker { scheduler: third.url.clone(), ..worker };
    let order = worker.until_ordered(job).await;
    worker.beat(vec![status(job, order.epoch, streaming())]).await;
    let gone = Worker::join_for_one(&third.url).await;
    let control = cluster.create_and_announce(500).await;
    let lost = gone.until_ordered(control).await;
    gone.beat(vec![status(control, lost.epoch, streaming())]).await;
    third.stop().await.unwrap();
    eventually(SOON, "both leases to lapse", || async {
        let lapsed = cluster.store.lapsed(10).await.unwrap();
        let both = [(job, order.epoch), (control, lost.epoch)];
        if both.iter().all(|run| lapsed.contains(run)) { Ok(()) } else { Err(format!("{lapsed:?}")) }
    })
    .await
    .unwrap();
    let fourth = cluster.scheduler(quick()).await;
    let worker = Worker { scheduler: fourth.url.clone(), ..worker };
    keep_beating_until_given_up(&cluster, &worker, &order, control).await;
    fourth.stop().await.unwrap();
}

#[tokio::test]
async fn a_dead_worker_without_runs_is_forgotten() {
    let cluster = Cluster::start().await;
    let scheduler =
        cluster.scheduler(Timing { forgotten_after: Duration::from_millis(1200), ..quick() }).await;
    let (dead, live) = (Worker::join(&scheduler.url).await, Worker::join(&scheduler.url).await);
    eventually(SOON, "the dead worker to be forgotten", || async {
        live.beat(Vec::new()).await;
        let workers: Vec<_> = cluster.store.workers().await.unwrap().iter().map(|worker| worker.id).collect();
        if workers == [live.id] { Ok(()) } else { Err(format!("{workers:?}")) }
    })
    .await
    .unwrap();
    assert!(!dead.beat(Vec::new()).await.known);
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn a_silent_worker_is_given_nothing_new() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let silent = Worker::join(&scheduler.url).await;
    eventually(SOON, "the worker to be suspected", || async {
        let workers: serde_json::Value = silent.get("/workers").await.json().await.unwrap();
        if workers[0]["state"] == "suspect" { Ok(()) } else { Err(workers.to_string()) }
    })
    .await
    .unwrap();
    let job = cluster.create_and_announce(500).await;
    cluster.until(job, "the reason", |job| job.reason().contains("heartbeats are overdue")).await;
    let reply = silent.beat(Vec::new()).await;
    assert!(obey(&reply).is_empty());
    silent.until_ordered(job).await;
    scheduler.stop().await.unwrap();
}

/// Waits until the brake that holds after the start is released: a control run of a silent worker is given up.
async fn released(cluster: &Cluster, url: &str) {
    let silent = Worker::join_for_one(url).await;
    let control = cluster.create_and_announce(500).await;
    let lost = silent.until_ordered(control).await;
    silent.beat(vec![status(control, lost.epoch, streaming())]).await;
    cluster.until(control, "the end of the control run", |job| job.phase.run().is_none()).await;
}

/// Beats until it is heard, and for as long as the brake may hold; the run must be kept.
async fn beats_again(cluster: &Cluster, worker: &Worker, order: &RunOrder) {
    let until = Instant::now() + quick().lease * 3;
    let mut pace = interval(quick().heartbeat);
    while Instant::now() < until {
        pace.tick().await;
        let reply = worker.beat(vec![status(order.job, order.epoch, streaming())]).await;
        assert_eq!(reply.runs, std::slice::from_ref(order));
    }
    assert_eq!(cluster.job(order.job).await.last_epoch, order.epoch);
}

/// A full disk, a lost replica or a memory limit: Redis answers every question and takes no heartbeat.
#[tokio::test]
async fn a_store_that_takes_no_writes_costs_no_run() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    released(&cluster, &scheduler.url).await;
    let worker = Worker::join_for_one(&scheduler.url).await;
    let job = cluster.create_and_announce(500).await;
    let order = worker.until_ordered(job).await;
    worker.beat(vec![status(job, order.epoch, streaming())]).await;

    cluster.redis.configure("min-replicas-to-write", "1").await.unwrap();
    eventually(SOON, "the end of the lease", || async {
        let lapsed = cluster.store.lapsed(10).await.unwrap();
        if lapsed.contains(&(job, order.epoch)) { Ok(()) } else { Err(format!("{lapsed:?}")) }
    })
    .await
    .unwrap();
    cluster.redis.configure("min-replicas-to-write", "0").await.unwrap();
    // Its heartbeats come a little later than the first looks of the scheduler.
    tokio::time::sleep(quick().sweep_every * 5).await;
    beats_again(&cluster, &worker, &order).await;
    scheduler.stop().await.unwrap();
}

/// As a corrected clock of the host of Redis does: all leases lapse and all workers have been silent for an hour.
#[tokio::test]
async fn a_clock_that_leaps_costs_no_run() {
    const HOUR_MS: u64 = 3_600_000;
    let cluster = Cluster::start().await;
    let ahead = Arc::new(AtomicU64::new(0));
    let mut app = cluster.app(quick());
    app.store = Arc::new(Distorted::with_clock_ahead_by(cluster.store.clone(), &ahead));
    let scheduler = cluster.serve(app).await;
    released(&cluster, &scheduler.url).await;
    let worker = Worker::join_for_one(&scheduler.url).await;
    let job = cluster.create_and_announce(500).await;
    let order = worker.until_ordered(job).await;
    worker.beat(vec![status(job, order.epoch, streaming())]).await;

    // The clock itself cannot be set: what is told of it can be later, and what was measured by it earlier.
    ahead.store(HOUR_MS, Ordering::SeqCst);
    tokio::time::sleep(quick().sweep_every * 5).await;
    let mut connection = cluster.redis.connection().await.unwrap();
    let shifted: f64 = redis::cmd("ZINCRBY")
        .arg("leases")
        .arg(-i64::try_from(HOUR_MS).unwrap())
        .arg(job.to_string())
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!(shifted > 0.0);
    tokio::time::sleep(quick().sweep_every * 5).await;
    beats_again(&cluster, &worker, &order).await;
    scheduler.stop().await.unwrap();
}

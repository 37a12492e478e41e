//! What a scheduler tells: its own counts, and the installation's facts.

use ez_domain::job::Phase;
use ez_testkit::metrics::Exposition;
use ez_testkit::wait::eventually;

use super::cluster::{Cluster, SOON, Scheduler, TOKEN, quick, stream_key};
use super::worker::{Worker, exited, status, streaming};

/// What the scheduler tells to somebody without a token.
pub(crate) async fn told(scheduler: &Scheduler) -> Exposition {
    let answer = reqwest::get(format!("{}/metrics", scheduler.url)).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    Exposition::parse(&answer.text().await.unwrap()).unwrap()
}

/// Waits until a figure is as it should be.
pub(crate) async fn until_told(
    scheduler: &Scheduler,
    name: &str,
    labels: &[(&str, &str)],
    holds: impl Fn(f64) -> bool,
) -> Exposition {
    eventually(SOON, name, || async {
        let told = told(scheduler).await;
        match told.value(name, labels) {
            Some(value) if holds(value) => Ok(told),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_job_is_seen_from_its_wait_to_its_end() {
    let cluster = Cluster::start().await;
    let (scheduler, rival) = (cluster.scheduler(quick()).await, cluster.scheduler(quick()).await);
    let none = told(&scheduler).await;
    assert_eq!(none.value("ezls_jobs", &[("state", "created"), ("phase", "pending")]), Some(0.0));
    assert_eq!(none.value("ezls_scheduler_oldest_pending_seconds", &[]), Some(0.0));

    let job = cluster.create_and_announce(500).await;
    let reason = [("reason", "no_worker")];
    let waiting = until_told(&scheduler, "ezls_scheduler_unplaced_jobs", &reason, |jobs| jobs == 1.0).await;
    assert_eq!(waiting.value("ezls_jobs", &[("state", "created"), ("phase", "pending")]), Some(1.0));
    assert_eq!(waiting.value("ezls_scheduler_pending_jobs", &[]), Some(1.0));
    assert!(waiting.value("ezls_scheduler_oldest_pending_seconds", &[]) > Some(0.0));
    assert_eq!(waiting.value("ezls_outbox_jobs", &[]), Some(0.0));
    // It was taken up, and is removed a moment later.
    until_told(&scheduler, "ezls_commands_waiting", &[], |commands| commands == 0.0).await;

    let worker = Worker::join(&scheduler.url).await;
    let order = worker.until_ordered(job).await;
    worker.beat(vec![status(job, order.epoch, streaming())]).await;
    let id = worker.id.to_string();
    let by_worker = [("worker_id", id.as_str())];
    let placed = until_told(&scheduler, "ezls_scheduler_unplaced_jobs", &reason, |jobs| jobs == 0.0).await;
    assert_eq!(placed.value("ezls_jobs", &[("state", "streaming"), ("phase", "streaming")]), Some(1.0));
    assert_eq!(placed.value("ezls_worker_load_units", &by_worker), Some(0.5));
    assert_eq!(placed.value("ezls_worker_capacity_units", &by_worker), Some(4.0));
    assert_eq!(placed.value("ezls_workers", &[("state", "ready")]), Some(1.0));
    assert!(placed.value("ezls_heartbeats_total", &[("result", "known")]) >= Some(2.0));
    assert!(
        placed.value("ezls_scheduler_looks_total", &[("chore", "planner"), ("result", "ok")]) >= Some(1.0)
    );

    // Counters are those of one scheduler, facts those of all.
    let other = told(&rival).await;
    let sum = |name| told_sum(name, &[&placed, &other]);
    assert_eq!(sum("ezls_placements_total"), 1.0);
    assert_eq!(sum("ezls_assign_seconds_count"), 1.0);
    let taken =
        |told: &Exposition| told.value("ezls_commands_taken_up_total", &[("source", "queue")]).unwrap_or(0.0);
    assert_eq!(taken(&placed) + taken(&other), 1.0);
    assert_eq!(other.value("ezls_jobs", &[("state", "streaming"), ("phase", "streaming")]), Some(1.0));

    worker.beat(vec![status(job, order.epoch, exited())]).await;
    assert!(!matches!(cluster.job(job).await.phase, Phase::Streaming { .. }));
    let ended = told(&scheduler).await;
    assert_eq!(ended.value("ezls_jobs", &[("state", "streaming"), ("phase", "streaming")]), Some(0.0));
    assert_eq!(ended.undocumented("scheduler").unwrap(), Vec::<String>::new());
    let text = reqwest::get(format!("{}/metrics", scheduler.url)).await.unwrap().text().await.unwrap();
    for secret in [TOKEN, &stream_key(job)] {
        assert!(!text.contains(secret), "{secret} is told");
    }
    for scheduler in [scheduler, rival] {
        scheduler.stop().await.unwrap();
    }
}

fn told_sum(name: &str, tellers: &[&Exposition]) -> f64 {
    tellers.iter().map(|told| told.value(name, &[]).unwrap_or(0.0)).sum()
}

#[tokio::test]
async fn a_run_that_is_given_up_is_counted() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let worker = Worker::join(&scheduler.url).await;
    let job = cluster.create_and_announce(500).await;
    let order = worker.until_ordered(job).await;
    worker.beat(vec![status(job, order.epoch, streaming())]).await;
    let braked = until_told(&scheduler, "ezls_lease_brake_holds", &[], |holds| holds == 1.0).await;
    assert_eq!(braked.value("ezls_runs_given_up_total", &[]), Some(0.0));
    let given_up = until_told(&scheduler, "ezls_runs_given_up_total", &[], |runs| runs == 1.0).await;
    assert_eq!(given_up.value("ezls_job_restarts_total", &[]), Some(1.0));
    assert_eq!(given_up.value("ezls_lease_brake_holds", &[]), Some(0.0));
    let id = worker.id.to_string();
    assert!(given_up.value("ezls_worker_heartbeat_age_seconds", &[("worker_id", &id)]) > Some(1.0));
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn without_its_store_it_tells_what_it_knows() {
    let mut cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    assert_eq!(told(&scheduler).await.value("ezls_state_store_up", &[]), Some(1.0));
    cluster.redis.kill().unwrap();
    let away = until_told(&scheduler, "ezls_state_store_up", &[], |up| up == 0.0).await;
    assert_eq!(away.value("ezls_command_queue_up", &[]), Some(1.0));
    assert!(away.series("ezls_jobs").is_empty(), "nothing is made up");
    let failed = [("chore", "planner"), ("result", "failed")];
    until_told(&scheduler, "ezls_scheduler_looks_total", &failed, |looks| looks >= 1.0).await;
    cluster.redis.restart().await.unwrap();
    until_told(&scheduler, "ezls_state_store_up", &[], |up| up == 1.0).await;
    scheduler.stop().await.unwrap();
}

//! Commands arrive, whatever queue and store do meanwhile.

use std::time::Duration;

use ez_domain::job::Phase;
use ez_domain::lifecycle::Event;
use ez_queue::{Command, CommandQueue as _};
use ez_store::Store as _;
use ez_testkit::wait::eventually;
use reqwest::StatusCode;
use scheduler::Timing;

use super::cluster::{Cluster, SOON, quick};
use super::worker::{Worker, listening, status};

#[tokio::test]
async fn what_the_queue_lost_is_made_up_by_the_outbox() {
    let cluster = Cluster::start().await;
    let never_announced = cluster.create(500).await;
    let scheduler = cluster.scheduler(Timing { outbox_age: Duration::from_millis(300), ..quick() }).await;
    let worker = Worker::join(&scheduler.url).await;
    worker.until_ordered(never_announced).await;
    assert!(!cluster.job(never_announced).await.is_in_outbox());
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn void_commands_leave_the_queue_and_change_nothing() {
    let cluster = Cluster::start().await;
    let (stopped, gone) = (cluster.create(500).await, cluster.create(500).await);
    // Stopped and resumed before anybody took up the first command.
    cluster.wish(stopped, Event::StopRequested).await;
    cluster.wish(stopped, Event::StartRequested).await;
    let stored = cluster.stored(gone).await;
    assert!(cluster.store.remove(&stored.job, stored.version).await.unwrap());
    for command in [Command { job: stopped, generation: 1 }, Command { job: gone, generation: 1 }] {
        cluster.queue.send(command).await.unwrap();
    }
    let scheduler = cluster.scheduler(quick()).await;
    let marker = cluster.create_and_announce(500).await;
    cluster.until(marker, "the command behind them", |job| !job.is_in_outbox()).await;
    assert!(cluster.job(stopped).await.is_in_outbox(), "the command of the first life is void");
    // Delivered again after 500 ms unless it was acknowledged.
    cluster.announce(stopped).await;
    cluster.until(stopped, "the real command", |job| !job.is_in_outbox()).await;
    scheduler.stop().await.unwrap();
    let left = cluster.queue.receive(Duration::from_millis(1500)).await.unwrap();
    assert!(left.is_empty(), "everything was acknowledged: {left:?}");
    assert_eq!(cluster.queue.parked().await.unwrap(), 0);
}

#[tokio::test]
async fn the_store_is_away_and_comes_back() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let worker = Worker::join(&scheduler.url).await;
    let on_air = cluster.create_and_announce(500).await;
    let order = worker.until_ordered(on_air).await;
    let report = || vec![status(on_air, order.epoch, listening())];
    worker.beat(report()).await;
    assert_eq!(worker.get("/readyz").await.status(), StatusCode::OK);
    let waiting = cluster.create(500).await;

    cluster.redis.pause().unwrap();
    let response = worker.post("/heartbeat", &worker.heartbeat(report())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(worker.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(worker.get("/healthz").await.status(), StatusCode::OK);
    // The queue works, so the command is received, and must not be lost.
    cluster.queue.send(Command { job: waiting, generation: 1 }).await.unwrap();
    eventually(SOON, "the lease to lapse while the store is away", || async {
        // Each look takes as long as a call may; eight of them are far more than lease and grace.
        let mut refused = 0;
        while refused < 8 {
            let status = worker.post("/heartbeat", &worker.heartbeat(report())).await.status();
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            refused += 1;
        }
        Ok::<_, String>(())
    })
    .await
    .unwrap();
    cluster.redis.resume().unwrap();

    let reply = eventually(SOON, "an answer", || async {
        let response = worker.post("/heartbeat", &worker.heartbeat(report())).await;
        if response.status() == StatusCode::OK { Ok(response) } else { Err(response.status()) }
    })
    .await
    .unwrap();
    let reply: ez_api::internal::HeartbeatReply = reply.json().await.unwrap();
    assert_eq!(reply.runs.first(), Some(&order), "the run is still this worker's");
    cluster.until(waiting, "the command that came meanwhile", |job| !job.is_in_outbox()).await;
    let job = cluster.job(on_air).await;
    assert!(matches!(job.phase, Phase::Listening { .. }) && job.restarts == 0, "{:?}", job.phase);
    cluster.audit().await;
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn the_queue_is_away_and_comes_back() {
    let mut cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let worker = Worker::join(&scheduler.url).await;
    cluster.queue_redis.kill().unwrap();
    eventually(SOON, "the scheduler to be not ready", || async {
        let status = worker.get("/readyz").await.status();
        if status == StatusCode::SERVICE_UNAVAILABLE { Ok(()) } else { Err(status) }
    })
    .await
    .unwrap();
    assert!(worker.beat(Vec::new()).await.known, "heartbeats need no queue");
    cluster.queue_redis.restart().await.unwrap();
    let job = cluster.create(500).await;
    eventually(SOON, "the queue to take a command", || cluster.queue.send(Command { job, generation: 1 }))
        .await
        .unwrap();
    worker.until_ordered(job).await;
    scheduler.stop().await.unwrap();
}

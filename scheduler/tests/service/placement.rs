//! Which job goes where, with rivals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ez_api::internal::Heartbeat;
use ez_domain::id::{Epoch, JobId, WorkerId};
use ez_domain::job::{Job, Phase, PhaseName};
use ez_domain::placement::Standing;
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_testkit::wait::eventually;
use tokio_util::sync::CancellationToken;

use super::cluster::{Cluster, SOON, quick};
use super::distorted::Distorted;
use super::metrics::told;
use super::worker::{Worker, exited, listening, obey, status};

/// A worker without room on its disk holds what it has and gets nothing new, until it has room again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_disk_is_full_gets_no_job() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let worker = Worker::new(&scheduler.url);
    worker.register().await;
    let full = Heartbeat { standing: Standing::DiskFull, ..worker.heartbeat(Vec::new()) };
    worker.post("/heartbeat", &full).await;
    let job = cluster.create_and_announce(100).await;
    let waits = |job: &Job| matches!(&job.phase, Phase::Pending { waiting_for: Some(why), .. } if why.contains("disks are full"));
    cluster.until(job, "the reason", waits).await;
    worker.beat(Vec::new()).await;
    cluster.until(job, "its place", |job| job.phase.name() == PhaseName::Assigned).await;
}

type Orders = BTreeMap<JobId, BTreeSet<(WorkerId, Epoch)>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rival_schedulers_place_every_job_once_and_keep_the_capacity() {
    let cluster = Cluster::start().await;
    let schedulers = [cluster.scheduler(quick()).await, cluster.scheduler(quick()).await];
    let ended = CancellationToken::new();
    let workers = TaskGroup::new(ended.clone());
    let seen: Arc<Mutex<Orders>> = Arc::default();
    let mut ids = BTreeSet::new();
    for index in 0..3 {
        // Room for 17 jobs each at 85 %, so that 50 jobs nearly fill all three.
        let mut worker = Worker::new(&schedulers[index % 2].url);
        worker.capacity_millicores = 2000;
        worker.max_runs = 17;
        worker.register().await;
        ids.insert(worker.id);
        let (seen, ended) = (Arc::clone(&seen), ended.clone());
        workers.spawn("worker", OnFailure::Log, async move {
            let mut runs = Vec::new();
            while !ended.is_cancelled() {
                let reply = worker.beat(runs).await;
                for order in &reply.runs {
                    seen.lock().unwrap().entry(order.job).or_default().insert((worker.id, order.epoch));
                }
                runs = obey(&reply);
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Ok(())
        });
    }
    let mut jobs = Vec::new();
    for _ in 0..50 {
        jobs.push(cluster.create_and_announce(100).await);
    }
    eventually(SOON * 2, "all jobs to be ordered", || async {
        let ordered = seen.lock().unwrap().len();
        if ordered == jobs.len() { Ok(()) } else { Err(format!("{ordered} so far")) }
    })
    .await
    .unwrap();
    for &job in &jobs {
        let job = cluster.until(job, "the report", |job| job.phase.name() == PhaseName::Listening).await;
        let placed = job.history.iter().filter(|step| step.phase == PhaseName::Assigned).count();
        assert_eq!((placed, job.last_epoch), (1, Epoch::new(1)), "{:?}", job.history);
    }
    for (job, places) in seen.lock().unwrap().iter() {
        assert_eq!(places.len(), 1, "{job} was ordered from {places:?}");
    }
    let records = ez_store::Store::workers(&cluster.store).await.unwrap();
    assert_eq!(records.iter().map(|record| record.id).collect::<BTreeSet<_>>(), ids);
    for record in records {
        assert!(record.load_millicores <= 1700 && record.runs.len() <= 17, "{record:?}");
    }
    cluster.audit().await;

    // The next one to fill the last place, and one that finds none.
    let last = cluster.create_and_announce(100).await;
    cluster.until(last, "the last place", |job| job.phase.run().is_some()).await;
    let too_many = cluster.create_and_announce(100).await;
    let job = cluster.until(too_many, "the reason", |job| job.reason() != "created").await;
    assert!(job.reason().contains("all ingest ports of the 3 ready workers are taken"), "{}", job.reason());
    assert!(workers.finish(SOON).await);
    for scheduler in schedulers {
        scheduler.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_job_without_a_place_says_why_and_gets_the_first_that_is_free() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let small = cluster.create_and_announce(3000).await;
    cluster.until(small, "the reason", |job| job.reason().contains("no worker is registered")).await;

    let worker = Worker::join(&scheduler.url).await;
    let order = worker.until_ordered(small).await;
    let large = cluster.create_and_announce(2000).await;
    let job = cluster.until(large, "the reason", |job| job.reason().contains("needs about 2.00 cores")).await;
    assert!(job.reason().contains("1 ready workers has 0.40 left"), "{}", job.reason());

    cluster.wish(small, ez_domain::lifecycle::Event::StopRequested).await;
    worker.beat(vec![super::worker::status(small, order.epoch, super::worker::exited())]).await;
    worker.until_ordered(large).await;
    cluster.audit().await;
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn a_plan_made_on_an_old_view_cannot_overfill_a_worker() {
    let cluster = Cluster::start().await;
    let mut app = cluster.app(quick());
    app.store = Arc::new(Distorted::looking_empty(cluster.store.clone()));
    let scheduler = cluster.serve(app).await;
    let mut worker = Worker::new(&scheduler.url);
    worker.capacity_millicores = 2000;
    worker.register().await;
    let first = cluster.create_and_announce(1000).await;
    let order = worker.until_ordered(first).await;
    let second = cluster.create_and_announce(1000).await;
    cluster.until(second, "the second job to be planned", |job| !job.is_in_outbox()).await;
    // Many looks of the planner, each of which takes the worker for empty and is refused by the store.
    eventually(SOON, "ten refused placements", || async {
        let reply = worker.beat(vec![status(first, order.epoch, listening())]).await;
        assert_eq!(reply.runs.len(), 1, "{reply:?}");
        assert_eq!(cluster.job(second).await.phase.name(), PhaseName::Pending);
        let refused = told(&scheduler).await.value("ezls_placements_refused_total", &[]);
        if refused >= Some(10.0) { Ok(()) } else { Err(format!("{refused:?}")) }
    })
    .await
    .unwrap();
    cluster.wish(first, ez_domain::lifecycle::Event::StopRequested).await;
    worker.beat(vec![status(first, order.epoch, exited())]).await;
    worker.until_ordered(second).await;
    cluster.audit().await;
    scheduler.stop().await.unwrap();
}

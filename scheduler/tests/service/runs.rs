//! The life of one run, from the order to the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::routing::post;
use ez_api::internal::{RunAction, RunOrder, StreamKeyVerifier};
use ez_domain::id::{Epoch, Incarnation, JobId};
use ez_domain::job::Phase;
use ez_domain::lifecycle::Event;
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_store::{MasterKey, verify};
use ez_testkit::wait::eventually;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::cluster::{Cluster, SOON, TOKEN, quick, spec, stream_key};
use super::worker::{Worker, exited, ingest, listening, status, streaming};

fn verifier(order: &RunOrder) -> &StreamKeyVerifier {
    match &order.action {
        RunAction::Run { stream_key, .. } => stream_key,
        RunAction::Stop | RunAction::Hold => panic!("not an order to run"),
    }
}

fn hold(job: JobId, epoch: Epoch) -> RunOrder {
    RunOrder { job, epoch, action: RunAction::Hold }
}

#[tokio::test]
async fn a_job_runs_and_is_stopped() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let worker = Worker::new(&scheduler.url);
    assert!(!worker.beat(Vec::new()).await.known, "an unknown worker is told to register");
    let registered = worker.register().await;
    assert_eq!((registered.heartbeat_ms, registered.lease_ms), (500, 1500));
    let reply = worker.beat(Vec::new()).await;
    assert!(reply.known && reply.runs.is_empty(), "{reply:?}");

    let job = cluster.create_and_announce(500).await;
    let order = worker.until_ordered(job).await;
    assert_eq!(order.epoch, Epoch::new(1));
    let StreamKeyVerifier { salt, sha256 } = verifier(&order);
    assert!(verify(salt, sha256, &stream_key(job)), "the worker can check the key");
    assert!(!verify(salt, sha256, "another"), "and refuses another");
    assert!(matches!(&order.action, RunAction::Run { spec: ordered, .. } if **ordered == spec()));

    let starting = status(job, order.epoch, ez_domain::lifecycle::RunState::Starting);
    let reply = worker.beat(vec![starting]).await;
    assert_eq!(reply.runs.as_slice(), std::slice::from_ref(&order), "the order stays the same");
    assert!(matches!(cluster.job(job).await.phase, Phase::Assigned { .. }));

    worker.beat(vec![status(job, order.epoch, listening())]).await;
    let stored = cluster.stored(job).await;
    assert!(
        matches!(&stored.job.phase, Phase::Listening { run, .. } if run.ingest == Some(ingest())),
        "{stored:?}"
    );
    let (_, figures) = stored.statistics.expect("figures are kept");
    assert!(figures.contains("4711"), "{figures}");

    worker.beat(vec![status(job, order.epoch, streaming())]).await;
    assert!(matches!(cluster.job(job).await.phase, Phase::Streaming { .. }));

    cluster.wish(job, Event::StopRequested).await;
    let reply = worker.beat(vec![status(job, order.epoch, streaming())]).await;
    assert_eq!(reply.runs, [RunOrder { job, epoch: order.epoch, action: RunAction::Stop }]);

    let reply = worker.beat(vec![status(job, order.epoch, exited())]).await;
    assert!(reply.known && reply.runs.is_empty(), "{reply:?}");
    assert!(matches!(cluster.job(job).await.phase, Phase::Stopped { .. }));
    cluster.audit().await;
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn an_earlier_life_of_a_worker_is_unknown() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let earlier = Worker::join(&scheduler.url).await;
    let job = cluster.create_and_announce(500).await;
    let order = earlier.until_ordered(job).await;
    let later = Worker { incarnation: Incarnation::from_uuid(Uuid::new_v4()), ..earlier.clone() };
    later.register().await;
    assert!(!earlier.beat(vec![status(job, order.epoch, listening())]).await.known);
    let reply = later.beat(vec![status(job, order.epoch, listening())]).await;
    assert!(reply.known && reply.runs.is_empty(), "runs of the earlier life are not taken over: {reply:?}");
    assert!(
        matches!(cluster.job(job).await.phase, Phase::Assigned { .. }),
        "and its report counts for nothing"
    );
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn a_placement_pokes_the_worker() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let (pokes, seen) = (Arc::new(AtomicU32::new(0)), CancellationToken::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut worker = Worker::new(&scheduler.url);
    worker.control_url = format!("http://{}/", listener.local_addr().unwrap());
    let counter = Arc::clone(&pokes);
    let poke = post(move |headers: HeaderMap| async move {
        let presented = headers.get(header::AUTHORIZATION).unwrap().to_str().unwrap().to_owned();
        assert_eq!(presented, format!("Bearer {TOKEN}"));
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let tasks = TaskGroup::new(seen.clone());
    let serving = ez_service::http::serve(listener, Router::new().route("/poke", poke), seen);
    tasks.spawn("worker", OnFailure::Log, serving);

    worker.register().await;
    let job = cluster.create_and_announce(500).await;
    // The worker does not beat: only a poke can tell it.
    let poked = async |number: u32| {
        eventually(SOON, "a poke", || async {
            let pokes = pokes.load(Ordering::SeqCst);
            if pokes >= number { Ok(()) } else { Err(pokes) }
        })
        .await
        .unwrap();
    };
    poked(1).await;
    // Taking up the command to stop tells the worker again.
    cluster.until(job, "the placement", |job| matches!(job.phase, Phase::Assigned { .. })).await;
    cluster.wish(job, Event::StopRequested).await;
    cluster.announce(job).await;
    poked(2).await;
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn another_master_key_neither_starts_nor_ends_a_run() {
    let cluster = Cluster::start().await;
    let right = cluster.scheduler(quick()).await;
    let worker = Worker::join(&right.url).await;
    let held = cluster.create_and_announce(500).await;
    let order = worker.until_ordered(held).await;
    worker.beat(vec![status(held, order.epoch, streaming())]).await;

    let mut app = cluster.app(quick());
    app.master_key = Arc::new(MasterKey::from_bytes(&[8; 32]).unwrap());
    let wrong = cluster.serve(app).await;
    let elsewhere = Worker { scheduler: wrong.url.clone(), ..worker.clone() };
    let reply = elsewhere.beat(vec![status(held, order.epoch, streaming())]).await;
    assert_eq!(reply.runs, [hold(held, order.epoch)], "the run goes on");

    let new = cluster.create_and_announce(500).await;
    cluster.until(new, "the placement", |job| matches!(job.phase, Phase::Assigned { .. })).await;
    let reply = elsewhere.beat(vec![status(held, order.epoch, streaming())]).await;
    assert_eq!(reply.runs, [hold(held, order.epoch)], "the new run is not ordered");
    let failure = cluster.job(new).await.last_failure.expect("the reason is told").failure;
    assert!(failure.reason.contains("stream key") && failure.reason.contains("master key"), "{failure:?}");
    right.stop().await.unwrap();
    wrong.stop().await.unwrap();
}

/// As an update in steps leaves it: the record was written by a version whose words this one does not know.
#[tokio::test]
async fn a_record_that_cannot_be_read_ends_no_run() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let worker = Worker::join(&scheduler.url).await;
    let (strange, plain) = (cluster.create_and_announce(500).await, cluster.create_and_announce(500).await);
    let orders = [worker.until_ordered(strange).await, worker.until_ordered(plain).await];
    let told = || orders.iter().map(|order| status(order.job, order.epoch, streaming())).collect::<Vec<_>>();
    worker.beat(told()).await;
    let record = cluster.replace_record(strange, "{\"of\": \"a later version\"}").await;

    // Also after it ended, until somebody can take up how, and when a restarted worker has found only its folder.
    let [of_strange, of_plain] = <[_; 2]>::try_from(told()).unwrap();
    let ended = status(strange, orders[0].epoch, exited());
    let earlier = status(strange, Epoch::new(orders[0].epoch.number() + 1), streaming());
    for strange_as_told in [Some(of_strange), Some(ended), Some(earlier), None] {
        let beat = [of_plain.clone()].into_iter().chain(strange_as_told.clone()).collect();
        let mut reply = worker.beat(beat).await;
        assert!(reply.known);
        reply.runs.sort_by_key(|order| order.job != strange);
        assert_eq!(reply.runs[0], hold(strange, orders[0].epoch), "{strange_as_told:?}");
        assert_eq!(reply.runs[1..], [orders[1].clone()], "its neighbour is ordered as ever");
    }

    cluster.replace_record(strange, &record).await;
    let mut reply = worker.beat(told()).await;
    reply.runs.sort_by_key(|order| order.job != strange);
    assert_eq!(reply.runs, orders);
    scheduler.stop().await.unwrap();
}

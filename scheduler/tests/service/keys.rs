//! Content keys: from a real key server into the record, and from there to the worker.

use std::sync::{Arc, Mutex};

use ez_api::internal::RunAction;
use ez_domain::content_key::ContentKey;
use ez_domain::id::JobId;
use ez_domain::job::{Job, Phase, PhaseName};
use ez_domain::lifecycle::Event;
use ez_domain::secret::Secret;
use ez_domain::spec::{JobSpec, Protection};
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_testkit::tools::free_port;
use ez_testkit::wait::eventually;
use scheduler::key_source::KeyServer;
use scheduler::{App, Timing};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::cluster::{Cluster, SOON, quick, spec};
use super::removal::until_gone;
use super::worker::{Worker, obey};

const KEY_TOKEN: &str = "what-the-key-server-wants-to-see";

fn protected() -> JobSpec {
    JobSpec { protection: Some(Protection::CbcsClearKey), ..spec() }
}

/// A scheduler's parts, with the key server at this port.
fn app(cluster: &Cluster, port: u16) -> App {
    let url = format!("http://127.0.0.1:{port}/keys/").parse().unwrap();
    let keys = KeyServer::new(url, Secret::new(KEY_TOKEN.to_owned())).unwrap();
    App { keys: Arc::new(keys), ..cluster.app(quick()) }
}

/// A key server on this port, until the group ends.
async fn key_server(cluster: &Cluster, port: u16, token: &str) -> TaskGroup {
    let mut config = key_server::Config {
        master_key: "07".repeat(32),
        service_token: token.to_owned(),
        ..key_server::Config::default()
    };
    config.redis.url = cluster.redis.url();
    let app = key_server::App::build(&config).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let tasks = TaskGroup::new(CancellationToken::new());
    tasks.spawn("key_server", OnFailure::Log, key_server::run(app, listener, tasks.shutdown().clone()));
    tasks
}

fn waits_for(job: &Job, words: &str) -> bool {
    matches!(&job.phase, Phase::Pending { waiting_for: Some(why), .. }
        if why.contains("content key") && why.contains(words))
}

async fn create(cluster: &Cluster) -> JobId {
    let job = cluster.create_of(protected(), 100).await;
    cluster.announce(job).await;
    job
}

/// The content key that the worker is given for its only run, once there is one.
async fn key_at(worker: &Worker) -> Option<ContentKey> {
    let ordered = eventually(SOON, "a run", || async {
        match worker.beat(Vec::new()).await.runs.as_slice() {
            [order] => Ok(order.action.clone()),
            others => Err(format!("{} runs", others.len())),
        }
    });
    match ordered.await.unwrap() {
        RunAction::Run { content_key, .. } => content_key,
        RunAction::Stop | RunAction::Hold => panic!("a run is expected"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_server_a_protected_job_waits_and_others_do_not() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let _worker = Worker::join(&scheduler.url).await;
    let job = create(&cluster).await;
    let clear = cluster.create_and_announce(100).await;
    cluster.until(clear, "its place", |job| job.phase.name() == PhaseName::Assigned).await;
    cluster.until(job, "the reason", |job| waits_for(job, "Drm_key_server_url")).await;
    cluster.audit().await;
}

/// More than one look at the queue takes in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_jobs_that_cannot_run_hide_none_behind_them() {
    let cluster = Cluster::start().await;
    let mut stuck = JobId::from_uuid(uuid::Uuid::nil());
    for _ in 0..43 {
        stuck = cluster.create_of(protected(), 100).await;
        cluster.wish(stuck, Event::Admitted { generation: 1 }).await;
    }
    let clear = cluster.create(100).await;
    cluster.wish(clear, Event::Admitted { generation: 1 }).await;
    let scheduler = cluster.scheduler(Timing { jobs_a_look: 20, ..quick() }).await;
    let _worker = Worker::join(&scheduler.url).await;
    cluster.until(clear, "its place", |job| job.phase.name() == PhaseName::Assigned).await;
    cluster.until(stuck, "the reason", |job| waits_for(job, "Drm_key_server_url")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protected_job_runs_once_the_key_server_is_there_and_then_without_it() {
    let cluster = Cluster::start().await;
    let port = free_port().unwrap();
    let scheduler = cluster.serve(app(&cluster, port)).await;
    let worker = Worker::join(&scheduler.url).await;
    let job = create(&cluster).await;
    cluster.until(job, "the reason", |job| waits_for(job, "does not answer")).await;

    let stranger = key_server(&cluster, port, "another-service-token").await;
    cluster.until(job, "the refusal", |job| waits_for(job, "gives no key (it answers 401")).await;
    stranger.finish(SOON).await;

    let server = key_server(&cluster, port, KEY_TOKEN).await;
    let key = key_at(&worker).await.expect("a content key");
    assert_eq!(cluster.job(job).await.content_key.map(|sealed| sealed.id), Some(key.id));
    // What the record holds is of no use to who reads it.
    let record = serde_json::to_string(&cluster.job(job).await).unwrap();
    assert!(!record.contains(&key.key.expose().to_hex()), "{record}");

    // The next run needs no key server, and has the same key.
    server.finish(SOON).await;
    cluster.wish(job, Event::StopRequested).await;
    let runs = Mutex::new(Vec::new());
    eventually(SOON, "the end", || async {
        let told = runs.lock().unwrap().clone();
        *runs.lock().unwrap() = obey(&worker.beat(told).await);
        let phase = cluster.job(job).await.phase.name();
        if phase == PhaseName::Stopped { Ok(()) } else { Err(phase.as_str()) }
    })
    .await
    .unwrap();
    cluster.wish(job, Event::StartRequested).await;
    cluster.announce(job).await;
    assert_eq!(key_at(&worker).await, Some(key));
    cluster.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rival_schedulers_agree_on_one_key() {
    let cluster = Cluster::start().await;
    let port = free_port().unwrap();
    let _server = key_server(&cluster, port, KEY_TOKEN).await;
    let schedulers = [cluster.serve(app(&cluster, port)).await, cluster.serve(app(&cluster, port)).await];
    let workers = [Worker::join(&schedulers[0].url).await, Worker::join(&schedulers[1].url).await];
    let mut jobs = Vec::new();
    for _ in 0..10 {
        jobs.push(create(&cluster).await);
    }
    let keys = eventually(SOON, "all orders", || async {
        let mut keys = Vec::new();
        for (worker, scheduler) in workers.iter().zip([1, 0]) {
            // Each worker asks the other scheduler than it registered with.
            let elsewhere = Worker { scheduler: schedulers[scheduler].url.clone(), ..worker.clone() };
            let reply = elsewhere.beat(Vec::new()).await;
            keys.extend(reply.runs.into_iter().filter_map(|order| match order.action {
                RunAction::Run { content_key: Some(key), .. } => Some((order.job, key)),
                RunAction::Run { content_key: None, .. } | RunAction::Stop | RunAction::Hold => None,
            }));
        }
        if keys.len() == jobs.len() { Ok(keys) } else { Err(format!("{} orders", keys.len())) }
    })
    .await
    .unwrap();
    for job in jobs {
        let given: Vec<_> = keys.iter().filter(|(of, _)| *of == job).map(|(_, key)| key).collect();
        let [key] = given.as_slice() else { panic!("{given:?}") };
        assert_eq!(cluster.job(job).await.content_key.map(|sealed| sealed.id), Some(key.id));
    }
    cluster.audit().await;
}

/// The media is gone, so nobody needs the key; media that was kept can still be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_deleted_job_is_removed_with_its_media() {
    let cluster = Cluster::start().await;
    let port = free_port().unwrap();
    let server = key_server(&cluster, port, KEY_TOKEN).await;
    let _scheduler = cluster.serve(app(&cluster, port)).await;
    let (gone, kept) = (create(&cluster).await, create(&cluster).await);
    for job in [gone, kept] {
        cluster.until(job, "its key", |job| job.content_key.is_some()).await;
        cluster.wish(job, Event::StopRequested).await;
    }
    assert_eq!(keys(&cluster).await, 2);
    server.finish(SOON).await;
    for (job, keep_media) in [(gone, false), (kept, true)] {
        cluster.wish(job, Event::DeleteRequested { keep_media }).await;
        cluster.announce(job).await;
    }
    until_gone(&cluster, kept).await;
    assert_eq!(cluster.job(gone).await.phase.name(), PhaseName::Deleting, "its key could not be removed yet");
    let _server = key_server(&cluster, port, KEY_TOKEN).await;
    until_gone(&cluster, gone).await;
    assert_eq!(keys(&cluster).await, 1, "that of the media which stays");
}

/// Whoever asked for it may have died before the job's record named it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_did_not_reach_its_job_goes_with_it_too() {
    let cluster = Cluster::start().await;
    let port = free_port().unwrap();
    let _server = key_server(&cluster, port, KEY_TOKEN).await;
    let app = app(&cluster, port);
    let job = cluster.create_of(protected(), 100).await;
    app.keys.key(job).await.unwrap();
    assert_eq!(keys(&cluster).await, 1);
    cluster.wish(job, Event::StopRequested).await;
    cluster.wish(job, Event::DeleteRequested { keep_media: false }).await;
    let _scheduler = cluster.serve(app).await;
    cluster.announce(job).await;
    until_gone(&cluster, job).await;
    assert_eq!(keys(&cluster).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_never_got_its_key_can_be_deleted() {
    let cluster = Cluster::start().await;
    let port = free_port().unwrap();
    let _stranger = key_server(&cluster, port, "another-service-token").await;
    let _scheduler = cluster.serve(app(&cluster, port)).await;
    let job = create(&cluster).await;
    cluster.until(job, "the refusal", |job| waits_for(job, "gives no key (it answers 401")).await;
    cluster.wish(job, Event::StopRequested).await;
    cluster.wish(job, Event::DeleteRequested { keep_media: false }).await;
    cluster.announce(job).await;
    until_gone(&cluster, job).await;
}

/// Content keys in the key server's store.
async fn keys(cluster: &Cluster) -> usize {
    let mut connection = cluster.redis.connection().await.unwrap();
    redis::cmd("HLEN").arg("drm_keys").query_async(&mut connection).await.unwrap()
}

//! What only Redis can do wrong: crash, hang, forget its scripts, lose an answer, hold damaged keys.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

#[path = "faults/proxy.rs"]
mod proxy;

use std::time::Duration;

use ez_domain::id::Epoch;
use ez_domain::lifecycle::{Event, Outcome, step};
use ez_domain::placement::Standing;
use ez_domain::units::Timestamp;
use ez_store::conformance::{LIFE, WORKER, figures, new_job, until, worker};
use ez_store::once::REMEMBERED_MS;
use ez_store::{Applied, CommitGuard, Config, Created, Once, RedisStore, Store, StoreError, apply};
use ez_testkit::redis::{Durability, RedisServer};
use proxy::Proxy;
use tokio::time::Instant;

fn connect(url: String, command_timeout_ms: u64) -> RedisStore {
    RedisStore::connect(&Config { url, command_timeout_ms, ..Config::default() }).unwrap()
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Sends a command as an operator would.
async fn raw(server: &RedisServer, command: &[&str]) {
    let mut connection = server.connection().await.unwrap();
    let mut sent = redis::cmd(command[0]);
    sent.arg(&command[1..]);
    let _: redis::Value = sent.query_async(&mut connection).await.unwrap();
}

async fn audit(store: &RedisStore) -> Vec<String> {
    store.audit().await.unwrap()
}

/// A job whose run is on [`WORKER`].
async fn running(store: &RedisStore, number: u128) -> Epoch {
    store.register_worker(&worker(WORKER, LIFE)).await.unwrap();
    let job = new_job(number, store.now().await.unwrap());
    store.create(&job).await.unwrap();
    for event in [Event::Admitted { generation: 1 }, Event::Placed { worker: WORKER, incarnation: LIFE }] {
        let applied = apply(store, job.id, &event, CommitGuard::Version).await.unwrap();
        assert!(matches!(applied, Applied::Moved { .. }), "{applied:?}");
    }
    store.load(job.id).await.unwrap().unwrap().job.last_epoch
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_redis_is_killed() {
    const LIMIT_MS: u64 = 600;
    let mut server = RedisServer::start_with(Durability::AppendOnly).await.unwrap();
    let store = connect(server.url(), LIMIT_MS);
    let mut acknowledged = Vec::new();
    for round in 0..3_u128 {
        for number in 0..50 {
            let job = new_job(round * 1000 + number + 1, at(5));
            store.create(&job).await.unwrap();
            acknowledged.push(job.id);
        }
        // Killed in the middle of a commit whose outcome nobody knows.
        let id = acknowledged[0];
        let before = store.load(id).await.unwrap().unwrap();
        let mut next = before.job.clone();
        next.restarts += 1;
        let (cut, ()) =
            futures::join!(store.commit(&before.job, before.version, &next, CommitGuard::Version), async {
                server.kill().unwrap();
            });
        let during = new_job(round * 1000 + 900, at(5));
        let begun = Instant::now();
        let failed = store.create(&during).await;
        let waited = begun.elapsed();
        assert!(failed.is_err());
        assert!(waited < Duration::from_millis(LIMIT_MS + 1_000), "a call during the outage took {waited:?}");
        server.restart().await.unwrap();

        until("the store to answer again", async || store.ping().await.ok()).await;
        for id in &acknowledged {
            assert!(store.load(*id).await.unwrap().is_some(), "{id} is lost");
        }
        if let Ok(done) = cut {
            assert!(done, "nobody else changed the record");
            assert_eq!(store.load(id).await.unwrap().unwrap().job.restarts, next.restarts);
        }
        assert!(store.commit(&before.job, before.version, &next, CommitGuard::Version).await.unwrap());
        assert_eq!(store.load(id).await.unwrap().unwrap().version, before.version + 1, "done once");
        store.create(&during).await.unwrap();
        acknowledged.push(during.id);
        assert_eq!(audit(&store).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_short_restart_is_waited_for() {
    let mut server = RedisServer::start_with(Durability::AppendOnly).await.unwrap();
    let store = connect(server.url(), 20_000);
    let job = new_job(1, at(5));
    store.create(&job).await.unwrap();
    server.kill().unwrap();
    let (loaded, restarted) = futures::join!(store.load(job.id), server.restart());
    restarted.unwrap();
    assert!(loaded.unwrap().is_some());
}

#[tokio::test]
async fn redis_may_come_up_after_the_service() {
    let mut server = RedisServer::start().await.unwrap();
    server.kill().unwrap();
    let store = connect(server.url(), 300);
    assert!(store.ping().await.is_err());
    server.restart().await.unwrap();
    until("the store to answer", async || store.ping().await.ok()).await;
}

/// The client library keeps a connection whose set-up was refused, and refuses for ever.
#[tokio::test]
async fn a_refused_login_is_tried_again() {
    let server = RedisServer::start().await.unwrap();
    let url = format!("redis://:hunter2@127.0.0.1:{}/", server.port());
    let store = connect(url, 5_000);
    let error = store.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    raw(&server, &["CONFIG", "SET", "requirepass", "hunter2"]).await;
    store.ping().await.unwrap();
}

#[test]
fn an_address_that_cannot_be_read_is_told_at_once_and_never_printed() {
    let config = Config { url: "redis://user:hunter2@".to_owned(), ..Config::default() };
    let error = RedisStore::connect(&config).unwrap_err();
    assert!(error.to_string().contains("address"), "{error}");
    assert!(!format!("{error} {error:?} {config:?}").contains("hunter2"));
}

#[tokio::test]
async fn lost_scripts_and_lost_data_are_no_errors() {
    let mut server = RedisServer::start().await.unwrap();
    let store = connect(server.url(), 20_000);
    let job = new_job(1, at(5));
    store.create(&job).await.unwrap();
    raw(&server, &["SCRIPT", "FLUSH"]).await;
    assert!(store.load(job.id).await.unwrap().is_some());
    server.restart().await.unwrap();
    assert!(store.load(job.id).await.unwrap().is_none(), "this Redis keeps nothing");
    store.create(&job).await.unwrap();
}

#[tokio::test]
async fn a_frozen_redis_costs_a_call_its_limit_and_no_more() {
    let server = RedisServer::start().await.unwrap();
    let store = connect(server.url(), 300);
    let job = new_job(1, at(5));
    store.create(&job).await.unwrap();
    server.pause().unwrap();
    for _ in 0..3 {
        let begun = Instant::now();
        let error = store.load(job.id).await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout { limit_ms: 300, .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    }
    server.resume().unwrap();
    let found = until("an answer", async || store.load(job.id).await.ok()).await;
    assert!(found.is_some());
}

/// The answer of each changing call is lost once; the call must succeed all the same, and have been
/// done once.
#[tokio::test]
async fn a_lost_answer_neither_fails_nor_doubles_a_call() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port());
    let store = connect(proxy.url(), 20_000);
    store.ping().await.unwrap();
    let lose = async || {
        store.ping().await.unwrap();
        proxy.lose_next_answer();
    };

    lose().await;
    store.register_worker(&worker(WORKER, LIFE)).await.unwrap();
    let job = new_job(1, store.now().await.unwrap());
    lose().await;
    store.create(&job).await.unwrap();
    lose().await;
    let admitted =
        apply(&store, job.id, &Event::Admitted { generation: 1 }, CommitGuard::Version).await.unwrap();
    assert!(matches!(admitted, Applied::Moved { .. }));

    let before = store.load(job.id).await.unwrap().unwrap();
    let place = Event::Placed { worker: WORKER, incarnation: LIFE };
    let Outcome::Moved(next, _) = step(&before.job, &place, before.now) else { panic!("placed") };
    let room = CommitGuard::WorkerHasRoom { worker: WORKER, incarnation: LIFE, load_limit: None };
    lose().await;
    assert!(store.commit(&before.job, before.version, &next, room).await.unwrap());
    assert_eq!(store.workers().await.unwrap()[0].load_millicores, job.cost_millicores, "counted once");
    lose().await;
    assert_eq!(
        store
            .beat(WORKER, LIFE, Standing::Open, 0, &[(job.id, Epoch::new(1))], 6_000)
            .await
            .unwrap()
            .jobs
            .len(),
        1
    );
    lose().await;
    store.put_statistics(&[figures(job.id, Epoch::new(1), "{}")]).await.unwrap();
    lose().await;
    store.forget_worker(WORKER).await.unwrap();
    let now = store.load(job.id).await.unwrap().unwrap();
    lose().await;
    assert!(store.remove(&now.job, now.version).await.unwrap());
    assert_eq!(proxy.lost(), 8, "the test lost what it meant to lose");
    assert_eq!(audit(&store).await, Vec::<String>::new());
}

/// The answer of a creation with a key is lost: the repeat finds its own job, not one made before.
#[tokio::test]
async fn a_lost_answer_of_a_creation_with_a_key_is_no_earlier_job() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port());
    let store = connect(proxy.url(), 20_000);
    store.ping().await.unwrap();
    let once = Once { key: "key".to_owned(), body: "body".to_owned() };
    proxy.lose_next_answer();
    assert_eq!(store.create_once(&new_job(1, at(5)), Some(&once)).await.unwrap(), Created::New);
    assert_eq!(proxy.lost(), 1, "the test lost what it meant to lose");
    assert_eq!(store.list(None, 9).await.unwrap().jobs.len(), 1);
    let left: i64 = redis::cmd("PTTL")
        .arg("made_with:key")
        .query_async(&mut server.connection().await.unwrap())
        .await
        .unwrap();
    let day = i64::try_from(REMEMBERED_MS).unwrap();
    assert!((day - 60_000..=day).contains(&left), "{left}");
}

#[tokio::test]
async fn a_damaged_record_hides_no_other_and_ends_no_run() {
    let server = RedisServer::start().await.unwrap();
    let store = connect(server.url(), 20_000);
    let epoch = running(&store, 1).await;
    running(&store, 2).await;
    let waiting = new_job(3, at(5));
    store.create(&waiting).await.unwrap();
    apply(&store, waiting.id, &Event::Admitted { generation: 1 }, CommitGuard::Version).await.unwrap();
    let id = new_job(1, at(5)).id;
    store.beat(WORKER, LIFE, Standing::Open, 0, &[(id, epoch)], 0).await.unwrap();
    raw(&server, &["HSET", "jobs", &id.to_string(), "{"]).await;

    let error = store.load(id).await.unwrap_err();
    assert!(error.to_string().contains(&id.to_string()), "{error}");
    assert_eq!(store.list(None, 9).await.unwrap().jobs.len(), 2);
    let (mut pages, mut listed, mut cursor) = (0, 0, None);
    while pages == 0 || cursor.is_some() {
        let page = store.list(cursor.as_deref(), 1).await.unwrap();
        (pages, listed, cursor) = (pages + 1, listed + page.jobs.len(), page.next);
    }
    assert_eq!((pages, listed), (3, 2), "an empty page is not the end");
    assert_eq!(store.queued(0, 9).await.unwrap().len(), 1);
    // The run is known to be the worker's, its neighbour is told as ever, and it keeps its lease.
    let beat = store.beat(WORKER, LIFE, Standing::Open, 0, &[(id, epoch)], 60_000).await.unwrap();
    assert_eq!(beat.unreadable, [(id, epoch)]);
    assert_eq!(beat.jobs.len(), 1);
    let ends: f64 = redis::cmd("ZSCORE")
        .arg("leases")
        .arg(id.to_string())
        .query_async(&mut server.connection().await.unwrap())
        .await
        .unwrap();
    let now = f64::from(u32::try_from(store.now().await.unwrap().millis() / 1000).unwrap()) * 1000.0;
    assert!(ends > now + 30_000.0);
}

/// A store that lost its last second counts versions again: another text under a known version is news.
#[tokio::test]
async fn a_heartbeat_believes_no_version() {
    let server = RedisServer::start().await.unwrap();
    let store = connect(server.url(), 20_000);
    let epoch = running(&store, 1).await;
    let id = new_job(1, at(5)).id;
    let beat = async || {
        let reply = store.beat(WORKER, LIFE, Standing::Open, 0, &[(id, epoch)], 6_000).await.unwrap();
        let [stored] = <[_; 1]>::try_from(reply.jobs).unwrap();
        stored
    };
    let known = beat().await;
    assert_eq!(beat().await.job, known.job);
    let mut other = known.job;
    other.generation += 7;
    raw(&server, &["HSET", "jobs", &id.to_string(), &serde_json::to_string(&other).unwrap()]).await;
    let now = beat().await;
    assert_eq!((now.job.generation, now.version), (other.generation, known.version));
}

/// Negative control of the audit: each index, once with something missing and once with something wrong.
#[tokio::test]
async fn the_audit_finds_each_kind_of_damage() {
    let server = RedisServer::start().await.unwrap();
    let store = connect(server.url(), 20_000);
    running(&store, 1).await;
    let waiting = new_job(2, at(5));
    store.create(&waiting).await.unwrap();
    let [run, waits, stranger] = [1, 2, 9].map(|number| new_job(number, at(5)).id.to_string());
    let (worker, set) = (WORKER.to_string(), format!("worker_jobs:{WORKER}"));
    assert_eq!(audit(&store).await, Vec::<String>::new());
    for (index, damage, repair) in [
        ("job_versions", vec!["HDEL", "job_versions", &run], vec!["HSET", "job_versions", &run, "3"]),
        ("job_order", vec!["ZINCRBY", "job_order", "1", &waits], vec!["ZINCRBY", "job_order", "-1", &waits]),
        ("stream_keys", vec!["HSET", "stream_keys", "x", &waits], vec!["HDEL", "stream_keys", "x"]),
        (
            "stream_keys",
            vec!["HDEL", "stream_keys", "index 2"],
            vec!["HSET", "stream_keys", "index 2", &waits],
        ),
        ("epochs", vec!["HSET", "epochs", &run, "7"], vec!["HSET", "epochs", &run, "1"]),
        ("queued_jobs", vec!["ZADD", "queued_jobs", "5", &waits], vec!["ZREM", "queued_jobs", &waits]),
        ("outbox", vec!["ZREM", "outbox", &waits], vec!["ZADD", "outbox", "5", &waits]),
        ("outbox", vec!["ZADD", "outbox", "5", &run], vec!["ZREM", "outbox", &run]),
        ("timers", vec!["ZADD", "timers", "5", &waits], vec!["ZREM", "timers", &waits]),
        ("chores", vec!["ZADD", "chores", "5", &waits], vec!["ZREM", "chores", &waits]),
        ("job_stats", vec!["HSET", "job_stats", &waits, "1|5|{}"], vec!["HDEL", "job_stats", &waits]),
        ("runs", vec!["HSET", "runs", &stranger, "x"], vec!["HDEL", "runs", &stranger]),
        ("leases", vec!["ZREM", "leases", &run], vec!["ZADD", "leases", "5", &run]),
        (
            "worker_loads",
            vec!["HINCRBY", "worker_loads", &worker, "1"],
            vec!["HINCRBY", "worker_loads", &worker, "-1"],
        ),
        ("worker_jobs", vec!["SREM", &set, &run], vec!["SADD", &set, &run]),
        ("worker_jobs", vec!["SADD", "worker_jobs:unheard-of", &run], vec!["DEL", "worker_jobs:unheard-of"]),
    ] {
        raw(&server, &damage).await;
        let found = audit(&store).await;
        assert!(found.iter().any(|text| text.starts_with(index)), "{damage:?}: {found:?}");
        raw(&server, &repair).await;
        assert_eq!(audit(&store).await, Vec::<String>::new(), "{repair:?}");
    }
}

//! What clients see when the store or the queue is away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ez_store::Store as _;
use ez_testkit::wait::eventually;
use tokio::time::Instant;

use crate::support::{Api, NOBODY, spec};

/// How fast a client must hear that the store is away.
const PROMPT: Duration = Duration::from_secs(3);
/// How long the way back may take on a loaded machine.
const RECOVERY: Duration = Duration::from_secs(20);

async fn assert_unavailable(api: &Api) {
    let requests = [
        ("GET", "/jobs".to_owned()),
        ("GET", format!("/jobs/{NOBODY}")),
        ("GET", format!("/jobs/{NOBODY}/events")),
        ("PUT", format!("/jobs/{NOBODY}/stop")),
        ("PUT", format!("/jobs/{NOBODY}/resume")),
        ("DELETE", format!("/jobs/{NOBODY}")),
    ];
    for (method, path) in requests {
        let began = Instant::now();
        let answer = api.send(method, &path).await;
        assert!(began.elapsed() < PROMPT, "{method} {path} took {:?}", began.elapsed());
        answer.problem(503);
        assert_eq!(answer.header("retry-after"), "2");
    }
    let began = Instant::now();
    let answer = api.post(spec().to_string()).await;
    assert!(began.elapsed() < PROMPT, "POST took {:?}", began.elapsed());
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(api.get("/readyz").await.status, 503);
    assert_eq!(api.get("/healthz").await.status, 200, "the process itself is well");
    assert_eq!(api.get("/").await.status, 200, "the console can say what is wrong");
}

async fn assert_recovers(api: &Api) {
    eventually(RECOVERY, "the API to answer again", || async {
        let answer = api.get("/jobs").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await
    .unwrap();
    assert_eq!(api.get("/readyz").await.status, 200);
    assert_eq!(api.get("/jobs").await.text, "[]", "no job was half made while the store was away");
    api.create().await;
}

#[tokio::test]
async fn a_store_that_died_is_told_promptly_and_its_return_is_noticed() {
    let mut api = Api::start().await;
    api.get("/jobs").await;
    api.redis.kill().unwrap();
    assert_unavailable(&api).await;
    api.redis.restart().await.unwrap();
    assert_recovers(&api).await;
}

#[tokio::test]
async fn a_store_that_hangs_is_told_promptly() {
    let api = Api::start().await;
    api.get("/jobs").await;
    api.redis.pause().unwrap();
    assert_unavailable(&api).await;
    api.redis.resume().unwrap();
    assert_recovers(&api).await;
}

/// A Redis that lost its replicas reads and does not write; whoever asks cannot tell it from one that was lost
/// after it wrote.
#[tokio::test]
async fn who_lost_a_change_in_the_store_is_told_to_look() {
    let api = Api::start().await;
    let id = api.create_id().await;
    let path = format!("/jobs/{id}");
    api.redis.configure("min-replicas-to-write", "1").await.unwrap();
    for answer in [api.send("PUT", &format!("{path}/stop")).await, api.post(spec().to_string()).await] {
        let problem = answer.problem(503);
        assert!(problem["detail"].as_str().unwrap().contains("look with GET /jobs"), "{problem}");
    }
    assert_eq!(api.get(&path).await.json()["Stop"], false, "it reads on");
    api.redis.configure("min-replicas-to-write", "0").await.unwrap();
    assert_eq!(api.send("PUT", &format!("{path}/stop")).await.status, 202);
}

#[tokio::test]
async fn a_job_is_accepted_without_the_queue_and_waits_in_the_outbox() {
    let api = Api::start().await;
    api.queue.fails.store(true, Ordering::SeqCst);
    let id = api.create_id().await;
    assert_eq!(api.store.in_outbox(0, 10).await.unwrap(), [id]);
    assert_eq!(api.commands().await, []);
    api.listen(id).await;
    assert_eq!(api.store.in_outbox(0, 10).await.unwrap(), [], "admitted by a scheduler");
    assert_eq!(api.send("PUT", &format!("/jobs/{id}/stop")).await.status, 202);
    assert_eq!(api.store.in_outbox(0, 10).await.unwrap(), [id], "the stop waits there as well");
}

//! `Idempotency-Key`: requests that are sent again.

use std::sync::atomic::Ordering;

use ez_domain::lifecycle::Event;
use ez_queue::Command;
use ez_store::Store as _;
use serde_json::Value;

use crate::support::{Answer, Api, id_of, spec};

async fn post(api: &Api, key: &str, body: &str) -> Answer {
    let request = api.request("POST", "/jobs").header("content-type", "application/json");
    let request = request.header("idempotency-key", key).body(body.to_owned());
    Answer::of(request.send().await.unwrap()).await
}

async fn jobs(api: &Api) -> usize {
    api.get("/jobs").await.json().as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeated_request_is_answered_with_its_job() {
    let api = Api::start().await;
    let body = spec().to_string();
    let first = post(&api, "key-1", &body).await;
    assert_eq!(first.status, 201);
    let again = post(&api, "key-1", &body).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()), "stream key included");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(jobs(&api).await, 1);
    let id = id_of(&first.json());
    assert!(api.commands().await.iter().all(|command| *command == Command { job: id, generation: 1 }));

    // The job has moved on meanwhile: it is told as it is.
    api.listen(id).await;
    let later = post(&api, "key-1", &body).await;
    assert_eq!((later.status.as_u16(), &later.json()["State"]), (201, &Value::from("running")));

    let problem = post(&api, "key-1", &format!("{body} ")).await.problem(422);
    assert_eq!(problem["type"], "/problems/idempotency-key-reused");
    assert_eq!(post(&api, "key-2", &body).await.status, 201);
    assert_eq!(post(&api, &"k".repeat(255), &body).await.status, 201);
    assert_eq!(jobs(&api).await, 3);
    let told = ez_testkit::metrics::Exposition::parse(&api.get("/metrics").await.text).unwrap();
    assert_eq!(told.value("ezls_jobs_created_total", &[]), Some(3.0), "repeats make no job");
}

#[tokio::test]
async fn many_at_once_make_one_job() {
    let api = Api::start().await;
    for round in 0..10 {
        let (key, body) = (format!("round-{round}"), spec().to_string());
        let (a, b, c, d) = tokio::join!(
            post(&api, &key, &body),
            post(&api, &key, &body),
            post(&api, &key, &body),
            post(&api, &key, &body)
        );
        let ids: Vec<_> = [a, b, c, d]
            .iter()
            .map(|answer| {
                assert_eq!(answer.status, 201, "{}", answer.text);
                id_of(&answer.json())
            })
            .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(jobs(&api).await, round + 1);
    }
}

#[tokio::test]
async fn a_key_is_used_up_by_a_job_only() {
    let api = Api::start_with(|config| config.max_jobs = 1).await;
    let mut dry = spec();
    dry["Api_test"] = Value::from(1);
    assert_eq!(post(&api, "key", &dry.to_string()).await.status, 200);
    post(&api, "key", "{}").await.problem(400);
    let body = spec().to_string();
    assert_eq!(post(&api, "key", &body).await.status, 201);
    post(&api, "other", &body).await.problem(429);
    assert_eq!(post(&api, "key", &body).await.status, 201, "a repeat is no further job");

    let id = id_of(&post(&api, "key", &body).await.json());
    api.send("PUT", &format!("/jobs/{id}/stop")).await;
    api.send("DELETE", &format!("/jobs/{id}")).await;
    api.apply(id, Event::MediaRemoved).await;
    let problem = post(&api, "key", &body).await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("new key"), "{problem}");
    assert_eq!(jobs(&api).await, 0);
}

#[tokio::test]
async fn unusable_keys_are_refused() {
    let api = Api::start().await;
    let body = spec().to_string();
    for key in ["", " ", "a b", &"k".repeat(256)] {
        post(&api, key, &body).await.problem(400);
    }
    let twice = api.request("POST", "/jobs").header("idempotency-key", "a").header("idempotency-key", "b");
    Answer::of(twice.body(body).send().await.unwrap()).await.problem(400);
    assert_eq!(jobs(&api).await, 0);
}

/// The creation was stored and the command was not: the repeat sends it.
#[tokio::test]
async fn a_repeat_announces_what_is_still_in_the_outbox() {
    let api = Api::start().await;
    let body = spec().to_string();
    api.queue.fails.store(true, Ordering::SeqCst);
    let id = id_of(&post(&api, "key", &body).await.json());
    api.queue.fails.store(false, Ordering::SeqCst);
    assert_eq!(api.commands().await, []);
    post(&api, "key", &body).await;
    assert_eq!(api.commands().await, [Command { job: id, generation: 1 }]);
    assert_eq!(api.store.audit().await.unwrap(), Vec::<String>::new());
    assert_eq!(api.store.list(None, 9).await.unwrap().jobs.len(), 1);
}

//! Whatever is sent, the service answers, and never with a fault of its own.

use std::sync::Arc;

use api_server::{App, router};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use ez_queue::RedisStreamQueue;
use ez_store::RedisStore;
use ez_testkit::redis::RedisServer;
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::support::{NOBODY, config, spec};

fn service(runtime: &Runtime) -> (RedisServer, Router) {
    runtime.block_on(async {
        let redis = RedisServer::start().await.unwrap();
        let config = config(&redis);
        let store = RedisStore::connect(&config.redis.access()).unwrap();
        let queue = RedisStreamQueue::connect(&config.queue.redis_stream(&config.redis)).unwrap();
        (redis, router(App::new(&config, Arc::new(store), Arc::new(queue)).unwrap()))
    })
}

async fn ask(router: &Router, request: Request<Body>) -> (StatusCode, String, usize) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let media_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let length = response.into_body().collect().await.unwrap().to_bytes().len();
    (status, media_type.unwrap_or_default(), length)
}

fn method() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
            .prop_map(str::to_owned),
        1 => "[!#-'*+.0-9A-Z^-z|~-]{1,12}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("jobs".to_owned()),
        Just("active".to_owned()),
        Just("stop".to_owned()),
        Just("events".to_owned()),
        Just("demo".to_owned()),
        Just(NOBODY.to_owned()),
        "[!-\"$->@-~]{0,20}",
        "(%[0-9a-fA-F]{2}){1,6}",
    ];
    let query =
        prop_oneof![Just(String::new()), "\\?[!-~]{0,30}", "\\?(limit|after|state|phase|worker)=[!-~]{0,20}"];
    (prop::collection::vec(part, 0..5), query)
        .prop_map(|(parts, query)| format!("/{}{query}", parts.join("/")))
}

/// Bytes, text, the sample with some bytes or one value changed or cut off, and depth.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let sample = spec().to_string().into_bytes();
    let changes = prop::collection::vec((0..sample.len(), any::<u8>()), 1..4);
    let cut = sample.clone();
    prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..200),
        2 => "\\PC{0,100}".prop_map(String::into_bytes),
        3 => changes.prop_map(move |changes| {
            let mut bytes = sample.clone();
            changes.into_iter().for_each(|(place, value)| bytes[place] = value);
            bytes
        }),
        1 => (0..cut.len()).prop_map(move |length| cut[..length].to_vec()),
        4 => (any::<prop::sample::Index>(), json()).prop_map(|(place, value)| {
            let mut document = spec();
            let places = pointers(&document, "");
            let chosen: &String = place.get(&places);
            *document.pointer_mut(chosen).unwrap() = value;
            document.to_string().into_bytes()
        }),
        1 => (prop::sample::select(vec!["[", "{\"Output\":", "[{\"a\":"]), 1..20_000_usize)
            .prop_map(|(opening, depth)| opening.repeat(depth).into_bytes()),
        1 => (1..200_usize).prop_map(|depth| {
            format!("{{\"Output\": {}{}}}", "[".repeat(depth), "]".repeat(depth)).into_bytes()
        }),
    ]
}

/// Any JSON, and what is at the edge of numbers and texts.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![0.0, -0.0, 1e308, 5e-324]).prop_map(Value::from),
        Just(Value::from(u64::MAX)),
        "\\PC{0,40}".prop_map(Value::from),
        "[0-9]{1,30}[kKmM]?".prop_map(Value::from),
        Just(Value::from("x".repeat(10_000))),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::hash_map("[A-Za-z_]{0,12}", inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// The JSON pointers of a document and of everything in it.
fn pointers(value: &Value, at: &str) -> Vec<String> {
    let mut found = vec![at.to_owned()];
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                found.extend(pointers(item, &format!("{at}/{index}")));
            }
        }
        Value::Object(entries) => {
            for (key, entry) in entries {
                found.extend(pointers(entry, &format!("{at}/{key}")));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

#[test]
fn no_request_is_answered_with_a_fault_of_ours() {
    let runtime = Runtime::new().unwrap();
    let (_redis, router) = service(&runtime);
    let mut runner = TestRunner::new(Cases { cases: 600, failure_persistence: None, ..Cases::default() });
    let result = runner.run(&(method(), path(), body()), |(method, path, body)| {
        let Ok(request) = Request::builder().method(method.as_str()).uri(&path).body(Body::from(body)) else {
            return Ok(());
        };
        let (status, media_type, length) = runtime.block_on(ask(&router, request));
        prop_assert!(!status.is_server_error(), "{method} {path}: {status}");
        if status.is_client_error() {
            prop_assert_eq!(media_type, "application/problem+json");
            prop_assert!(length > 0 || method == "HEAD");
        }
        Ok(())
    });
    result.unwrap();
}

#[test]
fn any_body_is_a_job_or_a_refusal() {
    let runtime = Runtime::new().unwrap();
    let (_redis, router) = service(&runtime);
    let mut runner = TestRunner::new(Cases { cases: 600, failure_persistence: None, ..Cases::default() });
    let result = runner.run(&body(), |body| {
        let request =
            Request::post("/jobs").header("content-type", "application/json").body(Body::from(body)).unwrap();
        let (status, ..) = runtime.block_on(ask(&router, request));
        prop_assert!(matches!(status.as_u16(), 200 | 201 | 400), "{status}");
        Ok(())
    });
    result.unwrap();
}

#[test]
fn any_body_replaces_a_specification_or_is_refused() {
    let runtime = Runtime::new().unwrap();
    let (_redis, router) = service(&runtime);
    let make = Request::post("/jobs").body(Body::from(spec().to_string())).unwrap();
    let made = runtime.block_on(async {
        let response = router.clone().oneshot(make).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    });
    let id = serde_json::from_slice::<Value>(&made).unwrap()["Id"].as_str().unwrap().to_owned();
    let stop = Request::put(format!("/jobs/{id}/stop")).body(Body::empty()).unwrap();
    assert_eq!(runtime.block_on(ask(&router, stop)).0, 202);
    let mut runner = TestRunner::new(Cases { cases: 600, failure_persistence: None, ..Cases::default() });
    let result = runner.run(&body(), |body| {
        let request = Request::put(format!("/jobs/{id}")).body(Body::from(body)).unwrap();
        let (status, media_type, _) = runtime.block_on(ask(&router, request));
        prop_assert!(matches!(status.as_u16(), 200 | 400), "{status}");
        prop_assert!(status == 200 || media_type == "application/problem+json", "{media_type}");
        Ok(())
    });
    result.unwrap();
    let look = Request::get(format!("/jobs/{id}")).body(Body::empty()).unwrap();
    assert_eq!(runtime.block_on(ask(&router, look)).0, 200, "it can still be read");
}

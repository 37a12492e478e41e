//! Whatever a worker sends, the scheduler answers, and never with a fault of its own.

use ez_domain::job::Ingest;
use ez_domain::lifecycle::RunState;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::cluster::{Cluster, TOKEN, quick};
use super::worker::{Worker, status};

/// Bodies for each address.
const CASES: usize = 250;

/// Values at the ends of what numbers and texts can be.
fn odd() -> impl Strategy<Value = Value> {
    select(vec![
        json!(null),
        json!(true),
        json!(""),
        json!("x"),
        json!("0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f"),
        json!("http://127.0.0.1:9/"),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(1e300),
        json!(u64::MAX),
        json!(u32::MAX),
        json!([]),
        json!({}),
        json!([[[[]]]]),
    ])
}

/// Pointers to all values of a document.
fn places(document: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match document {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A good document with one value or some bytes changed, cut off, or nothing of it.
fn body(good: Value) -> impl Strategy<Value = Vec<u8>> {
    let bytes = good.to_string().into_bytes();
    let (cut, changed) = (bytes.clone(), bytes);
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => any::<Index>().prop_map(move |end| cut[..end.index(cut.len())].to_vec()),
        2 => prop::collection::vec((any::<Index>(), any::<u8>()), 1..4).prop_map(move |changes| {
            let mut bytes = changed.clone();
            changes.into_iter().for_each(|(place, value)| { let at = place.index(bytes.len()); bytes[at] = value; });
            bytes
        }),
        4 => (any::<Index>(), odd()).prop_map(move |(place, value)| {
            let mut document = good.clone();
            let mut all = Vec::new();
            places(&document, "", &mut all);
            if let Some(old) = document.pointer_mut(&all[place.index(all.len())]) {
                *old = value;
            }
            document.to_string().into_bytes()
        }),
    ]
}

#[tokio::test]
async fn no_bytes_make_it_fail() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let worker = Worker::join(&scheduler.url).await;
    let job = cluster.create_and_announce(100).await;
    let epoch = worker.until_ordered(job).await.epoch;
    let ingest = Ingest { host: "worker.test".to_owned(), port: 1935 };
    let state = RunState::Listening { ingest, reason: "waiting for a publisher".to_owned(), fault: None };
    let beat = serde_json::to_value(worker.heartbeat(vec![status(job, epoch, state)])).unwrap();
    let registration = serde_json::to_value(worker.registration()).unwrap();
    let client = reqwest::Client::new();
    let mut runner = TestRunner::deterministic();
    for (path, good) in [("/workers", registration), ("/heartbeat", beat)] {
        let bodies = body(good);
        let mut accepted = 0;
        for _ in 0..CASES {
            let body = bodies.new_tree(&mut runner).unwrap().current();
            let shown = String::from_utf8_lossy(&body).into_owned();
            let request = client.post(format!("{}{path}", scheduler.url)).bearer_auth(TOKEN).body(body);
            let answer = request.send().await.unwrap();
            assert!(!answer.status().is_server_error(), "{path} answers {} to {shown}", answer.status());
            accepted += usize::from(answer.status().is_success());
        }
        assert!((1..CASES).contains(&accepted), "{path} took {accepted} of {CASES}: the bodies show nothing");
    }
    cluster.audit().await;
    scheduler.stop().await.unwrap();
}

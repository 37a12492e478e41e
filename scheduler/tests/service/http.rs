//! The surface: who is let in, and how refusals look.

use ez_domain::id::{Epoch, JobId};
use ez_domain::lifecycle::RunState;
use reqwest::{Method, StatusCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::cluster::{Cluster, TOKEN, quick};
use super::worker::{Worker, ingest, status};

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let client = reqwest::Client::new();
    let cases = [
        (Method::GET, "/workers", None, "", 401),
        (Method::GET, "/workers", Some("another"), "", 401),
        (Method::POST, "/workers", None, "{}", 401),
        (Method::POST, "/heartbeat", None, "{}", 401),
        (Method::GET, "/workers/x", None, "", 401),
        (Method::POST, "/workers", Some(TOKEN), "{}", 400),
        (Method::POST, "/workers", Some(TOKEN), "no json", 400),
        (Method::POST, "/heartbeat", Some(TOKEN), "{\"worker\":\"x\"}", 400),
        (Method::GET, "/workers/x", Some(TOKEN), "", 404),
        (Method::GET, "/workers/%FF", Some(TOKEN), "", 404),
        (Method::GET, "/workers/0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f", Some(TOKEN), "", 404),
        (Method::GET, "/nothing", Some(TOKEN), "", 404),
        (Method::DELETE, "/workers", Some(TOKEN), "", 405),
        (Method::GET, "/heartbeat", Some(TOKEN), "", 405),
    ];
    for (method, path, token, body, expected) in cases {
        let mut request = client.request(method.clone(), format!("{}{path}", scheduler.url)).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{method} {path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{method} {path}");
        if expected == 401 {
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
        }
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(problem["status"], expected, "{method} {path}");
        assert!(!problem.to_string().contains(TOKEN));
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            client.get(format!("{}{path}", scheduler.url)).send().await.unwrap().status(),
            StatusCode::OK
        );
    }
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn workers_are_listed() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let worker = Worker::new(&scheduler.url);
    let none: serde_json::Value = worker.get("/workers").await.json().await.unwrap();
    assert_eq!(none, serde_json::json!([]));
    worker.register().await;
    let job = cluster.create_and_announce(500).await;
    worker.until_ordered(job).await;
    let all: serde_json::Value = worker.get("/workers").await.json().await.unwrap();
    let one: serde_json::Value = worker.get(&format!("/workers/{}", worker.id)).await.json().await.unwrap();
    assert_eq!(all.as_array().unwrap().len(), 1);
    assert_eq!(one["id"], worker.id.to_string());
    assert_eq!((&one["state"], &one["load_millicores"]), (&"ready".into(), &500.into()));
    assert_eq!((&one["used_millicores"], &one["runs"]), (&100.into(), &serde_json::json!([job.to_string()])));
    assert_eq!(all[0]["id"], one["id"]);
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_token() {
    let cluster = Cluster::start().await;
    let mut app = cluster.app(quick());
    app.service_token = None;
    let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let error = scheduler::run(app.clone(), open, CancellationToken::new()).await.unwrap_err().to_string();
    assert!(error.contains("0.0.0.0") && error.contains("Service_token_file"), "{error}");

    // On loopback it serves everybody on the machine.
    let local = cluster.serve(app).await;
    let response = reqwest::get(format!("{}/workers", local.url)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    local.stop().await.unwrap();
}

#[tokio::test]
async fn it_drains_when_it_is_told_to() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let url = scheduler.url.clone();
    assert_eq!(reqwest::get(format!("{url}/healthz")).await.unwrap().status(), StatusCode::OK);
    scheduler.stop().await.unwrap();
    assert!(reqwest::get(format!("{url}/healthz")).await.is_err(), "nobody listens any more");
}

/// One that is refused for its size would end all runs of its worker.
#[tokio::test]
async fn a_heartbeat_of_hundreds_of_runs_is_taken() {
    let cluster = Cluster::start().await;
    let scheduler = cluster.scheduler(quick()).await;
    let worker = Worker::join(&scheduler.url).await;
    let state = RunState::Listening { ingest: ingest(), reason: "x".repeat(2000), fault: None };
    let runs: Vec<_> =
        (0..300).map(|_| status(JobId::from_uuid(Uuid::new_v4()), Epoch::new(1), state.clone())).collect();
    assert!(worker.beat(runs).await.known);
    scheduler.stop().await.unwrap();
}

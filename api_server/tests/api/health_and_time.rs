//! Health, the players' clock, request identities and the end of the service.

use std::time::Duration;

use api_server::App;
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_testkit::redis::RedisServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::{Api, config};

#[tokio::test]
async fn a_service_with_its_store_is_ready() {
    let api = Api::start().await;
    for path in ["/healthz", "/readyz", "/healthz/"] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
    let (first, second) = (api.get("/jobs").await, api.get("/jobs").await);
    assert!(first.header("x-request-id").len() > 10);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn the_clock_for_players_is_utc_to_the_millisecond() {
    let api = Api::start().await;
    let now = || i64::try_from(ez_service::clock::wall_millis()).unwrap();
    let before = now();
    let answer = api.get("/time").await;
    let after = now();
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    assert!(
        answer.text.ends_with('Z') && answer.text.len() == "2024-07-11T01:14:15.123Z".len(),
        "{}",
        answer.text
    );
    let told = answer.text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert!((before..=after).contains(&told), "{before} {told} {after}");
    assert_eq!(api.send("HEAD", "/time").await.text, "");
}

#[tokio::test]
async fn the_service_ends_when_it_is_told_and_starts_before_its_store() {
    let mut redis = RedisServer::start().await.unwrap();
    let config = config(&redis);
    redis.kill().unwrap();
    let app = App::build(&config).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = TaskGroup::new(CancellationToken::new());
    tasks.spawn("api_server", OnFailure::Stop, api_server::run(app, listener, tasks.shutdown().clone()));
    let ready = || reqwest::get(format!("http://{address}/readyz"));
    assert_eq!(ready().await.unwrap().status(), 503);
    redis.restart().await.unwrap();
    ez_testkit::wait::eventually(Duration::from_secs(20), "readiness", || async {
        let status = ready().await.unwrap().status();
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await
    .unwrap();
    assert!(!tasks.shutdown().is_cancelled(), "it did not end by itself");
    assert!(tasks.finish(Duration::from_secs(10)).await);
    assert!(ready().await.is_err(), "nobody listens any more");
}

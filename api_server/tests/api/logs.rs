//! `GET /jobs/{id}/logs` and `GET /workers`: what workers tell, through the API.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use ez_domain::id::{Incarnation, JobId, WorkerId};
use ez_domain::placement::Standing;
use ez_service::tasks::{OnFailure, TaskGroup};
use ez_store::{Store as _, WorkerRecord};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{Api, NOBODY, id_of};

const TOKEN: &str = "a-token-of-the-installation";

/// The worker's side of the route: it answers what it was given, and remembers what it was asked.
#[derive(Clone, Default)]
struct Worker {
    told: Arc<Mutex<Value>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

async fn tell(
    State(worker): State<Worker>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let shown = headers.get("authorization").and_then(|value| value.to_str().ok());
    if shown != Some(&format!("Bearer {TOKEN}")) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    worker.asked.lock().unwrap().push((id, query.unwrap_or_default()));
    Ok(Json(worker.told.lock().unwrap().clone()))
}

impl Worker {
    async fn serve(&self) -> (TaskGroup, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().route("/jobs/{id}/logs", get(tell)).with_state(self.clone());
        let tasks = TaskGroup::new(CancellationToken::new());
        let shutdown = tasks.shutdown().clone();
        tasks.spawn("worker", OnFailure::Log, ez_service::http::serve(listener, router, shutdown));
        (tasks, url)
    }
}

/// The worker of [`Api::listen`], reached at `control_url`.
async fn register(api: &Api, control_url: &str) {
    let mut record = api.store.workers().await.unwrap().pop().unwrap();
    record.control_url = control_url.to_owned();
    api.store.register_worker(&record).await.unwrap();
}

async fn service() -> Api {
    Api::start_with(|config| config.service_token = TOKEN.to_owned()).await
}

#[tokio::test]
async fn the_worker_of_the_last_run_is_asked_also_after_its_end() {
    let api = service().await;
    let worker = Worker::default();
    let (tasks, url) = worker.serve().await;
    let job = api.create().await;
    let (id, key) = (id_of(&job), job["StreamKey"].as_str().unwrap());
    let path = format!("/jobs/{id}/logs");
    assert_eq!(api.get(&path).await.json(), json!([]), "a job that never ran has no log");

    let epoch = api.listen(id).await;
    register(&api, &url).await;
    let line = |text: &str| json!([{"epoch": epoch.number(), "line": text}]);
    *worker.told.lock().unwrap() = line(r#"{"message":"listening"}"#);
    let answer = api.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, line(r#"{"message":"listening"}"#)));
    assert_eq!(answer.header("cache-control"), "no-store");
    api.send("PUT", &format!("/jobs/{id}/stop")).await;
    api.exit(id, epoch).await;
    *worker.told.lock().unwrap() = line(&format!("a slip: {key} {key}"));
    let answer = api.get(&format!("{path}?lines=7")).await;
    assert_eq!(answer.json(), line("a slip: ******** ********"), "the key is never told");
    let asked = worker.asked.lock().unwrap().clone();
    let id = id.to_string();
    assert_eq!(asked, [(id.clone(), "lines=100".to_owned()), (id, "lines=7".to_owned())]);
    tasks.shutdown().cancel();
}

#[tokio::test]
async fn a_worker_that_is_gone_or_silent_is_said_plainly() {
    let api = service().await;
    let id = api.create_id().await;
    let path = format!("/jobs/{id}/logs");
    let epoch = api.listen(id).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    register(&api, &closed).await;
    let answer = api.get(&path).await;
    let problem = answer.problem(503);
    let worker = api.store.workers().await.unwrap()[0].id;
    assert!(problem["detail"].as_str().unwrap().contains(&worker.to_string()), "{problem}");
    assert!(!answer.text.contains(&closed), "the address of a worker is not told: {problem}");
    assert_eq!(answer.header("retry-after"), "5");

    // Nonsense is no log, either.
    let nonsense = Worker::default();
    *nonsense.told.lock().unwrap() = json!({"lines": 1});
    let (tasks, url) = nonsense.serve().await;
    register(&api, &url).await;
    api.get(&path).await.problem(503);
    tasks.shutdown().cancel();

    api.send("PUT", &format!("/jobs/{id}/stop")).await;
    api.exit(id, epoch).await;
    api.store.forget_worker(worker).await.unwrap();
    let problem = api.get(&path).await.problem(404);
    assert_eq!(problem["type"], "/problems/log-gone");
    assert!(problem["detail"].as_str().unwrap().contains("not registered any more"), "{problem}");
}

#[tokio::test]
async fn bad_questions_for_logs_are_refused() {
    let api = service().await;
    let id = api.create_id().await;
    for query in ["lines=0", "lines=1001", "lines=-1", "lines=all", "lines=", "line=1", "lines=1&lines=2"] {
        api.get(&format!("/jobs/{id}/logs?{query}")).await.problem(400);
    }
    api.get(&format!("/jobs/{NOBODY}/logs")).await.problem(404);
    api.get("/jobs/x/logs").await.problem(404);
    api.send("PUT", &format!("/jobs/{id}/logs")).await.problem(405);
}

#[tokio::test]
async fn workers_are_told_without_what_only_services_need() {
    let api = service().await;
    assert_eq!(api.get("/workers").await.json(), json!([]));
    let id: JobId = api.create_id().await;
    api.listen(id).await;
    let record = WorkerRecord {
        id: WorkerId::from_uuid(Uuid::from_u128(9)),
        incarnation: Incarnation::from_uuid(Uuid::from_u128(1)),
        control_url: "http://10.0.0.9:2080".to_owned(),
        public_host: "worker-9.example".to_owned(),
        standing: Standing::Draining,
        ..api.store.workers().await.unwrap().remove(0)
    };
    api.store.register_worker(&record).await.unwrap();
    let answer = api.get("/workers/").await;
    let workers = answer.json();
    assert_eq!(workers.as_array().unwrap().len(), 2);
    let (first, second) = (&workers[0], &workers[1]);
    assert_eq!((&first["state"], &first["address"]), (&json!("ready"), &json!("203.0.113.7")));
    assert_eq!((&first["jobs"], &first["max_runs"]), (&json!([id]), &json!(16)));
    assert_eq!(first["capacity_millicores"], 4000);
    assert!(first["load_millicores"].as_u64().unwrap() > 0 && first["heartbeat_age_ms"].is_u64());
    assert_eq!((&second["state"], &second["address"]), (&json!("draining"), &json!("worker-9.example")));
    assert!(!answer.text.contains("2080"), "{}", answer.text);
    api.get("/workers?state=ready").await.problem(400);
}

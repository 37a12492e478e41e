//! A scheduler that records what workers tell and answers what the test wants.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use ez_api::internal::{
    Heartbeat, HeartbeatReply, RegisterWorker, Registered, RunAction, RunOrder, RunStatus, StreamKeyVerifier,
};
use ez_domain::id::{Epoch, JobId};
use ez_domain::spec::JobSpec;
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) const TOKEN: &str = "token-of-the-services";
pub(crate) const KEY_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000abc";

/// How the scheduler takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Up,
    Refusing,
    Hanging,
}

pub(crate) struct Book {
    pub(crate) mood: Mood,
    pub(crate) known: bool,
    pub(crate) orders: Vec<RunOrder>,
    pub(crate) registrations: Vec<RegisterWorker>,
    pub(crate) beats: Vec<(Instant, Heartbeat)>,
    pub(crate) calls_while_away: u32,
    pub(crate) wrong_tokens: u32,
    pub(crate) heartbeat_ms: u64,
}

#[derive(Clone)]
pub(crate) struct Scheduler {
    pub(crate) url: String,
    book: Arc<Mutex<Book>>,
}

impl Scheduler {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let book = Book {
            mood: Mood::Up,
            known: true,
            orders: Vec::new(),
            registrations: Vec::new(),
            beats: Vec::new(),
            calls_while_away: 0,
            wrong_tokens: 0,
            heartbeat_ms: 200,
        };
        let scheduler = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            book: Arc::new(Mutex::new(book)),
        };
        let router = Router::new()
            .route("/workers", post(register))
            .route("/heartbeat", post(beat))
            .with_state(scheduler.clone());
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        scheduler
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub(crate) fn order(&self, orders: Vec<RunOrder>) {
        self.book().orders = orders;
    }

    /// The newest report.
    pub(crate) fn last(&self) -> Option<Heartbeat> {
        self.book().beats.last().map(|(_, beat)| beat.clone())
    }

    /// What the newest report says about a run.
    pub(crate) fn status(&self, order: &RunOrder) -> Option<RunStatus> {
        self.last()?.runs.into_iter().find(|run| run.job == order.job && run.epoch == order.epoch)
    }

    async fn admit(&self, headers: &HeaderMap) -> Option<Response> {
        let mood = {
            let mut book = self.book();
            if headers.get("authorization").is_none_or(|value| value != &format!("Bearer {TOKEN}")) {
                book.wrong_tokens += 1;
                return Some(StatusCode::UNAUTHORIZED.into_response());
            }
            if book.mood != Mood::Up {
                book.calls_while_away += 1;
            }
            book.mood
        };
        match mood {
            Mood::Up => None,
            Mood::Refusing => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
            Mood::Hanging => std::future::pending().await,
        }
    }
}

async fn register(
    State(scheduler): State<Scheduler>,
    headers: HeaderMap,
    Json(worker): Json<RegisterWorker>,
) -> Response {
    if let Some(refusal) = scheduler.admit(&headers).await {
        return refusal;
    }
    let mut book = scheduler.book();
    book.registrations.push(worker);
    (StatusCode::CREATED, Json(Registered { heartbeat_ms: book.heartbeat_ms, lease_ms: 6000 }))
        .into_response()
}

async fn beat(
    State(scheduler): State<Scheduler>,
    headers: HeaderMap,
    Json(beat): Json<Heartbeat>,
) -> Response {
    if let Some(refusal) = scheduler.admit(&headers).await {
        return refusal;
    }
    let mut book = scheduler.book();
    book.beats.push((Instant::now(), beat));
    let runs = if book.known { book.orders.clone() } else { Vec::new() };
    Json(HeartbeatReply { known: book.known, runs }).into_response()
}

pub(crate) fn new_job() -> JobId {
    JobId::from_uuid(Uuid::new_v4())
}

pub(crate) fn run(job: JobId, epoch: u64) -> RunOrder {
    let stream_key = StreamKeyVerifier { salt: "salt".into(), sha256: KEY_HASH.into() };
    RunOrder {
        job,
        epoch: Epoch::new(epoch),
        action: RunAction::Run { spec: Box::new(spec()), stream_key, content_key: None },
    }
}

pub(crate) fn stop(order: &RunOrder) -> RunOrder {
    RunOrder { action: RunAction::Stop, ..order.clone() }
}

pub(crate) fn hold(order: &RunOrder) -> RunOrder {
    RunOrder { action: RunAction::Hold, ..order.clone() }
}

pub(crate) fn spec() -> JobSpec {
    let body = br#"{"Output": {"Stream_type": "hls", "Segment_format": "fmp4", "Fragment_duration": 1,
        "Segment_duration": 4, "S3_output": {"Bucket": "a-bucket"},
        "Video_outputs": [{"Codec": "h264", "Width": 640, "Height": 360, "Bitrate": "400k"}]}}"#;
    ez_api::create_job::parse(body).unwrap().spec
}

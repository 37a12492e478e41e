//! Calls to the scheduler: who we are, and how our runs are.

use std::time::Duration;

use ez_api::internal::{Heartbeat, HeartbeatReply, RegisterWorker, Registered};
use ez_domain::secret::Secret;
use ez_service::telemetry::chain;
use reqwest::{Client, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A registration may take longer than a heartbeat: nothing waits for it.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(5);
/// A beat that is not answered in this time is of no use: the next one carries the same and more.
const BEAT_TIMEOUT: Duration = Duration::from_millis(1500);
/// Largest answer that is read: 4096 runs of a few kilobytes.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer.
    #[error("the scheduler does not answer")]
    Transport(#[source] reqwest::Error),
    /// The token is not the scheduler's.
    #[error("the scheduler refuses the token: Service_token must be the same for all services")]
    Forbidden,
    /// Another refusal.
    #[error("the scheduler answers {0}")]
    Status(StatusCode),
    /// The answer is too large.
    #[error("the scheduler's answer is larger than 16 MiB")]
    TooLarge,
    /// The answer makes no sense.
    #[error("the scheduler's answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
}

impl CallError {
    /// The whole chain for a log line.
    pub(crate) fn words(&self) -> String {
        chain(self)
    }
}

/// The way to the scheduler.
#[derive(Debug, Clone)]
pub(crate) struct Scheduler {
    client: Client,
    base: String,
    token: Option<Secret<String>>,
}

impl Scheduler {
    /// A client for the scheduler at `base`.
    pub(crate) fn new(base: String, token: Option<Secret<String>>) -> Result<Self, reqwest::Error> {
        // A proxy for the outside world must not see internal calls.
        let client = Client::builder().no_proxy().pool_idle_timeout(Duration::from_secs(30)).build()?;
        Ok(Self { client, base, token })
    }

    /// Introduces this worker.
    pub(crate) async fn register(&self, worker: &RegisterWorker) -> Result<Registered, CallError> {
        self.post("/workers", worker, REGISTER_TIMEOUT).await
    }

    /// Tells how the runs are; the answer says which to hold.
    pub(crate) async fn beat(&self, beat: &Heartbeat) -> Result<HeartbeatReply, CallError> {
        self.post("/heartbeat", beat, BEAT_TIMEOUT).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        timeout: Duration,
    ) -> Result<T, CallError> {
        let mut request = self.client.post(format!("{}{path}", self.base)).timeout(timeout).json(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let mut answer = request.send().await.map_err(CallError::Transport)?;
        match answer.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(CallError::Forbidden),
            status if !status.is_success() => return Err(CallError::Status(status)),
            _ => {}
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(CallError::Transport)? {
            if bytes.len() + chunk.len() > ANSWER_LIMIT {
                return Err(CallError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(CallError::Unreadable)
    }
}

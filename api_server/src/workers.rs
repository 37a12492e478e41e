//! Asks workers what only they know. Their addresses come from their registrations.

use std::time::Duration;

use ez_api::internal::LogLine;
use ez_api::problem::Problem;
use ez_domain::id::JobId;
use ez_domain::secret::Secret;
use ez_service::telemetry::chain;
use ez_store::WorkerRecord;

/// Longest wait for a worker's answer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// When to ask a silent worker again.
const AGAIN: Duration = Duration::from_secs(5);
/// Largest answer: the most lines of the greatest length, and their JSON.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The client for the workers' own routes. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Workers {
    client: reqwest::Client,
    token: Option<Secret<String>>,
}

impl Workers {
    /// A client that proves itself with `token`, where there is one.
    pub(crate) fn new(token: Option<Secret<String>>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, token })
    }

    /// The last lines that the job's runs logged on this worker.
    pub(crate) async fn logs(
        &self,
        worker: &WorkerRecord,
        job: JobId,
        lines: usize,
    ) -> Result<Vec<LogLine>, Problem> {
        let base = worker.control_url.trim_end_matches('/');
        let mut request = self.client.get(format!("{base}/jobs/{job}/logs?lines={lines}"));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        match read(request).await {
            Ok(lines) => Ok(lines),
            Err(error) => {
                tracing::warn!(worker = %worker.id, %job, error, "a worker did not tell its log");
                let detail = format!(
                    "worker {} has the log and does not answer just now; its state is in GET /workers",
                    worker.id
                );
                Err(Problem { detail, ..Problem::unavailable(AGAIN) })
            }
        }
    }
}

/// The lines, or why there are none. Addresses stay out of the text: they may be told to nobody.
async fn read(request: reqwest::RequestBuilder) -> Result<Vec<LogLine>, String> {
    let told = |error: reqwest::Error| chain(&error.without_url());
    let mut response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(told)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(format!("the answer has more than {LARGEST_ANSWER} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| chain(&error))
}

//! The API as a client sees it that knows the addresses of several servers.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ez_domain::id::{Epoch, JobId};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::verdict::Told;

/// Longer than a server takes for any answer, so that a request is never answered behind our back.
const PATIENCE: Duration = Duration::from_secs(20);
/// Jobs on one page of the list.
const PAGE: usize = 500;

/// A client.
#[derive(Debug, Clone)]
pub struct Api {
    servers: Vec<String>,
    http: Client,
}

/// What came of a request.
#[derive(Debug)]
pub enum Answer {
    /// A server answered.
    Said(StatusCode, Value),
    /// No server took the request.
    NotSent,
    /// One took it and did not answer, or answered that it does not know: it may have been followed or not.
    Lost,
}

impl Api {
    /// A client of these servers.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(servers: Vec<String>) -> Result<Self> {
        ensure!(!servers.is_empty(), "an API without servers");
        Ok(Self { servers, http: Client::builder().no_proxy().timeout(PATIENCE).build()? })
    }

    /// Asks the server with this number, and the others when it takes no connection.
    pub async fn ask(&self, first: usize, method: &Method, path: &str, body: Option<&Value>) -> Answer {
        for turn in 0..self.servers.len() {
            let server = &self.servers[(first + turn) % self.servers.len()];
            let mut request = self.http.request(method.clone(), format!("{server}{path}"));
            if let Some(body) = body {
                request = request.json(body);
            }
            match request.send().await {
                Ok(answer) => {
                    let status = answer.status();
                    let Ok(text) = answer.text().await else { return Answer::Lost };
                    // The store did not answer in time: the change may be there.
                    if status == StatusCode::SERVICE_UNAVAILABLE {
                        return Answer::Lost;
                    }
                    return match serde_json::from_str(&text) {
                        Ok(json) => Answer::Said(status, json),
                        Err(_) => Answer::Said(status, Value::Null),
                    };
                }
                Err(error) if error.is_connect() => {}
                Err(_) => return Answer::Lost,
            }
        }
        Answer::NotSent
    }

    /// Every job, by its own server's word.
    ///
    /// # Errors
    /// When a page cannot be had.
    pub async fn jobs(&self) -> Result<BTreeMap<JobId, Told>> {
        let mut jobs = BTreeMap::new();
        let mut path = format!("/jobs?limit={PAGE}");
        loop {
            let server = self.servers.first().context("a server")?;
            let answer = self.http.get(format!("{server}{path}")).send().await?.error_for_status()?;
            let next = answer.headers().get("link").and_then(|link| link.to_str().ok()).and_then(next_page);
            for job in answer.json::<Vec<Value>>().await? {
                jobs.insert(id_of(&job)?, told(&job));
            }
            match next {
                Some(next) => path = next,
                None => return Ok(jobs),
            }
        }
    }

    /// Makes a small job.
    ///
    /// # Errors
    /// When it is refused, or there is no answer.
    pub async fn create(&self, first: usize) -> Result<JobId> {
        self.create_from(first, &small_job()).await
    }

    /// Makes a job from a document.
    ///
    /// # Errors
    /// When it is refused, or there is no answer.
    pub async fn create_from(&self, first: usize, job: &Value) -> Result<JobId> {
        match self.ask(first, &Method::POST, "/jobs", Some(job)).await {
            Answer::Said(StatusCode::CREATED, job) => id_of(&job),
            other => bail!("create: {other:?}"),
        }
    }
}

/// The path in `<…>; rel="next"` (RFC 8288).
fn next_page(link: &str) -> Option<String> {
    let (path, relation) = link.strip_prefix('<')?.split_once('>')?;
    relation.contains("\"next\"").then(|| path.to_owned())
}

/// The identity of a job as the API answers it.
///
/// # Errors
/// When it has none.
pub fn id_of(job: &Value) -> Result<JobId> {
    let id = job["Id"].as_str().with_context(|| format!("a job without Id: {job}"))?;
    id.parse().with_context(|| format!("read the id {id}"))
}

/// The epoch of a job as the API answers it.
pub fn epoch_of(job: &Value) -> Epoch {
    Epoch::new(job["Epoch"].as_u64().unwrap_or_default())
}

fn told(job: &Value) -> Told {
    let text = |key: &str| job[key].as_str().unwrap_or_default().to_owned();
    Told { phase: text("Phase"), epoch: epoch_of(job), worker: text("Assigned_worker_id") }
}

/// One rendition with sound, in the bucket of every installation.
pub fn small_job() -> Value {
    json!({"Output": {
        "Stream_type": "hls+dash", "Segment_duration": 2,
        "S3_output": {"Bucket": ez_local::launch::BUCKET},
        "Video_outputs": [{"Label": "low", "Codec": "h264", "Framerate": 30, "Width": 640, "Height": 360,
            "Bitrate": "600k", "Max_bitrate": "800k", "Preset": "veryfast", "Threads": 2}],
        "Audio_outputs": [{"Label": "sound", "Codec": "aac", "Bitrate": "128k"}]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_read_from_its_link() {
        let link = "</jobs?limit=500&cursor=1.x>; rel=\"next\"";
        assert_eq!(next_page(link).as_deref(), Some("/jobs?limit=500&cursor=1.x"));
        assert_eq!(next_page("</jobs>; rel=\"prev\""), None);
        assert_eq!(next_page("nonsense"), None);
    }
}

//! Creations of jobs: as fast as they go, or at a fixed rate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_domain::id::JobId;
use reqwest::{Client, StatusCode, header};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::control::api::{id_of, small_job};

/// One job that was created.
pub(super) struct Creation {
    pub(super) job: JobId,
    /// When the request was to be sent.
    pub(super) due: Instant,
    /// When its answer was read.
    pub(super) answered: Instant,
}

/// All of them.
pub(super) type Creations = Vec<Creation>;

pub(super) fn client() -> Result<Client> {
    Client::builder().no_proxy().tcp_nodelay(true).build().context("prepare a client")
}

/// So many creations, of which `at_once` are under way at a time.
pub(super) async fn burst(api: &str, jobs: usize, at_once: usize) -> Result<Creations> {
    let places = Arc::new(Semaphore::new(at_once));
    let mut creating = JoinSet::new();
    let (client, url, body) = request(api)?;
    for _ in 0..jobs {
        let place = Arc::clone(&places).acquire_owned().await.context("wait for a place")?;
        let (client, url, body) = (client.clone(), url.clone(), body.clone());
        creating.spawn(async move {
            let created = create(&client, &url, body, Instant::now()).await;
            drop(place);
            created
        });
    }
    gather(creating).await
}

/// So many creations, one each `interval` whatever their answers take.
pub(super) async fn open_loop(api: &str, jobs: u32, interval: Duration) -> Result<Creations> {
    let mut creating = JoinSet::new();
    let (client, url, body) = request(api)?;
    let began = Instant::now();
    for number in 0..jobs {
        let due = began + interval * number;
        sleep_until(due).await;
        let (client, url, body) = (client.clone(), url.clone(), body.clone());
        creating.spawn(async move { create(&client, &url, body, due).await });
    }
    gather(creating).await
}

fn request(api: &str) -> Result<(Client, String, String)> {
    Ok((client()?, format!("{api}/jobs"), small_job().to_string()))
}

async fn create(client: &Client, url: &str, body: String, due: Instant) -> Result<Creation> {
    let request = client.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
    let answer = request.send().await.context("create a job")?;
    let status = answer.status();
    let job: Value = answer.json().await.context("read the job")?;
    let answered = Instant::now();
    ensure!(status == StatusCode::CREATED, "create answers {status}: {job}");
    Ok(Creation { job: id_of(&job)?, due, answered })
}

async fn gather(mut creating: JoinSet<Result<Creation>>) -> Result<Creations> {
    let mut creations = Vec::with_capacity(creating.len());
    while let Some(created) = creating.join_next().await {
        creations.push(created.context("a creation")??);
    }
    Ok(creations)
}

//! The least that a control plane of this kind can cost: a write to Redis, and an HTTP request.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// SETs a second of a value of this size, from so many connections that each wait for their answers.
pub(super) async fn redis(address: &str, value: &[u8], clients: usize, time: Duration) -> Result<f64> {
    let client = redis::Client::open(address).context("read the address of Redis")?;
    let end = Instant::now() + time;
    let mut asking = JoinSet::new();
    for number in 0..clients {
        let mut connection = client.get_multiplexed_async_connection().await.context("connect to Redis")?;
        let value = value.to_vec();
        asking.spawn(async move {
            let (key, mut answers) = (format!("bare:{number}"), 0_u32);
            while Instant::now() < end {
                let _: String = redis::cmd("SET").arg(&key).arg(&value).query_async(&mut connection).await?;
                answers += 1;
            }
            let _: u32 = redis::cmd("DEL").arg(&key).query_async(&mut connection).await?;
            Ok(answers)
        });
    }
    rate(asking, time).await
}

/// Requests a second to a server that does nothing, by the client that creates jobs.
pub(super) async fn http(clients: usize, time: Duration) -> Result<f64> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("bind a port")?;
    let url = format!("http://{}/healthz", listener.local_addr().context("read the port")?);
    let router = Router::new().route("/healthz", get(|| async { "ok\n" }));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await });
    let client = super::load::client()?;
    let end = Instant::now() + time;
    let mut asking = JoinSet::new();
    for _ in 0..clients {
        let (client, url) = (client.clone(), url.clone());
        asking.spawn(async move {
            let mut answers = 0_u32;
            while Instant::now() < end {
                let answer = client.get(&url).send().await?;
                ensure!(answer.status().is_success(), "it answers {}", answer.status());
                answer.bytes().await?;
                answers += 1;
            }
            Ok(answers)
        });
    }
    rate(asking, time).await
}

async fn rate(mut asking: JoinSet<Result<u32>>, time: Duration) -> Result<f64> {
    let mut answers = 0_u32;
    while let Some(asked) = asking.join_next().await {
        answers += asked.context("a client")??;
    }
    Ok(f64::from(answers) / time.as_secs_f64())
}

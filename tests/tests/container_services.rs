//! The services start as compose.yaml says and work together: two workers of one host, each with ports of its own.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::containers::plain::Plain;
use ez_testkit::tools::workspace_root;
use ez_testkit::wait::eventually;
use reqwest::Client;
use serde_json::Value;

async fn json(request: reqwest::RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

#[tokio::test]
async fn two_workers_of_one_host_take_channels_on_ports_of_their_own() -> Result<()> {
    let plain = Plain::start(2).await?;
    let http = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
    let api = format!("http://127.0.0.1:{}", plain.ports.api);
    let sample = std::fs::read_to_string(workspace_root().join("sample_live_job.json"))?;
    let mut slots = Vec::new();
    for _ in 0..2 {
        let post = http.post(format!("{api}/jobs")).header("Content-Type", "application/json");
        let created = json(post.body(sample.clone())).await?;
        let url = format!("{api}/jobs/{}", created["Id"].as_str().context("Id")?);
        let listening = eventually(Duration::from_secs(60), "an address to publish to", || async {
            let job = json(http.get(&url)).await?;
            ensure!(job["RtmpIngestUrl"] != "", "{job}");
            Ok::<_, anyhow::Error>(job)
        })
        .await
        .with_context(|| plain.last_words())?;
        let port = listening["RtmpIngestPort"].as_u64().context("a port")?;
        slots.push((port - u64::from(plain.ports.rtmp_base)) / 16);
        let playback = listening["Playback_url"].as_str().context("Playback_url")?;
        ensure!(playback.starts_with(&format!("http://127.0.0.1:{}/ezlive/", plain.ports.s3)), "{playback}");
    }
    slots.sort_unstable();
    assert_eq!(slots, [0, 1], "each worker has one channel");
    // The commands came by the queue, not by the sweep that makes up for its loss.
    let figures =
        http.get(format!("http://127.0.0.1:{}/metrics", plain.ports.scheduler)).send().await?.text().await?;
    let from_queue = figures.lines().find(|line| line.contains("source=\"queue\""));
    ensure!(from_queue.is_some_and(|line| line.ends_with(" 2")), "{from_queue:?}\n{}", plain.last_words());
    Ok(())
}

//! What the product costs beside the tools that it drives.
//!
//! The same half minute of 720p30 goes first through a channel, then through the same ffmpeg and
//! packager command lines started by a shell script: the floor. Processor time is read over the same
//! stretch of both; latency is that of the newest media in the published playlist, from the moment at
//! which the last picture of a segment came in (PROGRAM-DATE-TIME, which is the ingest clock).

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_testkit::media::hls::HlsClient;
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::Contribution;
use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use super::cost::{Cost, FROM, TO, share, used};
use super::floor::floor;
use super::ladder::job;
use super::viewing::{POLL, frames, latencies};
use crate::installation::{Installation, text};
use crate::processes::{find, parent, pss_mib};

const SECONDS: u32 = 30;
const FRAMES: u16 = 30 * 30;

/// Runs both sides; answers the table.
///
/// # Errors
/// When either side does not run.
pub async fn run() -> Result<String> {
    let flv = Contribution { seconds: SECONDS, b_frames: 0, ..Contribution::default() }.flv().await?;
    let mut table = String::from("media: 30 s of 720p30, three renditions, veryfast, segments of 2 s\n\n");
    for low_latency in [false, true] {
        let job = job("veryfast", low_latency);
        let channel = channel(&flv, &job).await?;
        let floor = floor(&flv, &job).await?;
        let _ = writeln!(table, "Low_latency_mode {low_latency}");
        let _ = writeln!(table, "{:<44} {:>10} {:>10} {:>10}", "", "ours", "floor", "ours/floor");
        let mut row = |name: &str, ours: f64, floor: Option<f64>| {
            let beside = floor.map_or_else(String::new, |floor| format!("{floor:.3}"));
            let ratio = floor.map_or_else(String::new, |floor| format!("{:.3}", ours / floor));
            let _ = writeln!(table, "{name:<44} {ours:>10.3} {beside:>10} {ratio:>10}");
        };
        let cost = channel.cost;
        row("ffmpeg, cores", cost.ffmpeg, Some(floor.ffmpeg));
        row("packager, cores", cost.packager, Some(floor.packager));
        row("worker_transcoder + worker_app, cores", cost.ours, None);
        row("all, cores", cost.all(), Some(floor.all()));
        row("packager, MiB (PSS)", cost.packager_mib, Some(floor.packager_mib));
        row("worker_transcoder, MiB (PSS)", cost.transcoder_mib, None);
        row("worker_app, MiB (PSS)", cost.worker_mib, None);
        row("first playable, s after the publisher's start", channel.first_playable.as_secs_f64(), None);
        row("newest-media latency, mean s", channel.latency_mean, None);
        row("newest-media latency, worst s", channel.latency_worst, None);
        row("frames dropped, all renditions", channel.dropped, None);
        row("frames doubled, all renditions", channel.doubled, None);
        table.push('\n');
    }
    Ok(table)
}

struct Channel {
    cost: Cost,
    first_playable: Duration,
    latency_mean: f64,
    latency_worst: f64,
    dropped: f64,
    doubled: f64,
}

async fn channel(flv: &Path, job: &Value) -> Result<Channel> {
    let installation = Installation::start(1).await?;
    let mut job = job.clone();
    job["Output"]["S3_output"]["Bucket"] = Value::String(installation.stack.endpoints().bucket);
    let created = installation.create(&job).await?;
    let id = text(&created, "Id").to_owned();
    let listening =
        installation.until(&id, "a worker listens", 15, |job| !text(job, "RtmpIngestUrl").is_empty()).await?;
    let hls = text(&listening, "Playback_url").to_owned();
    let mut publisher = Publisher::start(flv, text(&listening, "RtmpIngestUrl"), Repeat::Once)?;
    let began = Instant::now();
    while installation.fetch(&hls).await.is_err() {
        ensure!(began.elapsed() < Duration::from_secs(20), "nothing is playable");
        sleep(POLL).await;
    }
    let first_playable = began.elapsed();

    let presentation = HlsClient::new()?.presentation(&hls).await?;
    let first = presentation.renditions.first().context("no rendition")?.0.url.clone();
    let data = installation.stack.layout().root().to_owned();
    let (latencies, cost) = tokio::join!(latencies(first.as_str(), began + TO), channel_cost(&data, began));
    let (latencies, cost) = (latencies?, cost?);
    publisher.wait(Duration::from_secs(60)).await?;
    installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
    installation.until(&id, "it stopped", 60, |job| text(job, "State") == "stopped").await?;
    let (dropped, doubled) = frames(&hls, FRAMES).await?;
    let count = latencies.len().max(1);
    let latency_mean = latencies.iter().sum::<f64>() / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let latency_worst = latencies.iter().copied().fold(0.0, f64::max);
    Ok(Channel { cost, first_playable, latency_mean, latency_worst, dropped, doubled })
}

async fn channel_cost(data: &Path, began: Instant) -> Result<Cost> {
    sleep_until(began + FROM).await;
    let (ffmpeg, packager) = (find(data, "ffmpeg")?, find(data, "packager")?);
    let transcoder = parent(ffmpeg)?;
    let worker = parent(transcoder)
        .ok()
        .filter(|pid| pid.as_raw() != 1)
        .map_or_else(|| find(data, "worker_app"), Ok)?;
    let before = used([ffmpeg, packager, transcoder, worker])?;
    sleep_until(began + TO).await;
    let after = used([ffmpeg, packager, transcoder, worker])?;
    let cores = |at: usize| share(before, after, at);
    Ok(Cost {
        ffmpeg: cores(0),
        packager: cores(1),
        ours: cores(2) + cores(3),
        packager_mib: pss_mib(packager)?,
        transcoder_mib: pss_mib(transcoder)?,
        worker_mib: pss_mib(worker)?,
    })
}

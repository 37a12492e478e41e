//! Four channels on one machine for minutes: does each frame come through, and in time?
//!
//! All are zerolatency ladders. Beside them stand four of the bare pipelines, which tell whether the
//! machine carries so much at all.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_testkit::media::hls::HlsClient;
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::Contribution;
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::cost::FROM;
use super::floor::floor;
use super::ladder::job;
use super::viewing::{frames, latencies};
use crate::installation::{Installation, text};
use crate::processes::{cpu, find, find_all, parent};

const CHANNELS: usize = 4;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'text> {
    /// Length of the measurement.
    pub seconds: u32,
    /// Preset of all encoders.
    pub preset: &'text str,
    /// The lowest so many of the ladder.
    pub renditions: usize,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self { seconds: 300, preset: "superfast", renditions: 3 }
    }
}

/// Runs the channels and then the bare pipelines; answers the table.
///
/// # Errors
/// When they do not run.
pub async fn run(plan: Plan<'_>) -> Result<String> {
    let Plan { seconds, preset, renditions } = plan;
    let sent = u16::try_from(seconds * 30).context("more frames than can be numbered")?;
    let flv = Contribution { seconds, b_frames: 0, ..Contribution::default() }.flv().await?;
    let mut job = job(preset, true);
    if let Some(ladder) = job["Output"]["Video_outputs"].as_array_mut() {
        ladder.truncate(renditions);
    }
    job["Output"]["Time_shift_buffer_depth"] = json!(seconds + 60);
    let (cores, channels) = ours(&flv, &job, seconds, sent).await?;
    let short = Contribution { seconds: 30, b_frames: 0, ..Contribution::default() }.flv().await?;
    let floor = floors(&short, &job).await?;

    let mut table = format!(
        "channels: {CHANNELS} zerolatency channels of 720p30, {renditions} renditions, {preset}, for {seconds} s\n\n\
         channel | segments | newest-media latency: median | p95 | worst | frames dropped | doubled\n"
    );
    for (number, channel) in channels.iter().enumerate() {
        let _ = writeln!(
            table,
            "{} | {} | {:.2} s | {:.2} s | {:.2} s | {} | {}",
            number + 1,
            channel.latencies.len(),
            channel.at(50),
            channel.at(95),
            channel.at(100),
            channel.dropped,
            channel.doubled
        );
    }
    let _ = writeln!(
        table,
        "\ncores, all processes of ours and theirs: {cores:.2}; {CHANNELS} bare pipelines, from 6 to 28 s: {floor:.2}; \
         ratio {:.3}",
        cores / floor
    );
    Ok(table)
}

struct Channel {
    latencies: Vec<f64>,
    dropped: f64,
    doubled: f64,
}

impl Channel {
    fn at(&self, percent: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last * percent).div_ceil(100)).copied().unwrap_or(f64::NAN)
    }
}

async fn ours(flv: &Path, job: &Value, seconds: u32, sent: u16) -> Result<(f64, Vec<Channel>)> {
    let installation = Installation::start(1).await?;
    let mut job = job.clone();
    job["Output"]["S3_output"]["Bucket"] = Value::String(installation.stack.endpoints().bucket);
    let mut playing = Vec::new();
    for _ in 0..CHANNELS {
        let created = installation.create(&job).await?;
        let id = text(&created, "Id").to_owned();
        let listens = |job: &Value| !text(job, "RtmpIngestUrl").is_empty();
        let job = installation.until(&id, "a worker listens", 15, listens).await?;
        let publisher = Publisher::start(flv, text(&job, "RtmpIngestUrl"), Repeat::Once)?;
        playing.push((id, text(&job, "Playback_url").to_owned(), publisher));
    }
    let began = Instant::now();
    let until = began + Duration::from_secs(u64::from(seconds) - 3);
    for (id, _, _) in &playing {
        installation.until(id, "it streams", 30, |job| text(job, "State") == "streaming").await?;
    }
    sleep_until(began + FROM).await;
    let data = installation.stack.layout().root().to_owned();
    let everybody = everybody(&data)?;
    let before = spent(&everybody)?;
    let mut readings = JoinSet::new();
    for (number, (_, hls, _)) in playing.iter().enumerate() {
        let presentation = HlsClient::new()?.presentation(hls).await?;
        let first = presentation.renditions.first().context("no rendition")?.0.url.to_string();
        readings.spawn(async move { latencies(&first, until).await.map(|reading| (number, reading)) });
    }
    let mut latencies = Vec::new();
    while let Some(reading) = readings.join_next().await {
        let (number, mut reading) = reading.context("a reading")??;
        reading.sort_by(f64::total_cmp);
        latencies.push((number, reading));
    }
    latencies.sort_by_key(|(number, _)| *number);
    let cores = (spent(&everybody)? - before).as_secs_f64() / (began + FROM).elapsed().as_secs_f64();

    let mut channels = Vec::new();
    for ((id, hls, mut publisher), (_, latencies)) in playing.into_iter().zip(latencies) {
        publisher.wait(Duration::from_secs(60)).await?;
        installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
        installation.until(&id, "it stopped", 60, |job| text(job, "State") == "stopped").await?;
        let (dropped, doubled) = frames(&hls, sent).await?;
        channels.push(Channel { latencies, dropped, doubled });
    }
    Ok((cores, channels))
}

/// Everybody who works for the channels.
fn everybody(data: &Path) -> Result<Vec<Pid>> {
    let ffmpegs = find_all(data, "ffmpeg")?;
    let mut all = find_all(data, "packager")?;
    for ffmpeg in &ffmpegs {
        all.push(parent(*ffmpeg)?);
    }
    all.extend(ffmpegs);
    all.push(find(data, "worker_app")?);
    Ok(all)
}

fn spent(processes: &[Pid]) -> Result<Duration> {
    processes.iter().map(|process| cpu(*process)).sum()
}

/// Cores that as many bare pipelines use.
async fn floors(flv: &Path, job: &Value) -> Result<f64> {
    let mut running = JoinSet::new();
    for _ in 0..CHANNELS {
        let (flv, job) = (flv.to_owned(), job.clone());
        running.spawn(async move { floor(&flv, &job).await });
    }
    let mut cores = 0.0;
    while let Some(cost) = running.join_next().await {
        cores += cost.context("a bare pipeline")??.all();
    }
    Ok(cores)
}

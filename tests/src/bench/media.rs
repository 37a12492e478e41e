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

/// Rounds unless the caller wishes another number.
pub const ROUNDS: u32 = 3;

/// Runs both sides in turn, `rounds` times in each mode; answers the table of medians.
///
/// # Errors
/// When either side does not run, or `rounds` is 0.
pub async fn run(rounds: u32) -> Result<String> {
    ensure!(rounds > 0, "0 rounds measure nothing");
    let flv = Contribution { seconds: SECONDS, b_frames: 0, ..Contribution::default() }.flv().await?;
    let mut table = format!(
        "media: 30 s of 720p30, three renditions, veryfast, segments of 2 s; medians of {rounds} rounds in turn\n\n"
    );
    for low_latency in [false, true] {
        let job = job("veryfast", low_latency);
        let mut measured = Vec::new();
        for _ in 0..rounds {
            measured.push(Round { ours: channel(&flv, &job).await?, floor: floor(&flv, &job).await? });
        }
        let _ = writeln!(table, "Low_latency_mode {low_latency}\n{}", rows(&measured));
    }
    Ok(table)
}

/// One turn of both sides.
struct Round {
    ours: Channel,
    floor: Cost,
}

fn rows(rounds: &[Round]) -> String {
    type Figure = fn(&Channel) -> f64;
    type Both = fn(&Cost) -> f64;
    let mut rows =
        format!("{:<44} {:>10} {:>10} {:>10} {:>15}\n", "", "ours", "floor", "ours/floor", "ratios");
    let of = |value: &dyn Fn(&Round) -> f64| rounds.iter().map(value).collect::<Vec<_>>();
    let both: [(&str, Both); 5] = [
        ("ffmpeg, cores", |cost| cost.ffmpeg),
        ("packager, cores", |cost| cost.packager),
        ("all, cores", |cost| cost.all()),
        ("ffmpeg, MiB (PSS)", |cost| cost.ffmpeg_mib),
        ("packager, MiB (PSS)", |cost| cost.packager_mib),
    ];
    for (name, figure) in both {
        let (ours, floor) = (of(&|round| figure(&round.ours.cost)), of(&|round| figure(&round.floor)));
        let ratios = of(&|round| figure(&round.ours.cost) / figure(&round.floor));
        let range = format!("{:.2} to {:.2}", least(&ratios), most(&ratios));
        let (ours, floor, ratio) = (median(ours), median(floor), median(ratios));
        let _ = writeln!(rows, "{name:<44} {ours:>10.3} {floor:>10.3} {ratio:>10.3} {range:>15}");
    }
    let alone: [(&str, Figure); 5] = [
        ("worker_transcoder + worker_app, cores", |ours| ours.cost.ours),
        ("worker_transcoder, MiB (PSS)", |ours| ours.cost.transcoder_mib),
        ("worker_app, MiB (PSS)", |ours| ours.cost.worker_mib),
        ("first playable, s after the publisher's start", |ours| ours.first_playable.as_secs_f64()),
        ("newest-media latency, mean s", |ours| ours.latency_mean),
    ];
    for (name, figure) in alone {
        let _ = writeln!(rows, "{name:<44} {:>10.3}", median(of(&|round| figure(&round.ours))));
    }
    let worst: [(&str, Figure); 3] = [
        ("newest-media latency, worst s", |ours| ours.latency_worst),
        ("frames dropped, all renditions, worst", |ours| ours.dropped),
        ("frames doubled, all renditions, worst", |ours| ours.doubled),
    ];
    for (name, figure) in worst {
        let _ = writeln!(rows, "{name:<44} {:>10.3}", most(&of(&|round| figure(&round.ours))));
    }
    rows
}

/// The middle one, of an even number the lower one of two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
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
        ffmpeg_mib: pss_mib(ffmpeg)?,
        packager_mib: pss_mib(packager)?,
        transcoder_mib: pss_mib(transcoder)?,
        worker_mib: pss_mib(worker)?,
    })
}

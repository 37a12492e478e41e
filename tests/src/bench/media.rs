//! What the product costs beside the tools that it drives.
//!
//! The same half minute of 720p30 goes first through a channel, then through the same ffmpeg and
//! packager command lines started by a shell script: the floor. Processor time is read over the same
//! stretch of both; latency is that of the newest media in the published playlist, from the moment at
//! which the last picture of a segment came in (PROGRAM-DATE-TIME, which is the ingest clock).

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use ez_domain::spec::JobSpec;
use ez_domain::units::FrameRate;
use ez_manifest::watch::MediaPlaylist;
use ez_media::layout::OutputLayout;
use ez_media::{package, transcode};
use ez_testkit::media::Media;
use ez_testkit::media::counter::analysis::{Cadence, analyse};
use ez_testkit::media::counter::read_frames;
use ez_testkit::media::hls::HlsClient;
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::Contribution;
use ez_testkit::tools::Tool;
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{Instant, sleep, sleep_until};

use super::process::{cpu, pss_mib};
use crate::chaos::processes::{find, parent};
use crate::installation::{Installation, text};

const SECONDS: u32 = 30;
const FRAMES: u16 = 30 * 30;
/// The stretch over which processor time is counted, from the start of the publisher.
const FROM: Duration = Duration::from_secs(6);
const TO: Duration = Duration::from_secs(28);
/// Between two polls of a playlist: the resolution of the latency.
const POLL: Duration = Duration::from_millis(20);

/// One side of the comparison; processor time in cores.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    ffmpeg: f64,
    packager: f64,
    ours: f64,
    packager_mib: f64,
    transcoder_mib: f64,
    worker_mib: f64,
}

impl Cost {
    fn all(self) -> f64 {
        self.ffmpeg + self.packager + self.ours
    }
}

/// Runs both sides; answers the table.
///
/// # Errors
/// When either side does not run.
pub async fn run() -> Result<String> {
    let flv = Contribution { seconds: SECONDS, b_frames: 0, ..Contribution::default() }.flv().await?;
    let mut table = String::from("media: 30 s of 720p30, three renditions, veryfast, segments of 2 s\n\n");
    for low_latency in [false, true] {
        let job = job(low_latency);
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

fn job(low_latency: bool) -> Value {
    let video = |label: &str, width: u32, height: u32, kbps: u32| {
        json!({"Label": label, "Codec": "h264", "Framerate": 30, "Width": width, "Height": height,
               "Bitrate": format!("{kbps}k"), "Max_bitrate": format!("{}k", kbps * 4 / 3),
               "Preset": "veryfast", "Threads": 2})
    };
    json!({"Output": {
        "Stream_type": "hls+dash", "Segment_format": "fmp4", "Fragment_duration": 1, "Segment_duration": 2,
        "Low_latency_mode": low_latency, "Time_shift_buffer_depth": 120,
        "S3_output": {"Bucket": "ezlive"},
        "Video_outputs": [
            video("v360", 640, 360, 600), video("v480", 854, 480, 1200), video("v720", 1280, 720, 2400)
        ],
        "Audio_outputs": [{"Label": "a128", "Codec": "aac", "Bitrate": "128k"}]
    }})
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
    let (latencies, cost) =
        tokio::join!(latencies(&installation, first.as_str(), began + TO), channel_cost(&data, began));
    let (latencies, cost) = (latencies?, cost?);
    publisher.wait(Duration::from_secs(60)).await?;
    installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
    installation.until(&id, "it stopped", 60, |job| text(job, "State") == "stopped").await?;
    let (dropped, doubled) = frames(&hls).await?;
    let count = latencies.len().max(1);
    let latency_mean = latencies.iter().sum::<f64>() / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let latency_worst = latencies.iter().copied().fold(0.0, f64::max);
    Ok(Channel { cost, first_playable, latency_mean, latency_worst, dropped, doubled })
}

#[expect(clippy::disallowed_methods, reason = "PROGRAM-DATE-TIME is compared with the clock of the wall")]
fn wall_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Age of each new segment's last picture when the playlist first names it, in seconds.
async fn latencies(installation: &Installation, playlist: &str, until: Instant) -> Result<Vec<f64>> {
    let mut latencies = Vec::new();
    let mut newest = None;
    while Instant::now() < until {
        let text = installation.fetch(playlist).await?;
        let now = wall_seconds();
        let parsed = MediaPlaylist::parse(&text).context("read the playlist")?;
        if let Some(segment) = parsed.segments.last().filter(|segment| Some(segment.sequence) != newest) {
            if newest.is_some()
                && let Some(begin_ms) = segment.date_ms
            {
                let begin = Duration::from_millis(u64::try_from(begin_ms).unwrap_or(0)).as_secs_f64();
                let length = Duration::from_micros(segment.duration_us).as_secs_f64();
                latencies.push(now - begin - length);
            }
            newest = Some(segment.sequence);
        }
        sleep(POLL).await;
    }
    Ok(latencies)
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

fn used<const N: usize>(processes: [Pid; N]) -> Result<[Duration; N]> {
    let mut used = [Duration::ZERO; N];
    for (used, process) in used.iter_mut().zip(processes) {
        *used = cpu(process)?;
    }
    Ok(used)
}

fn share<const N: usize>(before: [Duration; N], after: [Duration; N], at: usize) -> f64 {
    let spent = after
        .get(at)
        .copied()
        .unwrap_or_default()
        .saturating_sub(before.get(at).copied().unwrap_or_default());
    spent.as_secs_f64() / (TO - FROM).as_secs_f64()
}

/// Frames dropped and doubled in all video renditions together.
async fn frames(hls: &str) -> Result<(f64, f64)> {
    let client = HlsClient::new()?;
    let presentation = client.presentation(hls).await?;
    let (mut dropped, mut doubled) = (0, 0);
    for (rendition, playlist) in &presentation.renditions {
        if rendition.attribute("TYPE").is_some_and(|kind| kind == "AUDIO") {
            continue;
        }
        for period in playlist.periods() {
            let media = Media::bytes(&client.download(&period).await?)?;
            let decoded = read_frames(&media).await?;
            let frames: Vec<_> = decoded
                .frames
                .into_iter()
                .scan(false, |is_over, frame| {
                    // Behind the last frame the picture stands until the stop.
                    (!std::mem::replace(is_over, frame.counter == Some(FRAMES - 1))).then_some(frame)
                })
                .collect();
            let analysis = analyse(&frames, Cadence::SAME_RATE);
            dropped += analysis.dropped;
            doubled += analysis.doubled;
        }
    }
    let count = |frames: usize| f64::from(u32::try_from(frames).unwrap_or(u32::MAX));
    Ok((count(dropped), count(doubled)))
}

/// The same command lines, started by a shell.
#[expect(clippy::disallowed_methods, reason = "the floor has nothing of ours in it")]
async fn floor(flv: &Path, job: &Value) -> Result<Cost> {
    let parsed = ez_api::create_job::parse(&serde_json::to_vec(job)?)
        .map_err(|faults| anyhow::anyhow!("the benchmark's job is refused: {faults:?}"))?;
    let folder = tempfile::tempdir().context("make a folder")?;
    std::fs::write(folder.path().join("floor.sh"), script(&parsed.spec)?).context("write the script")?;
    let mut publisher = Tool::Ffmpeg
        .command()?
        .args(["-nostdin", "-v", "error", "-readrate", "1", "-readrate_initial_burst", "0.04", "-i"])
        .arg(flv)
        .args(["-map", "0", "-c", "copy", "-flvflags", "no_duration_filesize", "-f", "flv", "-"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start the publisher")?;
    let began = Instant::now();
    let media: Stdio =
        publisher.stdout.take().context("no output")?.try_into().context("hand over the pipe")?;
    let mut shell = Command::new("sh")
        .arg("floor.sh")
        .current_dir(folder.path())
        .stdin(media)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start the shell")?;
    sleep_until(began + FROM).await;
    let (ffmpeg, packager) = (find(folder.path(), "ffmpeg")?, find(folder.path(), "packager")?);
    let before = used([ffmpeg, packager])?;
    sleep_until(began + TO).await;
    let after = used([ffmpeg, packager])?;
    let packager_mib = pss_mib(packager)?;
    tokio::time::timeout(Duration::from_secs(60), shell.wait()).await.context("the shell does not end")??;
    Ok(Cost {
        ffmpeg: share(before, after, 0),
        packager: share(before, after, 1),
        packager_mib,
        ..Cost::default()
    })
}

fn script(spec: &JobSpec) -> Result<String> {
    let frame_rate = FrameRate::new(30, 1).context("30 is a frame rate")?;
    let packaging = package::Plan { spec, fragments: package::Fragments::Whole, encryption: None };
    let layout = OutputLayout::new(spec);
    let mut script = String::from("set -eu\n");
    for folder in layout.folders() {
        let _ = writeln!(script, "mkdir -p {}", quoted(folder));
    }
    for fifo in layout.fifos() {
        let _ = writeln!(script, "mkfifo {}", quoted(fifo));
    }
    let line = |tool: Tool, arguments: &[String]| -> Result<String> {
        let program = tool.path()?;
        let words = arguments.iter().map(|argument| quoted(argument));
        let program = quoted(program.to_str().context("a path that is not UTF-8")?);
        Ok(std::iter::once(program).chain(words).collect::<Vec<_>>().join(" "))
    };
    let _ = writeln!(script, "{} </dev/null &", line(Tool::Packager, package::argv(&packaging).as_slice())?);
    let transcoding = transcode::Plan { spec, frame_rate };
    let _ = writeln!(script, "{}", line(Tool::Ffmpeg, transcode::argv(&transcoding).as_slice())?);
    script.push_str("wait\n");
    Ok(script)
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

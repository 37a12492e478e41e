//! From `POST /jobs` to a bound RTMP listener, one job after the other, beside
//! the least that any product can need: a bare `ffmpeg -listen` from its start to its open port.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_testkit::tools::{Tool, free_port, is_listening};
use reqwest::Method;
use tokio::time::Instant;

use crate::installation::{Installation, text};

/// Jobs that are started when the command line names no number.
pub const JOBS: usize = 50;
/// Longest time that a start may take before the benchmark fails.
const DEADLINE: Duration = Duration::from_secs(10);
/// Between two looks at what is being waited for; the resolution of the figures.
const LOOK: Duration = Duration::from_millis(5);

/// From `POST /jobs` to a bound listener, `jobs` times.
///
/// # Errors
/// When a job does not come up.
pub async fn run(jobs: usize) -> Result<String> {
    ensure!((1..=200).contains(&jobs), "between 1 and 200 jobs");
    let installation = Installation::start(1).await?;
    let job = installation.sample_job()?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..jobs {
        bare.push(bare_listener().await?);
        let began = Instant::now();
        let created = installation.create(&job).await?;
        let id = text(&created, "Id").to_owned();
        loop {
            let (_, job) = installation.ask(Method::GET, &format!("/jobs/{id}"), None).await?;
            if !text(&job, "RtmpIngestUrl").is_empty() {
                break;
            }
            ensure!(began.elapsed() < DEADLINE, "no listener within {DEADLINE:?}: {job:#}");
            tokio::time::sleep(LOOK).await;
        }
        ours.push(began.elapsed());
        installation.ask(Method::PUT, &format!("/jobs/{id}/stop"), None).await?;
        installation.until(&id, "it stopped", 30, |job| text(job, "State") == "stopped").await?;
    }
    let mut table =
        format!("start: POST /jobs to a bound RTMP listener, {jobs} jobs one after the other\n\n");
    let _ = writeln!(table, "{:<34} {:>9} {:>9} {:>9}", "", "median", "p95", "worst");
    row(&mut table, "POST /jobs to RtmpIngestUrl", &mut ours);
    row(&mut table, "bare ffmpeg -listen to open port", &mut bare);
    Ok(table)
}

/// Time from the start of a bare ffmpeg to its open port.
async fn bare_listener() -> Result<Duration> {
    let port = free_port()?;
    let began = Instant::now();
    let mut command = Tool::Ffmpeg.command()?;
    command
        .args(["-nostdin", "-v", "quiet", "-listen", "1", "-i"])
        .arg(format!("rtmp://127.0.0.1:{port}/live/key"))
        .args(["-f", "null", "-"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().context("start ffmpeg")?;
    while !is_listening(port) {
        ensure!(began.elapsed() < DEADLINE, "a bare ffmpeg does not listen within {DEADLINE:?}");
        tokio::time::sleep(LOOK).await;
    }
    let took = began.elapsed();
    child.kill().await.context("end ffmpeg")?;
    Ok(took)
}

fn row(table: &mut String, name: &str, figures: &mut [Duration]) {
    figures.sort();
    let at = |percent: usize| figures.get((figures.len() * percent / 100).min(figures.len() - 1));
    let shown = |figure: Option<&Duration>| {
        figure.map_or_else(String::new, |figure| format!("{:.0} ms", figure.as_secs_f64() * 1000.0))
    };
    let (median, p95, worst) = (shown(at(50)), shown(at(95)), shown(figures.last()));
    let _ = writeln!(table, "{name:<34} {median:>9} {p95:>9} {worst:>9}");
}

//! Benchmarks of a whole installation, each beside a baseline of the same run.
//!
//! `bench start [JOBS]`: from `POST /jobs` to a bound RTMP listener, one job after the other, beside
//! the least that any product can need: a bare `ffmpeg -listen` from its start to its open port.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "prints its table")]

use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ez_e2e::installation::{Installation, text};
use ez_testkit::tools::{Tool, free_port, is_listening};
use reqwest::Method;
use tokio::time::Instant;

/// Jobs that are started when the command line names no number.
const JOBS: usize = 20;
/// Longest time that a start may take before the benchmark fails.
const DEADLINE: Duration = Duration::from_secs(10);
/// Between two looks at what is being waited for; the resolution of the figures.
const LOOK: Duration = Duration::from_millis(5);

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match (arguments.next().as_deref(), arguments.next().map(|count| count.parse())) {
        (Some("start"), None) => start(JOBS).await,
        (Some("start"), Some(Ok(count))) => start(count).await,
        _ => Err(anyhow::anyhow!("usage: script/bench start [JOBS]")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(jobs: usize) -> Result<()> {
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
    println!("start: POST /jobs to a bound RTMP listener, {jobs} jobs one after the other\n");
    println!("{:<34} {:>9} {:>9} {:>9}", "", "median", "p95", "worst");
    row("POST /jobs to RtmpIngestUrl", &mut ours);
    row("bare ffmpeg -listen to open port", &mut bare);
    Ok(())
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

fn row(name: &str, figures: &mut [Duration]) {
    figures.sort();
    let at = |percent: usize| figures.get((figures.len() * percent / 100).min(figures.len() - 1));
    let shown = |figure: Option<&Duration>| {
        figure.map_or_else(String::new, |figure| format!("{:.0} ms", figure.as_secs_f64() * 1000.0))
    };
    println!("{name:<34} {:>9} {:>9} {:>9}", shown(at(50)), shown(at(95)), shown(figures.last()));
}

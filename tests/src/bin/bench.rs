//! `bench start [JOBS]`, `bench media [ROUNDS]`, `bench channels [SECONDS …]` and `bench control [JOBS …]`: figures of a
//! whole installation, each beside a baseline of the same run.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "prints its table")]

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use ez_e2e::bench::{channels, control, media, start};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["start"] => start::run(start::JOBS).await,
        ["start", jobs] => start::run(jobs.parse().with_context(|| format!("start {jobs}"))?).await,
        ["media"] => media::run(media::ROUNDS).await,
        ["media", rounds] => media::run(rounds.parse().with_context(|| format!("media {rounds}"))?).await,
        ["channels", rest @ ..] => {
            let mut plan = channels::Plan::default();
            if let Some(seconds) = rest.first() {
                plan.seconds = seconds.parse().with_context(|| format!("channels {seconds}"))?;
            }
            plan.preset = rest.get(1).copied().unwrap_or(plan.preset);
            if let Some(renditions) = rest.get(2) {
                plan.renditions = renditions.parse().with_context(|| format!("renditions {renditions}"))?;
            }
            channels::run(plan).await
        }
        ["control", rest @ ..] => {
            let mut plan = control::Plan::default();
            if let Some(jobs) = rest.first() {
                plan.jobs = jobs.parse().with_context(|| format!("control {jobs}"))?;
            }
            if let Some(rate) = rest.get(1) {
                plan.rate = rate.parse().with_context(|| format!("rate {rate}"))?;
            }
            if let Some(seconds) = rest.get(2) {
                plan.seconds = seconds.parse().with_context(|| format!("seconds {seconds}"))?;
            }
            control::run(plan).await
        }
        _ => bail!(
            "usage: script/bench start [JOBS] | media [ROUNDS] | channels [SECONDS [PRESET [RENDITIONS]]] | control [JOBS [RATE [SECONDS]]]"
        ),
    }
}

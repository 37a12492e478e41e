//! One run of one channel: contribution in, segments and playlists out.
//!
//! Started by `worker_app` with a run description on stdin; tells how it is over the worker's
//! Unix socket. See the library for what it does.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use ez_api::internal::RunDescription;
use ez_service::{config, shutdown, telemetry};

/// Longest run description, in bytes.
const DESCRIPTION_LIMIT: u64 = 1024 * 1024;

fn main() -> ExitCode {
    let subject = telemetry::set_up();
    let description = match read_description() {
        Ok(description) => {
            subject.is_run(description.job, description.epoch);
            telemetry::starting("worker_transcoder");
            description
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "no usable run description on stdin");
            return ExitCode::from(u8::try_from(config::EXIT_USAGE).unwrap_or(1));
        }
    };
    match start(description) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the run ended");
            ExitCode::FAILURE
        }
    }
}

fn read_description() -> Result<RunDescription> {
    let mut text = Vec::new();
    std::io::stdin().take(DESCRIPTION_LIMIT).read_to_end(&mut text).context("read stdin")?;
    serde_json::from_slice(&text).context("parse the run description")
}

fn start(description: RunDescription) -> Result<()> {
    // Two threads carry a channel: almost all work is done by the children.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(async {
        let shutdown = shutdown::on_signal()?;
        worker_transcoder::run(description, shutdown).await
    })
}

//! `ez_local`: starts and ends ezLiveStreaming on one machine.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    ez_local::cli::run().await
}

//! Wires the scheduler: logs, configuration, edges, run until a signal, drain.

use std::process::ExitCode;

use ez_service::config::{EXIT_USAGE, load_or_exit};
use ez_service::{http, shutdown, telemetry};
use scheduler::config::{BINDINGS, Config, Settings};

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::init("scheduler");
    let settings = match load_or_exit::<Config>(&BINDINGS).settings() {
        Ok(settings) => settings,
        Err(error) => {
            tracing::error!(error = telemetry::chain(&error), "the configuration cannot be used");
            return ExitCode::from(u8::try_from(EXIT_USAGE).unwrap_or(u8::MAX));
        }
    };
    match serve(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the scheduler ended");
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let listener = http::bind("scheduler", &settings.hostname, settings.port).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    scheduler::run(settings.connect()?, listener, shutdown).await
}

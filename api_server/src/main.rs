//! The public API and the web console: reads the configuration, serves until a signal, drains.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use api_server::{App, Config, config};
use ez_service::{config as layers, http, shutdown, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let config: Config = layers::load_or_exit(config::BINDINGS);
    telemetry::init("api_server");
    let app = match App::build(&config) {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(error = telemetry::chain(&error), "the configuration cannot be used");
            return ExitCode::from(config::EXIT_USAGE);
        }
    };
    match serve(app, &config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "api_server failed");
            ExitCode::FAILURE
        }
    }
}

async fn serve(app: App, config: &Config) -> Result<()> {
    let shutdown = shutdown::on_signal()?;
    let listener = http::bind("api_server", &config.hostname, config.port).await?;
    let address = listener.local_addr().context("read the address that is listened on")?;
    tracing::info!(%address, "serving the API and the console");
    api_server::run(app, listener, shutdown).await
}

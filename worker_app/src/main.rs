//! The worker of one host; see the library of the same name.

use std::process::ExitCode;

use worker_app::config::{self, Config};

#[tokio::main]
async fn main() -> ExitCode {
    let config: Config = ez_service::config::load_or_exit(config::BINDINGS);
    ez_service::telemetry::init("worker_app");
    let settings = match config.resolve() {
        Ok(settings) => settings,
        Err(error) => {
            tracing::error!(error = ez_service::telemetry::chain(&error), "the configuration cannot be used");
            return ExitCode::from(64);
        }
    };
    match serve(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "worker_app ends");
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: config::Settings) -> anyhow::Result<()> {
    let shutdown = ez_service::shutdown::on_signal()?;
    let listener = ez_service::http::bind("worker_app", &settings.bind_host, settings.port).await?;
    worker_app::run(settings, listener, shutdown).await
}

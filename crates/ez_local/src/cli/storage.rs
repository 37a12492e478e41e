//! `ez_local s3`: the local S3 as a process of its own, so that it can be taken away. Its key comes
//! from `EZ_S3_ACCESS_KEY_ID` and `EZ_S3_SECRET_KEY`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::s3;

/// The variable with the public half of the key.
const ACCESS_KEY: &str = "EZ_S3_ACCESS_KEY_ID";
/// The variable with the secret half.
const SECRET_KEY: &str = "EZ_S3_SECRET_KEY";

/// What the local S3 is told.
#[derive(Args)]
pub(super) struct Line {
    /// The port on loopback.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// The folder with the objects.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// A bucket that exists from the start; may be given several times.
    #[arg(long = "bucket", value_name = "NAME")]
    buckets: Vec<String>,
}

/// Serves until SIGTERM.
pub(super) async fn run(line: Line) -> anyhow::Result<ExitCode> {
    ez_service::telemetry::init("s3");
    let variable = |name: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value.with_context(|| format!("{name} is not set: the local S3 takes its key from there"))
    };
    let options = s3::Options {
        root: line.root,
        buckets: line.buckets,
        access_key: variable(ACCESS_KEY)?,
        secret_key: variable(SECRET_KEY)?,
    };
    let listener = ez_service::http::bind("the local S3", "127.0.0.1", line.port).await?;
    let shutdown = ez_service::shutdown::on_signal()?;
    s3::serve(listener, options, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

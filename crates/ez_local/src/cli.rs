//! The command line of `ez_local`: what `script/up` and `script/down` call.

mod addresses;
mod background;
mod console;
mod demo;
mod storage;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ez_service::config::EXIT_USAGE;

use crate::launch::{self, Downed};
use console::{complain, say};

#[derive(Parser)]
#[command(name = "ez_local", version, about = "ezLiveStreaming on one machine")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything and keeps it running until Ctrl-C.
    Up(Up),
    /// Ends what `up` started.
    Down(Down),
    /// Serves a folder as S3 on loopback; the key comes from the environment.
    S3(storage::Line),
}

/// What `up` is told.
#[derive(Args, Clone)]
struct Up {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = ".data")]
    data: PathBuf,
    /// How many workers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    workers: u16,
    /// Returns when everything is ready and leaves it running.
    #[arg(long)]
    detach: bool,
    /// Makes a channel and sends it a test pattern.
    #[arg(long)]
    demo: bool,
    /// Starts only redis and the local S3, to run the services by hand.
    #[arg(long, conflicts_with = "demo")]
    storage: bool,
    /// The job that `--demo` makes.
    #[arg(long, value_name = "FILE", default_value = "sample_live_job.json")]
    sample: PathBuf,
    /// This is the launcher that `--detach` left running.
    #[arg(long, hide = true)]
    background: bool,
}

#[derive(Args)]
struct Down {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = ".data")]
    data: PathBuf,
}

/// Does what the command line says.
pub async fn run() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            drop(error.print());
            let usage = u8::try_from(EXIT_USAGE).unwrap_or(1);
            return if error.use_stderr() { ExitCode::from(usage) } else { ExitCode::SUCCESS };
        }
    };
    let done = match line.command {
        Command::Up(up) if up.detach && !up.background => background::start(&up).await,
        Command::Up(up) => up::run(&up).await,
        Command::Down(line) => down(&line).await,
        Command::S3(line) => storage::run(line).await,
    };
    done.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

async fn down(line: &Down) -> anyhow::Result<ExitCode> {
    say(match launch::down(&line.data).await? {
        Downed::Nothing => "Nothing was running.".to_owned(),
        Downed::InOrder => "Everything has ended.".to_owned(),
        Downed::Leftovers(count) => format!("Ended {count} processes that a dead launcher had left."),
    });
    Ok(ExitCode::SUCCESS)
}

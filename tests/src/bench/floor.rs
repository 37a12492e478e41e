//! The same command lines without us: what the tools themselves cost.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_domain::spec::JobSpec;
use ez_domain::units::FrameRate;
use ez_media::layout::OutputLayout;
use ez_media::{package, transcode};
use ez_testkit::tools::Tool;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{Instant, sleep_until};

use super::cost::{Cost, FROM, TO, share, used};
use crate::processes::{find, pss_mib};

/// The same command lines, started by a shell.
#[expect(clippy::disallowed_methods, reason = "the floor has nothing of ours in it")]
pub(super) async fn floor(flv: &Path, job: &Value) -> Result<Cost> {
    let parsed = ez_api::create_job::parse(&serde_json::to_vec(job)?)
        .map_err(|faults| anyhow::anyhow!("the benchmark's job is refused: {faults:?}"))?;
    let folder = tempfile::tempdir().context("make a folder")?;
    std::fs::write(folder.path().join("floor.sh"), script(&parsed.spec)?).context("write the script")?;
    let mut publisher = Tool::Ffmpeg
        .command()?
        .args(["-nostdin", "-v", "error", "-readrate", "1", "-readrate_initial_burst", "0.04", "-i"])
        .arg(flv)
        .args(["-map", "0", "-c", "copy", "-flvflags", "no_duration_filesize", "-f", "flv", "-"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start the publisher")?;
    let began = Instant::now();
    let media: Stdio =
        publisher.stdout.take().context("no output")?.try_into().context("hand over the pipe")?;
    let mut shell = Command::new("sh")
        .arg("floor.sh")
        .current_dir(folder.path())
        .stdin(media)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start the shell")?;
    sleep_until(began + FROM).await;
    let (ffmpeg, packager) = (find(folder.path(), "ffmpeg")?, find(folder.path(), "packager")?);
    let before = used([ffmpeg, packager])?;
    sleep_until(began + TO).await;
    let after = used([ffmpeg, packager])?;
    let (ffmpeg_mib, packager_mib) = (pss_mib(ffmpeg)?, pss_mib(packager)?);
    tokio::time::timeout(Duration::from_secs(60), shell.wait()).await.context("the shell does not end")??;
    Ok(Cost {
        ffmpeg: share(before, after, 0),
        packager: share(before, after, 1),
        ffmpeg_mib,
        packager_mib,
        ..Cost::default()
    })
}

fn script(spec: &JobSpec) -> Result<String> {
    let frame_rate = FrameRate::new(30, 1).context("30 is a frame rate")?;
    let packaging = package::Plan { spec, fragments: package::Fragments::Whole };
    let layout = OutputLayout::new(spec);
    let mut script = String::from("set -eu\n");
    for folder in layout.folders() {
        let _ = writeln!(script, "mkdir -p {}", quoted(folder));
    }
    for fifo in layout.fifos() {
        let _ = writeln!(script, "mkfifo {}", quoted(fifo));
    }
    let line = |tool: Tool, arguments: &[String]| -> Result<String> {
        let program = tool.path()?;
        let words = arguments.iter().map(|argument| quoted(argument));
        let program = quoted(program.to_str().context("a path that is not UTF-8")?);
        Ok(std::iter::once(program).chain(words).collect::<Vec<_>>().join(" "))
    };
    let _ = writeln!(script, "{} </dev/null &", line(Tool::Packager, package::argv(&packaging).as_slice())?);
    let transcoding = transcode::Plan { spec, frame_rate, preroll_ms: 0 };
    let _ = writeln!(script, "{}", line(Tool::Ffmpeg, transcode::argv(&transcoding).as_slice())?);
    script.push_str("wait\n");
    Ok(script)
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

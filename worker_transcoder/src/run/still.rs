//! The picture that a gap shows: a still of the last one that the publisher sent.
//!
//! Repeating the last key frame would do as well, but jumps back by up to one GOP. A short-lived
//! ffmpeg decodes the last GOP and encodes its last picture alone, in well under 100 ms.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_contribution::timeline::{LastGop, Still};
use ez_service::child;
use tokio::io::AsyncWriteExt as _;

/// A still that takes longer comes too late to be of use.
const DEADLINE: Duration = Duration::from_secs(2);

/// Makes the still of `gop`'s last picture.
pub(crate) async fn make(ffmpeg: PathBuf, folder: PathBuf, gop: LastGop) -> Result<Still> {
    let mut child = child::spawn(child::Spec {
        program: ffmpeg,
        arguments: arguments(gop.pictures).into_iter().map(OsString::from).collect(),
        environment: Vec::new(),
        folder,
        stdin: Stdio::piped(),
        stdout: Stdio::piped(),
        stderr: Stdio::null(),
        dies_with_parent: true,
    })
    .await
    .context("start ffmpeg for a still")?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    let made = async move {
        let write = async move {
            // It may close its input early once it has its picture.
            let _ = stdin.write_all(&gop.flv).await;
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        output.context("read the still")
    };
    let output = tokio::time::timeout(DEADLINE, made).await.context("the still took too long")??;
    Still::from_flv(&output.stdout).context("no usable picture")
}

fn arguments(pictures: usize) -> Vec<String> {
    let last = format!("select=gte(n\\,{})", pictures.saturating_sub(1));
    [
        "-v",
        "error",
        "-nostdin",
        "-protocol_whitelist",
        "pipe",
        // Frame threads would only delay the one picture that is wanted.
        "-threads",
        "2",
        "-f",
        "flv",
        "-i",
        "pipe:0",
        "-an",
        "-vf",
        &last,
        "-frames:v",
        "1",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-crf",
        "20",
        "-bf",
        "0",
        "-pix_fmt",
        "yuv420p",
        "-f",
        "flv",
        "-flvflags",
        "no_duration_filesize",
        "pipe:1",
    ]
    .map(ToOwned::to_owned)
    .to_vec()
}

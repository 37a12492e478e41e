//! The picture that a gap shows: a still of the last one that the publisher sent.
//!
//! After a crash it is made of the newest published segment instead.
//!
//! Repeating the last key frame would do as well, but jumps back by up to one GOP. A short-lived
//! ffmpeg decodes the last GOP and encodes its last picture alone, in well under 100 ms.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::{Bytes, BytesMut};
use ez_api::internal::ToolPaths;
use ez_contribution::timeline::{LastGop, Still};
use ez_domain::content_key::ContentKey;
use ez_origin::LastMedia;
use ez_service::child;
use tokio::io::AsyncWriteExt as _;

use super::clear_copy;

/// A still that takes longer comes too late to be of use.
const DEADLINE: Duration = Duration::from_secs(2);

/// Makes the still of `gop`'s last picture.
pub(crate) async fn make(ffmpeg: PathBuf, folder: PathBuf, gop: LastGop) -> Result<Still> {
    extract(ffmpeg, folder, "flv", gop.pictures.saturating_sub(1), gop.flv).await
}

/// Makes a still of the end of what an earlier process published.
///
/// `pictures` is how many the segment should hold. One less is asked for, so that a rate that is not
/// quite even does not cost the still.
pub(crate) async fn of_media(
    tools: ToolPaths,
    folder: PathBuf,
    media: &LastMedia,
    key: Option<&ContentKey>,
    pictures: usize,
) -> Result<Still> {
    let mut bytes = BytesMut::new();
    for path in [&media.init, &media.segment] {
        let part = tokio::fs::read(path).await.with_context(|| format!("read {}", path.display()))?;
        bytes.extend_from_slice(&part);
    }
    let media = match key {
        None => bytes.freeze(),
        Some(key) => clear_copy::make(tools.packager, &folder, &bytes, key).await?,
    };
    extract(tools.ffmpeg, folder, "mp4", pictures.saturating_sub(2), media).await
}

/// Decodes `media` and encodes the picture with this index (from zero) alone.
async fn extract(
    ffmpeg: PathBuf,
    folder: PathBuf,
    format: &str,
    index: usize,
    media: Bytes,
) -> Result<Still> {
    let mut child = child::spawn(child::Spec {
        program: ffmpeg,
        arguments: arguments(format, index).into_iter().map(OsString::from).collect(),
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
            let _ = stdin.write_all(&media).await;
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        output.context("read the still")
    };
    let output = tokio::time::timeout(DEADLINE, made).await.context("the still took too long")??;
    Still::from_flv(&output.stdout).context("no usable picture")
}

fn arguments(format: &str, index: usize) -> Vec<String> {
    let select = format!("select=gte(n\\,{index})");
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
        format,
        "-i",
        "pipe:0",
        "-an",
        "-vf",
        &select,
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

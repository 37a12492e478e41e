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

use anyhow::{Context as _, Result, bail};
use bytes::{Bytes, BytesMut};
use ez_api::internal::ToolPaths;
use ez_contribution::media::video::Codec;
use ez_contribution::timeline::{Contribution, LastGop, Still};
use ez_domain::content_key::ContentKey;
use ez_origin::LastMedia;
use ez_service::child;
use tokio::io::AsyncWriteExt as _;
use tokio::task::AbortHandle;

use super::{Over, Run, clear_copy};

/// A still that takes longer comes too late to be of use.
const DEADLINE: Duration = Duration::from_secs(2);
/// Tries at a still, and the pause between two: a gap without a picture has no segments.
const STILL_TRIES: u32 = 30;
const STILL_PAUSE: Duration = Duration::from_secs(1);

/// A still that is being made; nobody makes it any more once this is dropped.
pub(super) struct Making(AbortHandle);

impl Drop for Making {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Run {
    pub(super) fn order_still(&mut self) {
        let Some(gop) = self.contribution.as_ref().and_then(Contribution::last_gop) else { return };
        let (ffmpeg, folder) = (self.description.tools.ffmpeg.clone(), self.description.folder.clone());
        let stills = self.stills.clone();
        self.still_orders += 1;
        let order = self.still_orders;
        let making = self.tasks.spawn(async move {
            let mut gop = gop;
            for tries in 1..=STILL_TRIES {
                match make(ffmpeg.clone(), folder.clone(), gop.clone()).await {
                    Ok(still) => return drop(stills.send((order, still)).await),
                    Err(error) => {
                        // The gap shows the last key frame if that may be repeated, else nothing.
                        tracing::warn!(error = format!("{error:#}"), tries, "no still of the last picture");
                    }
                }
                gop = gop.key_frame_alone();
                tokio::time::sleep(STILL_PAUSE).await;
            }
        });
        self.still_making = Some(Making(making.abort_handle()));
    }

    /// A still was made. While it was, the publisher may have sent more, and gone only then: what is not the last
    /// picture any more is not shown.
    pub(super) async fn on_still(&mut self, order: u64, still: Still) -> Option<Over> {
        let is_wanted = self.contribution.as_ref().is_some_and(Contribution::wants_still);
        if order != self.still_orders || !is_wanted {
            return None;
        }
        match self.contribution.as_mut()?.set_still(still, self.clock.now()) {
            Ok(output) => self.put_out(output).await,
            Err(error) => {
                tracing::debug!(%error, "a still is not used");
                None
            }
        }
    }
}

/// Makes the still of `gop`'s last picture.
async fn make(ffmpeg: PathBuf, folder: PathBuf, gop: LastGop) -> Result<Still> {
    // Times are rounded to milliseconds on the way.
    let from = f64::from(gop.last_ms.saturating_sub(2)) / 1000.0;
    let wanted = Wanted { format: "flv", select: format!("gte(t\\,{from})"), codec: gop.codec };
    extract(ffmpeg, folder, wanted, gop.flv).await
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
    // The publisher is not there yet; H.264 is what most send.
    let select = format!("gte(n\\,{})", pictures.saturating_sub(2));
    let wanted = Wanted { format: "mp4", select, codec: Codec::Avc };
    extract(tools.ffmpeg, folder, wanted, media).await
}

/// Which picture of what.
struct Wanted {
    /// The container that it comes in.
    format: &'static str,
    /// True from the wanted picture on: an expression of ffmpeg's filter `select`, with the times of the media.
    select: String,
    /// What it is encoded in.
    codec: Codec,
}

/// Decodes `media` and encodes the wanted picture alone.
async fn extract(ffmpeg: PathBuf, folder: PathBuf, wanted: Wanted, media: Bytes) -> Result<Still> {
    let mut child = child::spawn(child::Spec {
        program: ffmpeg,
        arguments: arguments(&wanted)?.into_iter().map(OsString::from).collect(),
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

fn arguments(wanted: &Wanted) -> Result<Vec<String>> {
    let select = format!("select={}", wanted.select);
    // One picture on which decoding can start, and that refers to nothing: IDR.
    let encoder: &[&str] = match wanted.codec {
        Codec::Avc => &["libx264", "-preset", "ultrafast", "-crf", "20"],
        Codec::Hevc => {
            &["libx265", "-preset", "ultrafast", "-crf", "20", "-x265-params", "log-level=error:open-gop=0"]
        }
        other => bail!("no still is made in {other}"),
    };
    let before = [
        "-v",
        "error",
        "-nostdin",
        "-protocol_whitelist",
        "pipe",
        // Frame threads would only delay the one picture that is wanted.
        "-threads",
        "2",
        "-copyts",
        "-f",
        wanted.format,
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
    ];
    let after =
        ["-bf", "0", "-pix_fmt", "yuv420p", "-f", "flv", "-flvflags", "no_duration_filesize", "pipe:1"];
    let all = before.iter().chain(encoder).chain(&after);
    Ok(all.map(|argument| (*argument).to_owned()).collect())
}

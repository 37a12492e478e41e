//! Reads the burned-in frame numbers back from any media that ffmpeg can decode.
//!
//! It reports what it sees, frame by frame; [`analysis`] judges it. Nothing is repaired: every
//! decoded frame is one reading, whether its number is readable or not.

pub mod analysis;

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::media::Media;
use crate::media::picture::{READ_HEIGHT, READ_WIDTH, read};
use crate::tools::{Tool, tail};

/// The longest time that a decode may take.
const DECODE_DEADLINE: Duration = Duration::from_secs(180);

/// One decoded frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameReading {
    /// Presentation time as in the container.
    pub pts_seconds: f64,
    /// The burned-in number; `None` when the picture shows none clearly.
    pub counter: Option<u16>,
    /// Whether the panel that flashes with the beep is white.
    pub flash: bool,
}

/// The part of the picture that shows the contribution, as fractions of width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureArea {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl PictureArea {
    /// The whole picture.
    pub const FULL: Self = Self { left: 0.0, top: 0.0, width: 1.0, height: 1.0 };

    /// A picture that was fitted into another shape with black bars around it.
    pub fn fitted(source: (u32, u32), output: (u32, u32)) -> Self {
        let shape = |(width, height): (u32, u32)| f64::from(width) / f64::from(height);
        let ratio = shape(source) / shape(output);
        let (width, height) = (ratio.min(1.0), (1.0 / ratio).min(1.0));
        Self { left: (1.0 - width) / 2.0, top: (1.0 - height) / 2.0, width, height }
    }
}

/// Everything that one decode showed.
#[derive(Debug, Clone, Default)]
pub struct Decoded {
    /// The frames in the order in which they came out.
    pub frames: Vec<FrameReading>,
    /// What ffmpeg complained about at level error or worse, line by line.
    pub errors: Vec<String>,
}

/// Decodes the first video track and reads every frame.
pub async fn read_frames(media: &Media) -> Result<Decoded> {
    read_frames_in(media, PictureArea::FULL).await
}

/// The same for a contribution that fills only a part of the picture.
pub async fn read_frames_in(media: &Media, area: PictureArea) -> Result<Decoded> {
    timeout(DECODE_DEADLINE, decode(media, area))
        .await
        .with_context(|| format!("decoding {media:?} did not end within {DECODE_DEADLINE:?}"))?
}

async fn decode(media: &Media, area: PictureArea) -> Result<Decoded> {
    let PictureArea { left, top, width, height } = area;
    // showinfo prints one line per frame: the only way to have the times of raw frames.
    let filter = format!(
        "crop=w=iw*{width}:h=ih*{height}:x=iw*{left}:y=ih*{top},\
         scale={READ_WIDTH}:{READ_HEIGHT}:flags=area,format=gray,showinfo=checksum=0"
    );
    let mut child = Tool::Ffmpeg
        .command()?
        .args(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-copyts"])
        .args(media.input_arguments())
        .args(["-map", "0:v:0", "-vf", &filter, "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start ffmpeg")?;
    let mut pictures = child.stdout.take().ok_or_else(|| anyhow!("ffmpeg has no standard output"))?;
    let mut log = child.stderr.take().ok_or_else(|| anyhow!("ffmpeg has no standard error"))?;
    let reading = async {
        let mut picture = vec![0; READ_WIDTH * READ_HEIGHT];
        let mut reads = Vec::new();
        while pictures.read_exact(&mut picture).await.is_ok() {
            reads.push(read(&picture));
        }
        reads
    };
    let mut bytes = Vec::new();
    let (reads, logged) = tokio::join!(reading, log.read_to_end(&mut bytes));
    logged.context("read the log of ffmpeg")?;
    let status = child.wait().await.context("wait for ffmpeg")?;
    let log = String::from_utf8_lossy(&bytes);
    ensure!(status.success(), "ffmpeg could not decode {media:?} ({status}):\n{}", tail(&log));
    let times = log.lines().filter_map(frame_time).collect::<Result<Vec<_>>>()?;
    ensure!(times.len() == reads.len(), "{} frames but {} times:\n{}", reads.len(), times.len(), tail(&log));
    let frames = times
        .into_iter()
        .zip(reads)
        .map(|(pts_seconds, read)| FrameReading { pts_seconds, counter: read.counter, flash: read.flash })
        .collect();
    let errors = log.lines().filter(|line| is_error(line)).map(str::to_owned).collect();
    Ok(Decoded { frames, errors })
}

/// The time in a line of showinfo; `None` for other lines.
fn frame_time(line: &str) -> Option<Result<f64>> {
    let rest = line.split_once("Parsed_showinfo").and_then(|(_, rest)| rest.split_once(" pts_time:"))?.1;
    let text = rest.split_whitespace().next().unwrap_or_default();
    Some(text.parse().with_context(|| format!("frame without a time: {line}")))
}

/// Whether ffmpeg wrote a line at level error or worse.
fn is_error(line: &str) -> bool {
    ["[error]", "[fatal]", "[panic]"].iter().any(|level| line.contains(level))
}

#[cfg(test)]
mod tests;

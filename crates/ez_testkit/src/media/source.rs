//! Makes test contributions: FLV files as an encoder would push them.
//!
//! Each frame is drawn here and encoded by ffmpeg (H.264 or H.265, AAC). Files are cached under
//! `target/ez-test-media` by everything that shapes them; several test processes may ask for the
//! same one at once. H.265 is written as Enhanced RTMP has it (`hvc1`).

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};

use crate::media::picture::Painter;
use crate::tools::{Tool, tail, workspace_root};

/// Raised when the picture is drawn in another way, so that cached files are made anew.
const PICTURE_VERSION: u32 = 1;

/// Frames per second as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// Frames …
    pub frames: u32,
    /// … in so many seconds.
    pub seconds: u32,
}

impl FrameRate {
    /// A whole number of frames per second.
    pub const fn whole(frames: u32) -> Self {
        Self { frames, seconds: 1 }
    }

    /// 30000/1001, the rate that is called 29.97.
    pub const NTSC: Self = Self { frames: 30_000, seconds: 1001 };

    /// As a number.
    pub fn as_f64(self) -> f64 {
        f64::from(self.frames) / f64::from(self.seconds)
    }
}

/// The sound of a contribution: silence with a beep of 0.1 s at each full second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// No audio track.
    None,
    /// AAC-LC.
    Beep {
        /// Samples per second.
        sample_rate: u32,
        /// 1 or 2.
        channels: u8,
    },
}

/// The video codec of a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoCodec {
    /// AVC.
    H264,
    /// HEVC.
    H265,
}

/// What a contribution looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Width in pixels; even.
    pub width: u32,
    /// Height in pixels; even.
    pub height: u32,
    /// Frame rate.
    pub frame_rate: FrameRate,
    /// Length.
    pub seconds: u32,
    /// Distance of the key frames.
    pub gop_seconds: f64,
    /// B-frames between two other frames; 0 also means the baseline profile.
    pub b_frames: u8,
    /// Video codec.
    pub video: VideoCodec,
    /// Whether pictures may refer beyond the key frame that follows them. H.265 always does so here.
    pub open_gop: bool,
    /// Video bitrate, kept nearly constant.
    pub kilobits_per_second: u32,
    /// Audio track.
    pub sound: Sound,
    /// The number of the first frame. Different ones tell publishers of one channel apart.
    pub first_counter: u16,
}

impl Default for Contribution {
    /// 1280x720, 30 frames per second, 2 s GOP, 2 B-frames, 2.5 Mbit/s, 48 kHz stereo, 4 s.
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
            frame_rate: FrameRate::whole(30),
            seconds: 4,
            gop_seconds: 2.0,
            b_frames: 2,
            video: VideoCodec::H264,
            open_gop: false,
            kilobits_per_second: 2500,
            sound: Sound::Beep { sample_rate: 48_000, channels: 2 },
            first_counter: 0,
        }
    }
}

impl Contribution {
    /// How many frames it has.
    pub fn frame_count(&self) -> u32 {
        self.seconds * self.frame_rate.frames / self.frame_rate.seconds
    }

    /// The file, made if it is not yet in the cache.
    pub async fn flv(&self) -> Result<PathBuf> {
        self.flv_in(&workspace_root().join("target/ez-test-media")).await
    }

    /// The same with a cache folder of the caller's.
    pub async fn flv_in(&self, cache: &Path) -> Result<PathBuf> {
        let (contribution, cache) = (self.clone(), cache.to_path_buf());
        tokio::task::spawn_blocking(move || contribution.make(&cache))
            .await
            .context("making a test contribution")?
    }

    fn make(&self, cache: &Path) -> Result<PathBuf> {
        let even = self.width.is_multiple_of(2) && self.height.is_multiple_of(2);
        ensure!(even && self.width > 0 && self.height > 0, "width and height must be even: {self:?}");
        ensure!(self.frame_count() > 0, "a contribution needs at least one frame: {self:?}");
        let arguments = self.encoder_arguments();
        let name = fnv1a(format!("{PICTURE_VERSION} {} {arguments:?}", self.first_counter).as_bytes());
        let path = cache.join(format!("{name:016x}.flv"));
        if path.is_file() {
            return Ok(path);
        }
        fs::create_dir_all(cache).with_context(|| format!("make {}", cache.display()))?;
        // The lock is per file and held by the process: whoever comes second waits and finds it done.
        let lock =
            File::create(path.with_extension("lock")).context("make a lock for a test contribution")?;
        lock.lock().context("lock a test contribution")?;
        if !path.is_file() {
            let partial = path.with_extension(format!("{}.partial", std::process::id()));
            self.encode(&arguments, &partial)?;
            fs::rename(&partial, &path).with_context(|| format!("rename to {}", path.display()))?;
        }
        Ok(path)
    }

    fn encode(&self, arguments: &[String], partial: &Path) -> Result<()> {
        let log = tempfile::NamedTempFile::new().context("make a log for ffmpeg")?;
        let mut child = Command::new(Tool::Ffmpeg.path()?)
            .args(arguments)
            .arg(partial)
            .stdin(Stdio::piped())
            .stderr(log.reopen().context("open the log for ffmpeg")?)
            .spawn()
            .context("start ffmpeg")?;
        let pipe = child.stdin.take().ok_or_else(|| anyhow!("ffmpeg has no standard input"))?;
        let written = self.draw(BufWriter::new(pipe));
        let status = child.wait().context("wait for ffmpeg")?;
        let words = tail(&fs::read_to_string(log.path()).unwrap_or_default());
        ensure!(status.success(), "ffmpeg ended with {status} while making {self:?}:\n{words}");
        written.with_context(|| format!("write frames to ffmpeg:\n{words}"))
    }

    fn draw(&self, mut pipe: impl std::io::Write) -> Result<()> {
        let mut painter = Painter::new(usize::try_from(self.width)?, usize::try_from(self.height)?);
        let mut counter = self.first_counter;
        for frame in 0..self.frame_count() {
            // Position inside its second, in units of 1/frames: exact for fractional rates, too.
            let phase =
                u64::from(frame) * u64::from(self.frame_rate.seconds) % u64::from(self.frame_rate.frames);
            let flash = phase * 10 < u64::from(self.frame_rate.frames);
            pipe.write_all(painter.frame(counter, usize::try_from(frame)?, flash))?;
            counter = counter.wrapping_add(1);
        }
        Ok(pipe.flush()?)
    }

    fn encoder_arguments(&self) -> Vec<String> {
        let FrameRate { frames, seconds } = self.frame_rate;
        let rate = format!("{}k", self.kilobits_per_second);
        let gop = format!("{:.0}", (self.gop_seconds * self.frame_rate.as_f64()).round().max(1.0));
        let mut arguments = format!(
            "-nostdin -hide_banner -v error -y \
             -f rawvideo -pix_fmt yuv420p -s {}x{} -framerate {frames}/{seconds} -i pipe:0",
            self.width, self.height
        );
        let sound = match self.sound {
            Sound::None => String::new(),
            Sound::Beep { sample_rate, channels } => {
                let beep = "0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)";
                let both = vec![beep; usize::from(channels)].join("|");
                let length = f64::from(self.frame_count()) / self.frame_rate.as_f64();
                // No spaces inside: the line is cut at them below.
                arguments += &format!(" -f lavfi -i aevalsrc=exprs='{both}':s={sample_rate}:d={length}");
                " -map 1:a -c:a aac -b:a 128k".to_owned()
            }
        };
        let profile = if self.b_frames == 0 { "baseline" } else { "high" };
        let encoder = match self.video {
            VideoCodec::H264 => {
                let open = if self.open_gop { " -x264-params open-gop=1" } else { "" };
                format!("libx264 -preset veryfast -profile:v {profile} -sc_threshold 0{open}")
            }
            VideoCodec::H265 => {
                format!(
                    "libx265 -preset ultrafast -x265-params log-level=error:scenecut=0:bframes={}",
                    self.b_frames
                )
            }
        };
        arguments += &format!(
            " -map 0:v -c:v {encoder} -bf {} -g {gop} -keyint_min {gop} \
             -b:v {rate} -maxrate {rate} -bufsize {rate} -threads 2{sound} -f flv",
            self.b_frames
        );
        arguments.split_whitespace().map(str::to_owned).collect()
    }
}

/// FNV-1a, 64 bit: names cache files the same way in every build.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;

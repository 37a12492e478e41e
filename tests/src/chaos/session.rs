//! One channel on a whole installation, with its publisher and its viewer.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_testkit::media::publisher::{Publisher, Repeat};
use ez_testkit::media::source::{Contribution, FrameRate, Sound, VideoCodec};
use ez_testkit::wait::eventually;
use reqwest::Url;
use serde_json::json;
use tokio::net::TcpStream;

use super::fault::Setting;
use super::viewer::Viewer;
use crate::installation::{Installation, text};

/// Length of what a publisher sends in one round.
pub const SECONDS: u32 = 14;
/// Frames of it.
pub const FRAMES: u16 = 14 * 30;
/// Number of the first frame that comes after a publisher was away.
pub const RETURNED: u16 = 20_000;

/// What the pictures of the sample job are cut into.
const SEGMENT: Duration = Duration::from_secs(2);

/// A channel under test.
pub struct Session {
    /// What the channel and its installation are like.
    pub setting: Setting,
    /// The installation.
    pub installation: Installation,
    /// The job.
    pub id: String,
    /// URL of the multivariant playlist.
    pub hls: String,
    /// URL of the MPD.
    pub dash: String,
    /// Who publishes at the moment.
    pub publisher: Publisher,
    /// What was published last.
    pub feed: Feed,
    /// Who watches.
    pub viewer: Viewer,
    /// How late segments came at first, before anything went wrong.
    pub steady_lag_ms: i64,
}

fn small() -> Contribution {
    Contribution {
        width: 640,
        height: 360,
        seconds: SECONDS,
        gop_seconds: 1.0,
        b_frames: 0,
        kilobits_per_second: 1200,
        ..Contribution::default()
    }
}

/// What is published, in order of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Numbers from 0.
    First,
    /// The same encoder, back with numbers from [`RETURNED`].
    Back,
    /// Another encoder: other size, rate and sound, numbers from [`RETURNED`].
    Other,
    /// Another encoder with H.265, numbers from [`RETURNED`].
    OtherCodec,
    /// Numbers from 0, for so many seconds.
    Long(u32),
}

impl Feed {
    /// How many frames it has.
    pub fn frames(self) -> u32 {
        self.contribution().frame_count()
    }

    /// The media, which is made when it is asked for first.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn flv(self) -> Result<std::path::PathBuf> {
        self.contribution().flv().await
    }

    fn contribution(self) -> Contribution {
        match self {
            Self::First => small(),
            Self::Long(seconds) => Contribution { seconds, ..small() },
            Self::Back => Contribution { first_counter: RETURNED, seconds: 8, ..small() },
            Self::OtherCodec => {
                Contribution { video: VideoCodec::H265, first_counter: RETURNED, seconds: 8, ..small() }
            }
            Self::Other => Contribution {
                width: 480,
                height: 360,
                frame_rate: FrameRate::whole(25),
                sound: Sound::Beep { sample_rate: 44_100, channels: 1 },
                first_counter: RETURNED,
                seconds: 8,
                b_frames: 2,
                ..small()
            },
        }
    }
}

impl Session {
    /// Starts everything and waits until a channel is on air.
    ///
    /// # Errors
    /// When something does not come up in time.
    pub async fn start(setting: Setting) -> Result<Self> {
        for feed in [Feed::First, Feed::Back, Feed::Other, Feed::OtherCodec] {
            feed.flv().await?;
        }
        let installation = if setting.has_small_disks {
            Installation::start_on_small_disks(2).await?
        } else {
            Installation::start(1).await?
        };
        let mut job = installation.sample_job()?;
        job["Output"]["Time_shift_buffer_depth"] = json!(600);
        job["Output"]["Reconnect_window"] = json!(setting.reconnect_window);
        job["Output"]["Video_outputs"] = json!([
            {"Label": "low", "Codec": "h264", "Framerate": 30, "Width": 320, "Height": 180,
             "Bitrate": "400k", "Max_bitrate": "500k", "Preset": "veryfast", "Threads": 1},
            {"Label": "high", "Codec": "h264", "Framerate": 30, "Width": 640, "Height": 360,
             "Bitrate": "900k", "Max_bitrate": "1200k", "Preset": "veryfast", "Threads": 1}
        ]);
        let created = installation.create(&job).await?;
        let id = text(&created, "Id").to_owned();
        let url = ingest_url(&installation, &id).await?;
        let mut publisher = Publisher::start(&Feed::Back.flv().await?, &url, Repeat::Once)?;
        let job = installation.until(&id, "it streams", 20, |job| text(job, "State") == "streaming").await?;
        let url_of = |key: &str| job["Playback_urls"][key].as_str().map(str::to_owned);
        let hls = url_of("hls").context("an HLS URL")?;
        let dash = url_of("dash").context("a DASH URL")?;
        let viewer = Viewer::start(&hls, SEGMENT).await?;
        publisher.wait(Duration::from_secs(30)).await?;
        let (newest, _) = viewer.newest().context("nothing was ever published")?;
        let steady_lag_ms = viewer.least_lag_ms(0, newest).context("segments without a date")?;
        Ok(Self { setting, installation, id, hls, dash, publisher, feed: Feed::Back, viewer, steady_lag_ms })
    }

    /// Begins to publish; the earlier publisher must have ended.
    ///
    /// # Errors
    /// When there is nowhere to publish.
    pub async fn publish(&mut self, feed: Feed) -> Result<()> {
        let url = ingest_url(&self.installation, &self.id).await?;
        until_accepted(&url).await?;
        self.publisher = Publisher::start(&feed.flv().await?, &url, Repeat::Once)?;
        self.feed = feed;
        Ok(())
    }
}

/// Waits until somebody listens, as an encoder does that tries again: a killed transcoder takes a moment.
async fn until_accepted(url: &str) -> Result<()> {
    let url: Url = url.parse().context("the ingest URL")?;
    let address = (url.host_str().context("an ingest host")?, url.port().context("an ingest port")?);
    let connect = || TcpStream::connect(address);
    eventually(Duration::from_secs(10), "a transcoder that listens", connect).await?;
    Ok(())
}

async fn ingest_url(installation: &Installation, id: &str) -> Result<String> {
    let job =
        installation.until(id, "a worker listens", 15, |job| !text(job, "RtmpIngestUrl").is_empty()).await?;
    Ok(text(&job, "RtmpIngestUrl").to_owned())
}

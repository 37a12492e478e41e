//! What goes wrong.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ez_local::launch::worker_name;
use nix::sys::signal::Signal;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::session::{Feed, Session};
use super::store::{BadStore, Manner};
use crate::installation::text;
use crate::processes::{find, parent, send};

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the figures to compare with.
    None,
    /// The publisher ends in order and is back some seconds later.
    PublisherLeaves,
    /// The publisher is killed; another encoder with another picture and sound takes its place.
    PublisherChanges,
    /// The publisher is killed; another encoder with another video codec takes its place.
    CodecChanges,
    /// The publisher's connection stays open and nothing comes for a while.
    PublisherFreezes,
    /// The publisher is back only when the reconnect window is over.
    PublisherStaysAway,
    /// ffmpeg is killed.
    FfmpegKilled,
    /// Packager is killed.
    PackagerKilled,
    /// ffmpeg hangs.
    FfmpegHangs,
    /// Packager hangs.
    PackagerHangs,
    /// `worker_transcoder` is killed.
    TranscoderKilled,
    /// `worker_app` is killed.
    WorkerKilled,
    /// The bucket is away for a while.
    StoreAway,
    /// Half of the bucket's answers to the worker are failures for a while.
    StoreFails,
    /// The bucket is slow for a while.
    StoreSlow,
    /// The bucket refuses what the worker writes until the job has failed; then it is resumed.
    StoreRefuses,
    /// Redis is killed.
    RedisKilled,
    /// Redis is away for a while.
    RedisAway,
    /// The scheduler is killed.
    SchedulerKilled,
    /// The API is killed.
    ApiKilled,
    /// The disk of the worker is full; there is another worker.
    DiskFull,
}

/// What a channel and its installation must be like for a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `Reconnect_window` of the channel, in seconds.
    pub reconnect_window: u32,
    /// Two workers with a small disk each, not one with that of the machine.
    pub has_small_disks: bool,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::None,
        Self::PublisherLeaves,
        Self::PublisherChanges,
        Self::CodecChanges,
        Self::PublisherFreezes,
        Self::PublisherStaysAway,
        Self::FfmpegKilled,
        Self::PackagerKilled,
        Self::FfmpegHangs,
        Self::PackagerHangs,
        Self::TranscoderKilled,
        Self::WorkerKilled,
        Self::StoreAway,
        Self::StoreFails,
        Self::StoreSlow,
        Self::StoreRefuses,
        Self::RedisKilled,
        Self::RedisAway,
        Self::SchedulerKilled,
        Self::ApiKilled,
        Self::DiskFull,
    ];

    /// The name on the command line and in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PublisherLeaves => "publisher-leaves",
            Self::PublisherChanges => "publisher-changes",
            Self::CodecChanges => "codec-changes",
            Self::PublisherFreezes => "publisher-freezes",
            Self::PublisherStaysAway => "publisher-stays-away",
            Self::FfmpegKilled => "ffmpeg-killed",
            Self::PackagerKilled => "packager-killed",
            Self::FfmpegHangs => "ffmpeg-hangs",
            Self::PackagerHangs => "packager-hangs",
            Self::TranscoderKilled => "transcoder-killed",
            Self::WorkerKilled => "worker-killed",
            Self::StoreAway => "store-away",
            Self::StoreFails => "store-fails",
            Self::StoreSlow => "store-slow",
            Self::StoreRefuses => "store-refuses",
            Self::RedisKilled => "redis-killed",
            Self::RedisAway => "redis-away",
            Self::SchedulerKilled => "scheduler-killed",
            Self::ApiKilled => "api-killed",
            Self::DiskFull => "disk-full",
        }
    }

    /// The fault with this name.
    ///
    /// # Errors
    /// When there is none; the message names all.
    pub fn named(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|fault| fault.name() == name) {
            Some(fault) => Ok(fault),
            None => bail!("no fault {name}; there are {}", Self::ALL.map(Self::name).join(", ")),
        }
    }

    /// What is published after it, where the publisher does not go on.
    pub const fn returner(self) -> Option<Feed> {
        match self {
            Self::PublisherLeaves
            | Self::PublisherStaysAway
            | Self::TranscoderKilled
            | Self::StoreRefuses
            | Self::DiskFull => Some(Feed::Back),
            Self::PublisherChanges => Some(Feed::Other),
            Self::CodecChanges => Some(Feed::OtherCodec),
            _ => None,
        }
    }

    /// Whether what was not yet in a closed segment, or not yet stored, may be lost.
    pub const fn loses_what_is_in_flight(self) -> bool {
        matches!(self, Self::TranscoderKilled | Self::StoreRefuses | Self::DiskFull)
    }

    /// What it can happen to.
    pub const fn setting(self) -> Setting {
        Setting {
            reconnect_window: if matches!(self, Self::PublisherStaysAway) { 3 } else { 60 },
            has_small_disks: matches!(self, Self::DiskFull),
        }
    }

    /// The longest wait for a next segment that may follow from it, beside one segment.
    pub const fn longest_wait(self) -> Duration {
        if self.is_unnoticed() {
            return Duration::from_secs(3);
        }
        match self {
            // Segments wait on disk meanwhile.
            Self::StoreAway => Duration::from_secs(AWAY.as_secs() + 4),
            // Seen after ten seconds without a segment.
            Self::FfmpegHangs | Self::PackagerHangs => Duration::from_secs(13),
            Self::TranscoderKilled | Self::CodecChanges => Duration::from_secs(3),
            // Seen with the next write, then another worker takes over.
            Self::DiskFull => Duration::from_secs(8),
            // The time for which nobody publishes, and that of a start.
            Self::PublisherStaysAway => Duration::from_secs(REST.as_secs() + 6),
            // A refusal is believed after three seconds and a second run; then somebody mends the bucket and resumes
            // the job.
            Self::StoreRefuses => Duration::from_secs(20),
            Self::FfmpegKilled | Self::PackagerKilled => Duration::from_secs(2),
            // Calls are made again after a pause that grows, and wait for each other.
            _ => Duration::from_secs(8),
        }
    }

    /// Whether viewers should notice nothing but another picture.
    const fn is_unnoticed(self) -> bool {
        matches!(
            self,
            Self::None
                | Self::PublisherLeaves
                | Self::PublisherChanges
                | Self::PublisherFreezes
                | Self::WorkerKilled
                | Self::RedisKilled
                | Self::RedisAway
                | Self::SchedulerKilled
                | Self::ApiKilled
        )
    }

    /// Whether there is a time of which nothing is published.
    pub const fn leaves_a_hole(self) -> bool {
        matches!(
            self,
            Self::PublisherStaysAway | Self::TranscoderKilled | Self::StoreRefuses | Self::DiskFull
        )
    }

    /// Where viewers should notice nothing but another picture: by how much segments may come later in the end.
    pub const fn latest(self) -> Option<Duration> {
        if self.is_unnoticed() { Some(Duration::from_millis(300)) } else { None }
    }

    /// Whether ffmpeg and packager run through it: the media goes on in the same period.
    pub const fn keeps_the_period(self) -> bool {
        self.is_unnoticed() || matches!(self, Self::StoreAway | Self::StoreFails | Self::StoreSlow)
    }

    /// Makes it happen; faults that last are over when this returns.
    ///
    /// # Errors
    /// When the victim is not there.
    pub async fn inject(self, session: &mut Session) -> Result<()> {
        let data = session.installation.stack.layout().root().to_owned();
        let stack = &session.installation.stack;
        match self {
            Self::None => {}
            Self::PublisherLeaves => {
                session.publisher.stop().await?;
                tokio::time::sleep(Duration::from_secs(4)).await;
            }
            Self::PublisherChanges | Self::CodecChanges => {
                session.publisher.kill().await?;
            }
            Self::PublisherStaysAway => {
                session.publisher.stop().await?;
                let rests = |job: &Value| job["Phase"] == "listening";
                session.installation.until(&session.id, "the playlists rest", 15, rests).await?;
                tokio::time::sleep(REST).await;
            }
            Self::PublisherFreezes => {
                session.publisher.pause()?;
                tokio::time::sleep(FREEZE).await;
                session.publisher.resume()?;
            }
            Self::FfmpegKilled => send(find(&data, "ffmpeg")?, Signal::SIGKILL)?,
            Self::PackagerKilled => send(find(&data, "packager")?, Signal::SIGKILL)?,
            Self::FfmpegHangs => send(find(&data, "ffmpeg")?, Signal::SIGSTOP)?,
            Self::PackagerHangs => send(find(&data, "packager")?, Signal::SIGSTOP)?,
            Self::TranscoderKilled => send(parent(find(&data, "ffmpeg")?)?, Signal::SIGKILL)?,
            Self::WorkerKilled => stack.kill(&worker_name(0)).await?,
            Self::StoreAway => {
                session.viewer.store_is_away(true);
                stack.take_away("s3").await?;
                tokio::time::sleep(AWAY).await;
                stack.bring_back("s3").await?;
                session.viewer.store_is_away(false);
            }
            Self::StoreFails => bad_store(session, Manner::Unreliable, BadFor::AWhile).await?,
            Self::StoreSlow => bad_store(session, Manner::Slow, BadFor::AWhile).await?,
            Self::StoreRefuses => {
                bad_store(session, Manner::Forbidding, BadFor::TheJob).await?;
                let resume = format!("/jobs/{}/resume", session.id);
                let (status, answer) = session.installation.ask(Method::PUT, &resume, None).await?;
                ensure!(status == StatusCode::ACCEPTED, "resume answers {status}: {answer}");
            }
            Self::RedisKilled => stack.kill("redis").await?,
            Self::RedisAway => {
                stack.take_away("redis").await?;
                tokio::time::sleep(AWAY).await;
                stack.bring_back("redis").await?;
            }
            Self::SchedulerKilled => stack.kill("scheduler").await?,
            Self::ApiKilled => stack.kill("api_server").await?,
            Self::DiskFull => full_disk(session).await?,
        }
        Ok(())
    }
}

/// Fills the disk that the channel's run works on, until another worker has it.
async fn full_disk(session: &Session) -> Result<()> {
    let installation = &session.installation;
    let data = installation.stack.layout().root();
    let folder = std::fs::read_link(format!("/proc/{}/cwd", find(data, "ffmpeg")?))?;
    let disk = installation.disks().iter().find(|disk| disk.holds(&folder)).context("its small disk")?;
    let path = format!("/jobs/{}", session.id);
    let (_, job) = installation.ask(Method::GET, &path, None).await?;
    let worker = text(&job, "Assigned_worker_id").to_owned();
    let filler = disk.fill()?;
    let has_moved = |job: &Value| {
        // Segments that were stored are removed, and what room they leave is not for the next ones.
        let is_full = filler.write().is_ok();
        is_full && !text(job, "RtmpIngestUrl").is_empty() && text(job, "Assigned_worker_id") != worker
    };
    installation.until(&session.id, "another worker has it", 30, has_moved).await?;
    let (_, events) = installation.ask(Method::GET, &format!("{path}/events"), None).await?;
    ensure!(events.to_string().contains("disk is full"), "no event tells why: {events:#}");
    Ok(())
}

/// How long a store is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BadFor {
    /// For [`AWAY`].
    AWhile,
    /// Until the job has failed.
    TheJob,
}

async fn bad_store(session: &Session, manner: Manner, bad_for: BadFor) -> Result<()> {
    // While one store makes room for the other, nobody answers.
    session.viewer.store_is_away(true);
    let store = BadStore::replace(&session.installation.stack, manner).await?;
    session.viewer.store_is_away(false);
    match bad_for {
        BadFor::AWhile => tokio::time::sleep(AWAY).await,
        BadFor::TheJob => {
            let failed = |job: &Value| job["Phase"] == "failed";
            let job = session.installation.until(&session.id, "the job has failed", 30, failed).await?;
            let reason = text(&job, "Reason");
            ensure!(reason.contains("the bucket does not take the media"), "{reason}");
        }
    }
    session.viewer.store_is_away(true);
    store.leave(&session.installation.stack).await?;
    session.viewer.store_is_away(false);
    Ok(())
}

/// How long a publisher sends nothing.
pub const FREEZE: Duration = Duration::from_secs(4);

/// How long playlists rest before a publisher is back.
const REST: Duration = Duration::from_secs(2);

/// How long a service is away.
const AWAY: Duration = Duration::from_secs(8);

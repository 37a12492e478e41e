//! What goes wrong.

use std::time::Duration;

use anyhow::{Result, bail};
use ez_local::launch::worker_name;
use nix::sys::signal::Signal;

use super::session::Session;
use super::store::{BadStore, Manner};
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
    /// The publisher's connection stays open and nothing comes for a while.
    PublisherFreezes,
    /// ffmpeg is killed.
    FfmpegKilled,
    /// Packager is killed.
    PackagerKilled,
    /// ffmpeg hangs.
    FfmpegHangs,
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
    /// Redis is killed.
    RedisKilled,
    /// Redis is away for a while.
    RedisAway,
    /// The scheduler is killed.
    SchedulerKilled,
    /// The API is killed.
    ApiKilled,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::None,
        Self::PublisherLeaves,
        Self::PublisherChanges,
        Self::PublisherFreezes,
        Self::FfmpegKilled,
        Self::PackagerKilled,
        Self::FfmpegHangs,
        Self::TranscoderKilled,
        Self::WorkerKilled,
        Self::StoreAway,
        Self::StoreFails,
        Self::StoreSlow,
        Self::RedisKilled,
        Self::RedisAway,
        Self::SchedulerKilled,
        Self::ApiKilled,
    ];

    /// The name on the command line and in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PublisherLeaves => "publisher-leaves",
            Self::PublisherChanges => "publisher-changes",
            Self::PublisherFreezes => "publisher-freezes",
            Self::FfmpegKilled => "ffmpeg-killed",
            Self::PackagerKilled => "packager-killed",
            Self::FfmpegHangs => "ffmpeg-hangs",
            Self::TranscoderKilled => "transcoder-killed",
            Self::WorkerKilled => "worker-killed",
            Self::StoreAway => "store-away",
            Self::StoreFails => "store-fails",
            Self::StoreSlow => "store-slow",
            Self::RedisKilled => "redis-killed",
            Self::RedisAway => "redis-away",
            Self::SchedulerKilled => "scheduler-killed",
            Self::ApiKilled => "api-killed",
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

    /// Whether the publisher stays connected and every frame of it must come out.
    pub const fn keeps_publisher(self) -> bool {
        !matches!(
            self,
            Self::PublisherLeaves | Self::PublisherChanges | Self::PublisherFreezes | Self::TranscoderKilled
        )
    }

    /// The longest wait for a next segment that may follow from it, beside one segment.
    pub const fn longest_wait(self) -> Duration {
        match self {
            // Segments wait on disk meanwhile.
            Self::StoreAway => Duration::from_secs(AWAY.as_secs() + 4),
            // Seen after ten seconds without a segment.
            Self::FfmpegHangs => Duration::from_secs(16),
            Self::TranscoderKilled => Duration::from_secs(5),
            Self::FfmpegKilled | Self::PackagerKilled => Duration::from_secs(4),
            // Calls are made again after a pause that grows, and wait for each other.
            Self::StoreFails | Self::StoreSlow => Duration::from_secs(8),
            Self::None
            | Self::PublisherLeaves
            | Self::PublisherChanges
            | Self::PublisherFreezes
            | Self::WorkerKilled
            | Self::RedisKilled
            | Self::RedisAway
            | Self::SchedulerKilled
            | Self::ApiKilled => Duration::from_secs(3),
        }
    }

    /// Whether another ffmpeg goes on after it.
    pub const fn begins_a_period(self) -> bool {
        matches!(self, Self::FfmpegKilled | Self::PackagerKilled | Self::FfmpegHangs | Self::TranscoderKilled)
    }

    /// Whether ffmpeg runs through it, so that segments come as late afterwards as before.
    pub const fn keeps_the_pace(self) -> bool {
        matches!(self, Self::None | Self::PublisherLeaves | Self::PublisherChanges | Self::PublisherFreezes)
    }

    /// Segments that may still be on their way when the publisher has ended, since the fault lasts.
    pub const fn segments_behind(self) -> u64 {
        match self {
            Self::FfmpegHangs | Self::StoreAway | Self::StoreFails | Self::StoreSlow => {
                self.longest_wait().as_secs() / 2
            }
            _ => 0,
        }
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
            Self::PublisherChanges => {
                session.publisher.kill().await?;
            }
            Self::PublisherFreezes => {
                session.publisher.pause()?;
                tokio::time::sleep(FREEZE).await;
                session.publisher.resume()?;
            }
            Self::FfmpegKilled => send(find(&data, "ffmpeg")?, Signal::SIGKILL)?,
            Self::PackagerKilled => send(find(&data, "packager")?, Signal::SIGKILL)?,
            Self::FfmpegHangs => send(find(&data, "ffmpeg")?, Signal::SIGSTOP)?,
            Self::TranscoderKilled => send(parent(find(&data, "ffmpeg")?)?, Signal::SIGKILL)?,
            Self::WorkerKilled => stack.kill(&worker_name(0)).await?,
            Self::StoreAway => {
                session.viewer.store_is_away(true);
                stack.take_away("s3").await?;
                tokio::time::sleep(AWAY).await;
                stack.bring_back("s3").await?;
                session.viewer.store_is_away(false);
            }
            Self::StoreFails => bad_store(session, Manner::Unreliable).await?,
            Self::StoreSlow => bad_store(session, Manner::Slow).await?,
            Self::RedisKilled => stack.kill("redis").await?,
            Self::RedisAway => {
                stack.take_away("redis").await?;
                tokio::time::sleep(AWAY).await;
                stack.bring_back("redis").await?;
            }
            Self::SchedulerKilled => stack.kill("scheduler").await?,
            Self::ApiKilled => stack.kill("api_server").await?,
        }
        Ok(())
    }
}

async fn bad_store(session: &Session, manner: Manner) -> Result<()> {
    // While one store makes room for the other, nobody answers.
    session.viewer.store_is_away(true);
    let store = BadStore::replace(&session.installation.stack, manner).await?;
    session.viewer.store_is_away(false);
    tokio::time::sleep(AWAY).await;
    session.viewer.store_is_away(true);
    store.leave(&session.installation.stack).await?;
    session.viewer.store_is_away(false);
    Ok(())
}

/// How long a publisher sends nothing.
pub const FREEZE: Duration = Duration::from_secs(4);

/// How long a service is away.
const AWAY: Duration = Duration::from_secs(8);

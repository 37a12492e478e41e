//! One period's processes: ffmpeg reads the contribution, packager cuts, files are closed.
//!
//! [`Period::start`] makes the folder, the FIFO and the watches before it starts anything, so that
//! no file is missed. From then on [`Event`]s tell what happens; the last one is
//! [`Event::Ended`], after both children are gone and every complete file was told of.

mod children;
mod feed;
mod fifo;
pub(crate) mod key;
mod lines;
mod watcher;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use ez_domain::content_key::ContentKey;
use ez_domain::spec::JobSpec;
use ez_domain::units::FrameRate;
use ez_media::layout::OutputLayout;
use ez_media::progress::Progress;
use ez_origin::ClosedFile;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What is needed to start one.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Counts the periods of this process.
    pub(crate) local: u32,
    pub(crate) folder: PathBuf,
    pub(crate) spec: Arc<JobSpec>,
    /// What packager encrypts with.
    pub(crate) content_key: Option<ContentKey>,
    pub(crate) frame_rate: FrameRate,
    /// How much of what is written first was shown by the period before.
    pub(crate) preroll: Duration,
    pub(crate) ffmpeg: PathBuf,
    pub(crate) packager: PathBuf,
}

/// What happens in a period.
#[derive(Debug)]
pub(crate) enum Event {
    Closed(ClosedFile),
    Progress(Progress),
    /// Both children are gone. `failure` is why, when nobody had asked for it.
    Ended {
        failure: Option<Broken>,
    },
}

/// Why a period ended that should have gone on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// In words for people.
    pub(crate) why: String,
    /// The worker's disk is full: a next period would end the same way.
    pub(crate) is_disk_full: bool,
}

/// A running period.
#[derive(Debug)]
pub(crate) struct Period {
    pub(crate) local: u32,
    /// Where the children write.
    pub(crate) folder: PathBuf,
    /// The children as they were started.
    pub(crate) processes: Vec<u32>,
    feed: Option<feed::Feed>,
    kill: CancellationToken,
    finish: watch::Sender<bool>,
}

impl Period {
    /// Starts both children. Events carry the period's local number.
    pub(crate) async fn start(
        setup: Setup,
        events: mpsc::Sender<(u32, Event)>,
        tasks: &TaskTracker,
    ) -> Result<Self> {
        let layout = OutputLayout::new(&setup.spec);
        make_folders(&setup, &layout).await?;
        let (changes, watching) =
            watcher::watch(&setup.folder, &layout).context("watch the period's folder")?;
        let fifo = fifo::Held::prepare(&setup.folder, &layout)?;
        let key = key::Handed::over(&setup.folder, setup.content_key.as_ref()).await?;
        let children = children::Children::start(&setup).await?;
        let processes = children.processes();
        let kill = CancellationToken::new();
        let (finish, finishing) = watch::channel(false);
        let (feed, stdin) = feed::Feed::new();
        let (local, folder) = (setup.local, setup.folder.clone());
        let supervised = children::Supervision { setup, layout, fifo, key, kill: kill.clone(), finishing };
        tasks.spawn(async move {
            let told = events.clone();
            let watched = watcher::Watcher::new(changes, watching);
            let failure = supervised.run(children, stdin, watched, &events).await;
            drop(told.send((local, Event::Ended { failure })).await);
        });
        Ok(Self { local, folder, processes, feed: Some(feed), kill, finish })
    }

    /// Gives media to ffmpeg; waits while it does not keep up, at most `patience`.
    ///
    /// `false` means that it takes nothing any more; its end is told by an event.
    pub(crate) async fn write(&self, media: Bytes, patience: Duration) -> bool {
        match &self.feed {
            Some(feed) => feed.write(media, patience).await,
            None => false,
        }
    }

    /// Ends the input: ffmpeg and packager finish what they have and go.
    pub(crate) fn finish(&mut self) {
        self.finish.send_replace(true);
        self.feed = None;
    }

    /// Kills both children; what is complete is still told of.
    pub(crate) fn kill(&mut self) {
        self.kill.cancel();
        self.feed = None;
    }
}

/// Where an earlier process of the run left a folder of this name, its files are in the spool by now. In a container
/// that was restarted it may well have had the same process id.
async fn make_folders(setup: &Setup, layout: &OutputLayout) -> Result<()> {
    match tokio::fs::remove_dir_all(&setup.folder).await {
        Ok(()) => tracing::info!(folder = %setup.folder.display(), "an old period's folder was in the way"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("remove the old folder {}", setup.folder.display()));
        }
    }
    for folder in layout.folders() {
        let path = setup.folder.join(folder);
        tokio::fs::create_dir_all(&path)
            .await
            .with_context(|| format!("make the folder {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ez_domain::units::FrameRate;
    use nix::sys::stat::Mode;

    use super::*;

    #[tokio::test]
    async fn what_an_earlier_process_left_is_not_in_the_way() {
        let sample = include_bytes!("../../sample_live_job.json");
        let spec = Arc::new(ez_api::create_job::parse(sample).unwrap().spec);
        let layout = OutputLayout::new(&spec);
        let run = tempfile::tempdir().unwrap();
        let setup = Setup {
            local: 1,
            folder: run.path().join("period-7-1"),
            spec,
            content_key: None,
            frame_rate: FrameRate::new(30, 1).unwrap(),
            preroll: Duration::ZERO,
            ffmpeg: "ffmpeg".into(),
            packager: "packager".into(),
        };
        for _ in 0..2 {
            make_folders(&setup, &layout).await.unwrap();
            assert_eq!(std::fs::read_dir(&setup.folder).unwrap().count(), layout.folders().count());
            nix::unistd::mkfifo(&setup.folder.join("feed.ts"), Mode::S_IRWXU).unwrap();
        }
    }
}

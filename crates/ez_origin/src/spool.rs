//! The worker's disk between packager and the store.
//!
//! Each closed file is moved here, into a folder per period, and stays until the store has
//! acknowledged it and the playlists name it. The folder itself is the journal: a move is atomic, so
//! whatever lies here is whole, and a process that takes over after a crash finds what its
//! predecessor still owed, with the record of each period beside it.
//!
//! ```text
//! <folder>/00000001/period.json              what must be known to publish it
//! <folder>/00000001/<rendition>/init.mp4
//! <folder>/00000001/<rendition>/<decode time>.m4s
//! <folder>/last/init.mp4, last/segment.m4s   the newest media of the best rendition, for a filler
//! ```

mod recovery;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ez_domain::spec::RenditionName;
use ez_domain::units::FrameRate;
use ez_manifest::timeline::PeriodId;
use ez_service::disk;
use serde::{Deserialize, Serialize};
use tokio::fs;

pub(crate) use recovery::{Found, find};

const RECORD: &str = "period.json";
const LAST: &str = "last";

/// What must be known of a period to publish its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Where packager writes.
    pub(crate) work_folder: PathBuf,
    /// Wall clock (ms) of its first picture.
    pub(crate) wall_ms: i64,
    pub(crate) frame_rate: FrameRate,
    /// Its name, once the stored timeline has it.
    pub(crate) id: Option<PeriodId>,
}

/// The spool of one run.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    next: u32,
}

/// The folder of one period in the spool.
#[derive(Debug, Clone)]
pub(crate) struct PeriodFolder(PathBuf);

/// The newest media of the best rendition: what a filler shows after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastMedia {
    /// Its init segment.
    pub init: PathBuf,
    /// Its newest segment.
    pub segment: PathBuf,
}

impl Spool {
    /// Opens the spool in `folder`; periods are numbered on from `next`.
    pub(crate) async fn open(folder: PathBuf, next: u32) -> Result<Self> {
        let last = folder.join(LAST);
        fs::create_dir_all(&last).await.with_context(|| format!("make the folder {}", last.display()))?;
        Ok(Self { folder, next })
    }

    /// The room on its disk; `None` when nobody can tell.
    pub(crate) fn room(&self) -> Option<disk::Room> {
        disk::room(&self.folder)
            .inspect_err(|error| tracing::debug!(%error, "the free space is not known"))
            .ok()
    }

    /// Makes the folder of a new period and writes its record.
    pub(crate) async fn begin(
        &mut self,
        record: &Record,
        renditions: impl IntoIterator<Item = &RenditionName>,
    ) -> Result<PeriodFolder> {
        let folder = PeriodFolder(self.folder.join(format!("{:08}", self.next)));
        self.next = self.next.saturating_add(1);
        for rendition in renditions {
            let path = folder.0.join(rendition.as_str());
            fs::create_dir_all(&path).await.with_context(|| format!("make the folder {}", path.display()))?;
        }
        folder.write(record).await?;
        Ok(folder)
    }

    /// Keeps the newest media of the best rendition apart, beyond its publication.
    pub(crate) async fn remember(&self, init: &Path, segment: &Path) -> Result<()> {
        let last = self.last();
        for (from, to) in [(init, &last.init), (segment, &last.segment)] {
            let temporary = to.with_extension("new");
            drop(fs::remove_file(&temporary).await);
            fs::hard_link(from, &temporary).await.context("link the last media")?;
            fs::rename(&temporary, to).await.context("name the last media")?;
        }
        Ok(())
    }

    fn last(&self) -> LastMedia {
        let folder = self.folder.join(LAST);
        LastMedia { init: folder.join("init.mp4"), segment: folder.join("segment.m4s") }
    }

    /// The newest media of the best rendition, if any was ever published.
    pub(crate) async fn last_media(&self) -> Option<LastMedia> {
        let last = self.last();
        let is_there = fs::try_exists(&last.init).await.unwrap_or(false)
            && fs::try_exists(&last.segment).await.unwrap_or(false);
        is_there.then_some(last)
    }
}

impl PeriodFolder {
    /// Replaces the record.
    pub(crate) async fn write(&self, record: &Record) -> Result<()> {
        let text = serde_json::to_vec(record).context("write the record of a period")?;
        let (path, temporary) = (self.0.join(RECORD), self.0.join("period.new"));
        fs::write(&temporary, text).await.with_context(|| format!("write {}", temporary.display()))?;
        fs::rename(&temporary, &path).await.with_context(|| format!("name {}", path.display()))
    }

    /// Takes a closed file over from packager's folder.
    ///
    /// Moved, not copied: packager, which writes its init segments a second time at its end, then
    /// makes a file of its own instead of tearing ours.
    pub(crate) async fn take(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).await.with_context(|| format!("move {} to {}", from.display(), to.display()))
    }

    pub(crate) fn init(&self, rendition: &RenditionName) -> PathBuf {
        self.0.join(ez_media::layout::local::init_segment(rendition))
    }

    pub(crate) fn segment(&self, rendition: &RenditionName, decode_time: u64) -> PathBuf {
        self.0.join(ez_media::layout::local::segment(rendition, decode_time))
    }

    /// Removes the folder with everything in it.
    pub(crate) async fn remove(self) {
        if let Err(error) = fs::remove_dir_all(&self.0).await {
            tracing::warn!(%error, folder = %self.0.display(), "a folder of the spool could not be removed");
        }
    }
}

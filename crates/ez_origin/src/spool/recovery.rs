//! What an earlier process of the same run left behind.

use std::path::{Path, PathBuf};

use ez_media::layout::{LocalFile, OutputLayout};
use tokio::fs;

use super::{PeriodFolder, RECORD, Record};
use crate::file::{ClosedFile, FileKind};

/// One period that was not published whole.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) folder: PeriodFolder,
    pub(crate) record: Record,
    /// Files in the spool, init segments first, then by time.
    pub(crate) spooled: Vec<ClosedFile>,
    /// Files that packager had closed (or was writing) and nobody had taken over.
    pub(crate) fresh: Vec<ClosedFile>,
}

/// Looks through the spool in `folder`: the periods, oldest first, and the number of the next one.
///
/// A folder without a usable record is removed: its period was never announced to anybody.
pub(crate) async fn find(folder: &Path, layout: &OutputLayout) -> (Vec<Found>, u32) {
    let mut numbers = Vec::new();
    if let Ok(mut entries) = fs::read_dir(folder).await {
        while let Ok(Some(entry)) = entries.next_entry().await {
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            numbers.extend(number.map(|number| (number, entry.path())));
        }
    }
    numbers.sort_unstable();
    let next = numbers.last().map_or(1, |(number, _)| number.saturating_add(1));
    let mut found = Vec::new();
    for (_, path) in numbers {
        let record = fs::read(path.join(RECORD)).await.ok();
        let record = record.and_then(|text| serde_json::from_slice::<Record>(&text).ok());
        let folder = PeriodFolder(path.clone());
        let Some(record) = record else {
            tracing::warn!(folder = %path.display(), "a folder of the spool has no record and is removed");
            folder.remove().await;
            continue;
        };
        let spooled = files(&path, layout).await;
        let fresh = files(&record.work_folder, layout).await;
        found.push(Found { folder, record, spooled, fresh });
    }
    (found, next)
}

/// Init segments and segments below `folder`.
async fn files(folder: &Path, layout: &OutputLayout) -> Vec<ClosedFile> {
    let mut files: Vec<(u64, ClosedFile)> = Vec::new();
    for name in layout.folders() {
        let Ok(mut entries) = fs::read_dir(folder.join(name)).await else { continue };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let path: PathBuf = entry.path();
            let Some(relative) = path.strip_prefix(folder).ok().and_then(Path::to_str) else { continue };
            let (order, rendition, kind) = match layout.classify(relative) {
                LocalFile::Init(rendition) => (0, rendition.clone(), FileKind::Init),
                LocalFile::Segment { rendition, time } => {
                    (time.saturating_add(1), rendition.clone(), FileKind::Segment { time })
                }
                LocalFile::PackagerPlaylist(_)
                | LocalFile::PackagerMultivariant
                | LocalFile::PackagerManifest
                | LocalFile::Ignored
                | LocalFile::Unknown => continue,
            };
            files.push((order, ClosedFile { path, rendition, kind }));
        }
    }
    files.sort_by_key(|(order, _)| *order);
    files.into_iter().map(|(_, file)| file).collect()
}

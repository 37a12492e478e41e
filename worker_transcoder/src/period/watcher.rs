//! Which files are complete: `notify` is quick, the rescan is the truth.
//!
//! A file is complete at `CLOSE_WRITE` (packager writes under the final name). Events can be lost
//! (queue overflow), so a rescan finds what was missed: in a running period only files that nobody
//! has touched for a while, at its end all of them. Each path is told of once: packager writes its
//! init segments a second time at its end, and the first ones count.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ez_media::layout::{LocalFile, OutputLayout};
use ez_origin::{ClosedFile, FileKind};
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// How long a file must have been left alone before a rescan takes it.
const SETTLED: Duration = Duration::from_secs(2);

/// Paths that the kernel reported as complete; an empty path asks for a rescan.
pub(super) type Changes = mpsc::UnboundedReceiver<PathBuf>;

/// Puts the watches up. Every folder must exist: one made later is watched too late.
pub(super) fn watch(folder: &Path, layout: &OutputLayout) -> notify::Result<(Changes, RecommendedWatcher)> {
    let (sender, changes) = mpsc::unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if event.need_rescan() {
            drop(sender.send(PathBuf::new()));
        }
        let is_complete = matches!(
            event.kind,
            EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Modify(ModifyKind::Name(RenameMode::To))
        );
        if is_complete {
            for path in event.paths {
                drop(sender.send(path));
            }
        }
    })?;
    for name in layout.folders() {
        watcher.watch(&folder.join(name), RecursiveMode::NonRecursive)?;
    }
    Ok((changes, watcher))
}

/// Turns paths into files, each once.
#[derive(Debug)]
pub(super) struct Watcher {
    changes: Changes,
    seen: HashMap<PathBuf, Told>,
    _watching: RecommendedWatcher,
}

/// A path that was told of.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// Packager writes init segments again, segments never.
    is_init: bool,
    /// It was not there at the last rescan.
    is_gone: bool,
}

impl Watcher {
    pub(super) fn new(changes: Changes, watching: RecommendedWatcher) -> Self {
        Self { changes, seen: HashMap::new(), _watching: watching }
    }

    /// The next path that the kernel reports; pends for ever when it reports none.
    pub(super) async fn next(&mut self) -> PathBuf {
        match self.changes.recv().await {
            Some(path) => path,
            None => std::future::pending().await,
        }
    }

    /// What the kernel has reported and nobody has fetched yet.
    pub(super) fn pending(&mut self) -> Option<PathBuf> {
        self.changes.try_recv().ok()
    }

    /// The file at `path`, if it is one that counts and was not told of.
    pub(super) fn take(&mut self, folder: &Path, layout: &OutputLayout, path: PathBuf) -> Option<ClosedFile> {
        let relative = path.strip_prefix(folder).ok()?.to_str()?.to_owned();
        let (rendition, kind) = match layout.classify(&relative) {
            LocalFile::Init(rendition) => (rendition.clone(), FileKind::Init),
            LocalFile::Segment { rendition, time } => (rendition.clone(), FileKind::Segment { time }),
            LocalFile::Unknown => {
                tracing::warn!(file = relative, "unknown file in the period's folder");
                return None;
            }
            LocalFile::PackagerPlaylist(_)
            | LocalFile::PackagerMultivariant
            | LocalFile::PackagerManifest
            | LocalFile::Ignored => return None,
        };
        let told = Told { is_init: matches!(kind, FileKind::Init), is_gone: false };
        self.seen.insert(path.clone(), told).is_none().then_some(ClosedFile { path, rendition, kind })
    }

    /// Files that the kernel did not report: settled ones, or with `all` every one.
    pub(super) async fn rescan(
        &mut self,
        folder: &Path,
        layout: &OutputLayout,
        all: bool,
    ) -> Vec<ClosedFile> {
        let (mut found, mut present) = (Vec::new(), HashSet::new());
        for name in layout.folders() {
            let Ok(mut entries) = tokio::fs::read_dir(folder.join(name)).await else { continue };
            while let Ok(Some(entry)) = entries.next_entry().await {
                let path = entry.path();
                if self.seen.contains_key(&path) {
                    present.insert(path);
                    continue;
                }
                if !entry.file_type().await.is_ok_and(|kind| kind.is_file()) {
                    continue;
                }
                let age = entry.metadata().await.ok().and_then(|data| data.modified().ok()?.elapsed().ok());
                if all || age.is_some_and(|age| age >= SETTLED) {
                    found.extend(self.take(folder, layout, path));
                }
            }
        }
        self.forget_all_but(&present);
        found.sort_by_key(|file| natural(&file.path));
        found
    }

    /// Forgets segments that were uploaded and removed, as a period may last for months. Only when they were gone
    /// before, too: an event about one may still be on its way.
    fn forget_all_but(&mut self, present: &HashSet<PathBuf>) {
        self.seen.retain(|path, told| {
            let was_gone = told.is_gone;
            told.is_gone = !present.contains(path);
            told.is_init || !(was_gone && told.is_gone)
        });
    }
}

/// Init segments first, then segments by time, though names have no leading zeros.
fn natural(path: &Path) -> (u64, PathBuf) {
    let time = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
    (time.map_or(0, |time| time.saturating_add(1)), path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_told_of_once_and_forgotten_when_it_is_uploaded() {
        let sample = include_bytes!("../../../sample_live_job.json");
        let spec = ez_api::create_job::parse(sample).unwrap().spec;
        let layout = OutputLayout::new(&spec);
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        for name in layout.folders() {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let rendition = folder.join(layout.renditions()[0].as_str());
        let segment = rendition.join("10800.m4s");
        std::fs::write(rendition.join("init.mp4"), "i").unwrap();
        std::fs::write(&segment, "s").unwrap();

        let (changes, watching) = watch(folder, &layout).unwrap();
        let mut watcher = Watcher::new(changes, watching);
        let kinds = |files: Vec<ClosedFile>| files.into_iter().map(|file| file.kind).collect::<Vec<_>>();
        let found = watcher.rescan(folder, &layout, true).await;
        assert_eq!(kinds(found), [FileKind::Init, FileKind::Segment { time: 10_800 }]);
        assert_eq!(kinds(watcher.rescan(folder, &layout, true).await), []);
        std::fs::remove_file(&segment).unwrap();
        watcher.rescan(folder, &layout, false).await;
        assert!(watcher.take(folder, &layout, segment).is_none(), "an event that was late");
        for _ in 0..2 {
            watcher.rescan(folder, &layout, false).await;
        }
        let known: Vec<_> = watcher.seen.into_keys().collect();
        assert_eq!(known, [rendition.join("init.mp4")], "packager writes it again");
    }
}

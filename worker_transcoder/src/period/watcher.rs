//! Which files are complete: `notify` is quick, the rescan is the truth.
//!
//! A file is complete at `CLOSE_WRITE` (packager writes under the final name). Events can be lost
//! (queue overflow), so a rescan finds what was missed: in a running period only files after which packager
//! has begun another of the same rendition (it closes one before it opens the next; an age would believe
//! a file of a packager that stands still), at its end all of them. Each path is told of once: packager
//! writes its init segments a second time at its end, and the first ones count.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ez_domain::spec::RenditionName;
use ez_media::layout::{LocalFile, OutputLayout};
use ez_origin::{ClosedFile, FileKind};
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

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
    /// Decode time of the newest segment that packager has begun, as far as it was seen.
    newest: HashMap<RenditionName, u64>,
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
        Self { changes, seen: HashMap::new(), newest: HashMap::new(), _watching: watching }
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
        let (rendition, kind) = match classified(folder, layout, &path)? {
            LocalFile::Init(rendition) => (rendition.clone(), FileKind::Init),
            LocalFile::Segment { rendition, time } => (rendition.clone(), FileKind::Segment { time }),
            LocalFile::Unknown => {
                tracing::warn!(file = %path.display(), "unknown file in the period's folder");
                return None;
            }
            LocalFile::PackagerPlaylist(_)
            | LocalFile::PackagerMultivariant
            | LocalFile::PackagerManifest
            | LocalFile::Ignored => return None,
        };
        if let FileKind::Segment { time } = kind {
            self.has_begun(&rendition, time);
        }
        let told = Told { is_init: matches!(kind, FileKind::Init), is_gone: false };
        self.seen.insert(path.clone(), told).is_none().then_some(ClosedFile { path, rendition, kind })
    }

    fn has_begun(&mut self, rendition: &RenditionName, time: u64) {
        let newest = self.newest.entry(rendition.clone()).or_insert(time);
        *newest = time.max(*newest);
    }

    /// Whether packager has begun a later file of the same rendition.
    fn is_followed(&self, file: &LocalFile<'_>) -> bool {
        match file {
            LocalFile::Init(rendition) => self.newest.contains_key(*rendition),
            LocalFile::Segment { rendition, time } => {
                self.newest.get(*rendition).is_some_and(|newest| newest > time)
            }
            LocalFile::PackagerPlaylist(_)
            | LocalFile::PackagerMultivariant
            | LocalFile::PackagerManifest
            | LocalFile::Ignored
            | LocalFile::Unknown => false,
        }
    }

    /// Files that the kernel did not report: followed ones, or with `all` every one.
    pub(super) async fn rescan(
        &mut self,
        folder: &Path,
        layout: &OutputLayout,
        all: bool,
    ) -> Vec<ClosedFile> {
        let (mut unseen, mut present) = (Vec::new(), HashSet::new());
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
                unseen.push(path);
            }
        }
        self.forget_all_but(&present);
        unseen.sort_by_key(|path| natural(path));
        // Each segment tells that what was begun before it is complete.
        for path in &unseen {
            if let Some(LocalFile::Segment { rendition, time }) = classified(folder, layout, path) {
                self.has_begun(rendition, time);
            }
        }
        unseen.retain(|path| {
            all || classified(folder, layout, path).is_some_and(|file| self.is_followed(&file))
        });
        unseen.into_iter().filter_map(|path| self.take(folder, layout, path)).collect()
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

/// What a file is; `None` when its name is no text.
fn classified<'layout>(
    folder: &Path,
    layout: &'layout OutputLayout,
    path: &Path,
) -> Option<LocalFile<'layout>> {
    Some(layout.classify(path.strip_prefix(folder).ok()?.to_str()?))
}

/// Init segments first, then segments by time, though names have no leading zeros.
fn natural(path: &Path) -> (u64, PathBuf) {
    let time = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
    (time.map_or(0, |time| time.saturating_add(1)), path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder of a period, the folder of one rendition in it, and a watcher that was told nothing.
    fn period() -> (tempfile::TempDir, PathBuf, OutputLayout, Watcher) {
        let sample = include_bytes!("../../../sample_live_job.json");
        let spec = ez_api::create_job::parse(sample).unwrap().spec;
        let layout = OutputLayout::new(&spec);
        let folder = tempfile::tempdir().unwrap();
        for name in layout.folders() {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let rendition = folder.path().join(layout.renditions()[0].as_str());
        let (_, watching) = watch(folder.path(), &layout).unwrap();
        let (_, nothing) = mpsc::unbounded_channel();
        (folder, rendition, layout, Watcher::new(nothing, watching))
    }

    fn kinds(files: Vec<ClosedFile>) -> Vec<FileKind> {
        files.into_iter().map(|file| file.kind).collect()
    }

    #[tokio::test]
    async fn a_file_that_may_still_be_written_is_left_alone() {
        let (folder, rendition, layout, mut watcher) = period();
        let folder = folder.path();
        let write = |name: &str| {
            let path = rendition.join(name);
            std::fs::write(&path, "half of i").unwrap();
            path
        };
        write("init.mp4");
        assert_eq!(kinds(watcher.rescan(folder, &layout, false).await), []);
        write("9000.m4s");
        assert_eq!(kinds(watcher.rescan(folder, &layout, false).await), [FileKind::Init]);
        write("10800.m4s");
        let first = FileKind::Segment { time: 9_000 };
        assert_eq!(kinds(watcher.rescan(folder, &layout, false).await), [first]);
        // The next one is reported, and gone before anybody looks.
        let next = write("181000.m4s");
        assert!(watcher.take(folder, &layout, next.clone()).is_some());
        std::fs::remove_file(next).unwrap();
        let second = FileKind::Segment { time: 10_800 };
        assert_eq!(kinds(watcher.rescan(folder, &layout, false).await), [second]);
        write("361000.m4s");
        assert_eq!(kinds(watcher.rescan(folder, &layout, false).await), []);
        let last = FileKind::Segment { time: 361_000 };
        assert_eq!(kinds(watcher.rescan(folder, &layout, true).await), [last]);
    }

    #[tokio::test]
    async fn a_file_is_told_of_once_and_forgotten_when_it_is_uploaded() {
        let (folder, rendition, layout, mut watcher) = period();
        let folder = folder.path();
        let segment = rendition.join("10800.m4s");
        std::fs::write(rendition.join("init.mp4"), "i").unwrap();
        std::fs::write(&segment, "s").unwrap();

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

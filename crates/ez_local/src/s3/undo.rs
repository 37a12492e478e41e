//! Undoes writes that did not come to their end.
//!
//! `s3s-fs` replaces body, metadata and tag of an object one after the other, and checks checksums
//! only after the body is replaced. A server that is killed in between, or an upload that is refused
//! late, would leave the body of one write with the tag of another. So the old files are hard-linked
//! aside before each write and put back unless the write has succeeded.
//!
//! A note is a folder `<n>` with `name.json` (bucket and key) and the old files that there were.
//! It appears and disappears by a rename: a folder with another name is not a note and is swept away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::places::{ObjectFiles, Places, remove_if_there};

const NAME: &str = "name.json";

/// The notes of writes under way.
#[derive(Debug)]
pub(super) struct Notes {
    folder: PathBuf,
    next: AtomicU64,
}

/// The note of one write.
#[derive(Debug)]
#[must_use]
pub(super) struct Note {
    folder: PathBuf,
    files: ObjectFiles,
}

impl Notes {
    pub(super) fn new(places: &Places) -> Self {
        Self { folder: places.undo(), next: AtomicU64::new(0) }
    }

    /// Notes how the object is now. The caller holds its write lock until the note has ended.
    pub(super) fn begin(&self, bucket: &str, key: &str, files: ObjectFiles) -> io::Result<Note> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let draft = self.folder.join(format!("{number}.draft"));
        fs::create_dir_all(&draft)?;
        fs::write(draft.join(NAME), serde_json::to_vec(&(bucket, key))?)?;
        // Side-cars without a body are left-overs of an older object and do not come back.
        if files.exists() {
            for (path, name) in parts(&files) {
                match fs::hard_link(path, draft.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        let folder = self.folder.join(number.to_string());
        fs::rename(draft, &folder)?;
        Ok(Note { folder, files })
    }
}

impl Note {
    /// The write has succeeded: forgets how it was.
    pub(super) fn forget(self) -> io::Result<()> {
        let ended = self.folder.with_extension("ended");
        fs::rename(&self.folder, &ended)?;
        fs::remove_dir_all(ended)
    }

    /// The write has failed: puts everything back.
    pub(super) fn restore(self) -> io::Result<()> {
        restore(&self.folder, &self.files)?;
        self.forget()
    }
}

/// Undoes what a killed server left half done. Nobody else may use the folder meanwhile.
pub(super) fn recover(places: &Places) -> io::Result<()> {
    let entries = match fs::read_dir(places.undo()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let folder = entry?.path();
        if folder.extension().is_some() {
            fs::remove_dir_all(&folder)?;
            continue;
        }
        match read_name(&folder) {
            Ok((bucket, key)) => {
                tracing::info!(%bucket, %key, "S3: a write that was cut off is undone");
                let files = places.files(&bucket, &key);
                Note { folder, files }.restore()?;
            }
            // Only a power failure can do that; what the object is like then nobody knows.
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "S3: a note of a write cannot be read");
                fs::remove_dir_all(&folder)?;
            }
        }
    }
    Ok(())
}

fn read_name(folder: &Path) -> io::Result<(String, String)> {
    Ok(serde_json::from_slice(&fs::read(folder.join(NAME))?)?)
}

/// Can be repeated: a second crash in the middle of it does no harm.
fn restore(folder: &Path, files: &ObjectFiles) -> io::Result<()> {
    for (path, name) in parts(files) {
        let old = folder.join(name);
        if !old.exists() {
            remove_if_there(path)?;
            continue;
        }
        // Linked beside and renamed over: the note stays whole until all parts are back.
        let beside = folder.join(format!("{name}.back"));
        remove_if_there(&beside)?;
        fs::hard_link(&old, &beside)?;
        fs::rename(&beside, path)?;
    }
    Ok(())
}

fn parts(files: &ObjectFiles) -> [(&Path, &'static str); 3] {
    [(&files.body, "body"), (&files.metadata, "metadata"), (&files.internal, "internal")]
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        places: Places,
        files: ObjectFiles,
    }

    impl Fixture {
        fn new(content: Option<&str>) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let places = Places::new(folder.path().to_path_buf());
            let files = places.object("media", "a/b").unwrap();
            fs::create_dir_all(files.body.parent().unwrap()).unwrap();
            let fixture = Self { folder, places, files };
            if let Some(content) = content {
                fixture.replace(content, 3);
            }
            fixture
        }

        /// What `s3s-fs` does: body, metadata, tag, in this order, each by a rename.
        fn replace(&self, content: &str, steps: usize) {
            for (path, name) in parts(&self.files).into_iter().take(steps) {
                let temporary = self.folder.path().join("temporary");
                fs::write(&temporary, format!("{name} {content}")).unwrap();
                fs::rename(temporary, path).unwrap();
            }
        }

        fn parts(&self) -> Vec<Option<String>> {
            parts(&self.files).into_iter().map(|(path, _)| fs::read_to_string(path).ok()).collect()
        }
    }

    #[test]
    fn a_write_that_was_cut_off_at_any_step_is_undone() {
        for old in [None, Some("old")] {
            for steps in 0..=3 {
                let fixture = Fixture::new(old);
                let before = fixture.parts();
                let notes = Notes::new(&fixture.places);
                let note = notes.begin("media", "a/b", fixture.files.clone()).unwrap();
                fixture.replace("new", steps);
                assert_eq!(fixture.parts() == before, steps == 0, "the crash must be visible");
                drop(note); // As in a crash: neither forgotten nor restored.
                recover(&fixture.places).unwrap();
                assert_eq!(fixture.parts(), before, "{old:?} after {steps} steps");
                assert_eq!(fs::read_dir(fixture.places.undo()).unwrap().count(), 0);
            }
        }
    }

    #[test]
    fn a_write_that_succeeded_stays() {
        let fixture = Fixture::new(Some("old"));
        let notes = Notes::new(&fixture.places);
        let note = notes.begin("media", "a/b", fixture.files.clone()).unwrap();
        fixture.replace("new", 3);
        let after = fixture.parts();
        note.forget().unwrap();
        recover(&fixture.places).unwrap();
        assert_eq!(fixture.parts(), after);
    }

    #[test]
    fn a_crash_during_the_undoing_is_undone_again() {
        let fixture = Fixture::new(Some("old"));
        let before = fixture.parts();
        let note = Notes::new(&fixture.places).begin("media", "a/b", fixture.files.clone()).unwrap();
        fixture.replace("new", 3);
        // The first part is back, a link of the second lies beside: then the crash.
        fs::rename(
            {
                fs::hard_link(note.folder.join("body"), note.folder.join("body.back")).unwrap();
                note.folder.join("body.back")
            },
            &fixture.files.body,
        )
        .unwrap();
        fs::hard_link(note.folder.join("metadata"), note.folder.join("metadata.back")).unwrap();
        drop(note);
        recover(&fixture.places).unwrap();
        assert_eq!(fixture.parts(), before);
    }

    #[test]
    fn drafts_and_ended_notes_are_swept_away_without_effect() {
        let fixture = Fixture::new(Some("old"));
        let before = fixture.parts();
        for name in ["7.draft", "8.ended"] {
            let folder = fixture.places.undo().join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(NAME), r#"["media","a/b"]"#).unwrap();
        }
        recover(&fixture.places).unwrap();
        assert_eq!(fixture.parts(), before);
        assert_eq!(fs::read_dir(fixture.places.undo()).unwrap().count(), 0);
    }
}

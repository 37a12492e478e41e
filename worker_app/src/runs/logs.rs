//! The transcoders' log files: `<data>/logs/<job>-<epoch>.log`.
//!
//! A transcoder writes to the file itself, so it can go on writing when `worker_app` is gone. A file
//! that grows too large is copied to `.log.1` and cut to nothing: it is opened for appending, so
//! the next line lands at its new beginning.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ez_domain::id::RunId;

/// Size from which on a file is turned over.
const LARGEST: u64 = 10 * 1024 * 1024;
/// Files that are kept for a look afterwards.
const KEPT: usize = 100;
/// How much of the end of a file may hold the last line.
const TAIL: u64 = 8 * 1024;
/// Length of a line in a reason.
const LONGEST_LINE: usize = 300;

/// Opens a log for appending.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Turns the file over when it is too large.
pub(super) fn bound(id: RunId, path: &Path) {
    let bounded = || -> std::io::Result<()> {
        let length = match path.metadata() {
            Ok(metadata) => metadata.len(),
            // Somebody tidied up.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if length > LARGEST {
            // `copy` keeps the mode, 0600.
            std::fs::copy(path, turned_over(path))?;
            OpenOptions::new().write(true).open(path)?.set_len(0)?;
        }
        Ok(())
    };
    if let Err(error) = bounded() {
        tracing::warn!(run = %id, job = %id.job, epoch = id.epoch.number(), path = %path.display(), %error, "a transcoder's log cannot be bounded");
    }
}

fn turned_over(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

/// Removes the oldest files beyond those that are kept; never one in `live`, which a transcoder still writes to,
/// however long it had nothing to say.
pub(super) fn prune(folder: &Path, live: &[PathBuf]) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            if live.iter().any(|live| *live == path || turned_over(live) == path) {
                return None;
            }
            Some((path.metadata().ok()?.modified().ok()?, path))
        })
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(KEPT);
    for (_, path) in files.into_iter().take(surplus) {
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "an old log stays");
        }
    }
}

/// The last line that says something, shortened and without control characters.
pub(super) fn last_line(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(said(line).chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_LINE).collect())
}

/// What a line of our JSON log says; any other line as it is.
fn said(line: &str) -> String {
    let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { return line.trim().to_owned() };
    let word = |key: &str| event.get(key).and_then(serde_json::Value::as_str);
    match (word("message"), word("error")) {
        (Some(message), Some(error)) => format!("{message}: {error}"),
        (Some(message), None) => message.to_owned(),
        (None, _) => line.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_last_line_is_told_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        assert_eq!(last_line(&path), None);
        for (content, line) in [
            ("", None),
            ("one\ntwo\n\n", Some("two")),
            ("thread 'main' panicked\u{1b}[0m", Some("thread 'main' panicked [0m")),
            (r#"{"level":"ERROR","message":"no bucket","error":"403"}"#, Some("no bucket: 403")),
            (r#"{"message":"bye"}"#, Some("bye")),
            ("17\n", Some("17")),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(last_line(&path).as_deref(), line, "{content}");
        }
        std::fs::write(&path, [vec![0xff; 100_000], b"\nend".to_vec()].concat()).unwrap();
        assert_eq!(last_line(&path).as_deref(), Some("end"));
        std::fs::write(&path, "x".repeat(100_000)).unwrap();
        assert_eq!(last_line(&path).unwrap().len(), LONGEST_LINE);
    }

    #[test]
    fn a_large_file_is_turned_over_under_its_writer() {
        let id = RunId {
            job: ez_domain::id::JobId::from_uuid(uuid::Uuid::new_v4()),
            epoch: ez_domain::id::Epoch::new(1),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        let mut writer = open(&path).unwrap();
        writer.write_all(b"small\n").unwrap();
        bound(id, &path);
        assert_eq!(std::fs::read(&path).unwrap(), b"small\n");
        writer.write_all(&vec![b'x'; usize::try_from(LARGEST).unwrap()]).unwrap();
        bound(id, &path);
        writer.write_all(b"next\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"next\n");
        let old = turned_over(&path).metadata().unwrap();
        assert_eq!((old.len(), old.permissions().mode() & 0o777), (LARGEST + 6, 0o600));
    }

    #[test]
    fn only_the_newest_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..KEPT + 3 {
            let file = open(&folder.path().join(format!("{number}.log"))).unwrap();
            let age = std::time::Duration::from_secs(1_000_000 + u64::try_from(number).unwrap());
            file.set_modified(std::time::UNIX_EPOCH + age).unwrap();
        }
        prune(folder.path(), &[folder.path().join("0.log")]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), KEPT + 1);
        let exists = |number: usize| folder.path().join(format!("{number}.log")).exists();
        assert_eq!([0, 1, 2, 3].map(exists), [true, false, false, true], "that of a live run stays");
    }
}

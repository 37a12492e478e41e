//! Where `s3s-fs` keeps what belongs to an object, and which keys it can keep.
//!
//! The body lies under the bucket at the path that the key spells; tag, headers and metadata lie in
//! two side-car files in the root, named after bucket and key. This module is the only one that
//! knows; it must agree with `s3s-fs` 0.14.1 (`fs.rs`), which a test checks.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::{S3Result, s3_error};

/// The longest file name of the file systems of Linux.
const FILE_NAME_MAX: usize = 255;

/// The data folder.
#[derive(Debug, Clone)]
pub(super) struct Places {
    root: PathBuf,
}

/// The files of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectFiles {
    pub(super) body: PathBuf,
    pub(super) metadata: PathBuf,
    pub(super) internal: PathBuf,
}

impl Places {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where begun writes are noted.
    pub(super) fn undo(&self) -> PathBuf {
        self.root.join(".undo")
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> bool {
        self.root.join(bucket).is_dir()
    }

    /// The files of an object; refuses keys that would be another key's file, or no file at all.
    ///
    /// `s3s-fs` takes a key for a path: `a//b` and `a/./b` would be `a/b`, and `..` would lead out of
    /// the bucket, for anonymous readers too.
    pub(super) fn object(&self, bucket: &str, key: &str) -> S3Result<ObjectFiles> {
        if key.split('/').any(|part| matches!(part, "" | "." | "..")) || key.contains('\0') {
            return Err(s3_error!(InvalidArgument, "this store takes no keys with empty, '.' or '..' parts"));
        }
        let files = self.files(bucket, key);
        let paths = [&files.body, &files.metadata, &files.internal];
        let is_long = paths.into_iter().flat_map(|path| path.iter()).any(|part| part.len() > FILE_NAME_MAX);
        if is_long {
            return Err(s3_error!(KeyTooLongError, "this store takes keys up to about 150 bytes"));
        }
        Ok(files)
    }

    pub(super) fn files(&self, bucket: &str, key: &str) -> ObjectFiles {
        let stem =
            format!(".bucket-{}.object-{}", URL_SAFE_NO_PAD.encode(bucket), URL_SAFE_NO_PAD.encode(key));
        ObjectFiles {
            body: self.root.join(bucket).join(key),
            metadata: self.root.join(format!("{stem}.metadata.json")),
            internal: self.root.join(format!("{stem}.internal.json")),
        }
    }

    /// Whether a file can be made for the key: no folder is there, and no file where a folder must be.
    pub(super) fn is_free_path(&self, bucket: &str, files: &ObjectFiles) -> bool {
        let bucket = self.root.join(bucket);
        let mut folders = files.body.ancestors().skip(1).take_while(|folder| *folder != bucket);
        !files.body.is_dir() && !folders.any(Path::is_file)
    }
}

impl ObjectFiles {
    /// Whether there is such an object; a folder is none.
    pub(super) fn exists(&self) -> bool {
        self.body.is_file()
    }

    /// Removes the object. The body goes first: side-cars without a body are harmless.
    pub(super) fn remove(&self) -> io::Result<()> {
        for path in [&self.body, &self.metadata, &self.internal] {
            remove_if_there(path)?;
        }
        Ok(())
    }
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    match std::fs::remove_file(path) {
        Err(error) if !matches!(error.kind(), NotFound | NotADirectory | IsADirectory) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_alias_or_escape_are_refused() {
        let places = Places::new("/data".into());
        for key in ["a//b", "/a", "a/", "a/./b", "../other/x", "output_1/../../private/x", "..", "", "a\0b"] {
            assert!(places.object("media", key).is_err(), "{key:?}");
        }
        for key in ["a/b", ".hidden", "..dots", "a/b.c", "日本/x"] {
            assert!(places.object("media", key).is_ok(), "{key:?}");
        }
        assert!(places.object("media", &"k".repeat(150)).is_ok());
        assert!(places.object("media", &"k".repeat(200)).is_err());
    }
}

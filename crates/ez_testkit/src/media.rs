//! Test contributions and exact measurements of what became of them.
//!
//! Every frame of a contribution carries its own number as black and white blocks
//! ([`picture`]), large enough to survive scaling and re-encoding. Reading the numbers back
//! ([`counter`]) tells which frames were lost, doubled or swapped: a frame *count* proves nothing
//! (a frozen picture has the right count, too).

pub mod counter;
pub mod hls;
pub mod picture;
pub mod probe;
pub mod publisher;
pub mod source;
pub mod sync;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::TempPath;

/// Something that ffmpeg and ffprobe can open.
#[derive(Debug, Clone)]
pub struct Media {
    location: OsString,
    decryption_key: Option<String>,
    /// Keeps the file of [`Media::bytes`] alive.
    _file: Option<Arc<TempPath>>,
}

impl Media {
    /// A file.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self { location: path.as_ref().into(), decryption_key: None, _file: None }
    }

    /// An address that ffmpeg opens itself.
    pub fn url(url: &str) -> Self {
        Self { location: url.into(), decryption_key: None, _file: None }
    }

    /// A whole file from memory, for example an init segment with its media segments behind it.
    pub fn bytes(bytes: &[u8]) -> Result<Self> {
        let file = tempfile::NamedTempFile::new().context("make a file for media in memory")?;
        std::fs::write(file.path(), bytes).context("write media in memory to a file")?;
        let path = file.into_temp_path();
        Ok(Self { location: path.as_os_str().into(), decryption_key: None, _file: Some(Arc::new(path)) })
    }

    /// Says with which content key (32 hexadecimal digits) an encrypted MP4 is to be decrypted.
    #[must_use]
    pub fn decrypted_with(mut self, key: &str) -> Self {
        self.decryption_key = Some(key.to_owned());
        self
    }

    /// The options that open it, up to and including `-i`.
    fn input_arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if let Some(key) = &self.decryption_key {
            arguments.extend(["-decryption_key".into(), key.into()]);
        }
        arguments.extend(["-i".into(), self.location.clone()]);
        arguments
    }
}

impl From<PathBuf> for Media {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

//! Hands the content key to packager: a file that only the owner reads, for as long as packager needs it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ez_domain::content_key::ContentKey;
use ez_media::layout::local;
use ez_media::package::key_flags;
use tokio::io::AsyncWriteExt as _;

/// The file, which goes with this value.
#[derive(Debug)]
pub(crate) struct Handed {
    path: PathBuf,
}

impl Handed {
    /// Writes the file into the folder that packager will run in; `None` without a key.
    pub(crate) async fn over(folder: &Path, key: Option<&ContentKey>) -> Result<Option<Self>> {
        let Some(key) = key else { return Ok(None) };
        let path = folder.join(local::KEY_FLAGFILE);
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&path).await.context("make the file with the content key")?;
        let handed = Self { path };
        file.write_all(key_flags(key).expose().as_bytes()).await.context("write the content key")?;
        file.flush().await.context("write the content key")?;
        Ok(Some(handed))
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the file with the content key could not be removed");
        }
    }
}

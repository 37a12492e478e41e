//! A clear copy of a protected segment, for the worker's own use: packager decrypts what it encrypted.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use ez_domain::content_key::ContentKey;
use ez_media::layout::local;
use ez_media::package::decryption;
use ez_service::child;

use super::periods::period_folder;
use crate::period::key;

/// A copy that takes longer comes too late to be of use.
const DEADLINE: Duration = Duration::from_secs(2);

/// Decrypts `media`, an init segment with a media segment behind it, in a folder below the run's.
pub(super) async fn make(
    packager: PathBuf,
    run_folder: &Path,
    media: &[u8],
    key: &ContentKey,
) -> Result<Bytes> {
    let folder = run_folder.join(period_folder("copy"));
    tokio::fs::create_dir(&folder).await.with_context(|| format!("make the folder {}", folder.display()))?;
    let made = decrypt(packager, &folder, media, key).await;
    if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
        tracing::warn!(%error, folder = %folder.display(), "a folder with a clear copy could not be removed");
    }
    made
}

async fn decrypt(packager: PathBuf, folder: &Path, media: &[u8], key: &ContentKey) -> Result<Bytes> {
    tokio::fs::write(folder.join(local::ENCRYPTED_COPY), media).await.context("write the encrypted copy")?;
    let _handed = key::Handed::over(folder, Some(key)).await?;
    let mut child = child::spawn(child::Spec {
        program: packager,
        arguments: decryption::argv().into_vec().into_iter().map(OsString::from).collect(),
        environment: Vec::new(),
        folder: folder.to_owned(),
        stdin: Stdio::null(),
        stdout: Stdio::null(),
        stderr: Stdio::null(),
        dies_with_parent: true,
    })
    .await
    .context("start packager for a clear copy")?;
    let status =
        tokio::time::timeout(DEADLINE, child.wait()).await.context("the clear copy took too long")?;
    let status = status.context("wait for packager")?;
    ensure!(status.success(), "packager could not decrypt the last segment: {status}");
    let clear = tokio::fs::read(folder.join(local::CLEAR_COPY)).await.context("read the clear copy")?;
    Ok(Bytes::from(clear))
}

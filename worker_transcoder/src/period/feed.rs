//! The way of media into ffmpeg's stdin.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;

/// Writes that wait for ffmpeg: some seconds of tags. Beyond that the publisher is held back.
const QUEUE: usize = 2048;

/// The giving end.
#[derive(Debug)]
pub(super) struct Feed(mpsc::Sender<Bytes>);

/// The taking end.
#[derive(Debug)]
pub(super) struct Stdin(mpsc::Receiver<Bytes>);

impl Feed {
    pub(super) fn new() -> (Self, Stdin) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), Stdin(receiver))
    }

    pub(super) async fn write(&self, media: Bytes, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.0.send(media)).await.is_ok_and(|sent| sent.is_ok())
    }
}

impl Stdin {
    /// Writes until the giving end is dropped or ffmpeg takes nothing any more, then closes stdin.
    pub(super) async fn pump(mut self, mut stdin: ChildStdin) {
        while let Some(media) = self.0.recv().await {
            if let Err(error) = stdin.write_all(&media).await {
                // The end of ffmpeg is noticed and explained by its supervisor.
                tracing::debug!(%error, "ffmpeg takes no more media");
                return;
            }
        }
    }
}

//! The line to `worker_app`: states go up, orders come down.
//!
//! The worker may be restarted while the run goes on: the connection is made again until it
//! stands, and begins with who we are. Losing it changes nothing about the run.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ez_api::internal::{FromTranscoder, ToTranscoder};
use ez_api::job::Statistics;
use ez_domain::lifecycle::RunState;
use ez_service::latest::{Latest as _, LatestSeen as _};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Pause between two tries to reach the worker.
const RECONNECT: Duration = Duration::from_millis(200);
/// After so long without its worker a run leaves: nobody knows of it any more, and it holds a port and an encoder.
const UNOWNED: Duration = Duration::from_secs(30 * 60);
/// Longest line that is taken, in bytes.
const LINE_LIMIT: u64 = 64 * 1024;

/// What the run is, for the worker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Status {
    pub(crate) state: RunState,
    pub(crate) statistics: Statistics,
}

/// Keeps the worker informed until the run's end was told, and passes its orders on. Without a worker for half an
/// hour the order is to leave; after as much again, because the bucket takes nothing, it is to go as it is.
pub(crate) async fn converse(
    socket: PathBuf,
    hello: FromTranscoder,
    mut status: watch::Receiver<Status>,
    orders: mpsc::Sender<ToTranscoder>,
) -> Result<()> {
    let mut owned_at = Instant::now();
    let mut alone = [ToTranscoder::Leave, ToTranscoder::Abandon].into_iter();
    loop {
        if let Ok(stream) = UnixStream::connect(&socket).await {
            match one_connection(stream, &hello, &mut status, &orders).await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::debug!(error = format!("{error:#}"), "connection to worker_app lost"),
            }
            owned_at = Instant::now();
        } else if owned_at.elapsed() >= UNOWNED
            && let Some(order) = alone.next()
        {
            tracing::error!(?UNOWNED, ?order, "worker_app did not come back: the run ends itself");
            orders.send(order).await.context("the run takes no orders any more")?;
            owned_at = Instant::now();
        }
        if has_exited(&status.latest()) && status.has_changed().is_err() {
            return Ok(());
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// `Ok` once the end of the run was told.
async fn one_connection(
    stream: UnixStream,
    hello: &FromTranscoder,
    status: &mut watch::Receiver<Status>,
    orders: &mpsc::Sender<ToTranscoder>,
) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    send(&mut write, hello).await?;
    let mut line = Vec::new();
    loop {
        let present = status.latest_seen();
        let is_last = has_exited(&present);
        let Status { state, statistics } = present;
        send(&mut write, &FromTranscoder::Status { state, statistics: statistics.into() }).await?;
        if is_last {
            return Ok(());
        }
        loop {
            let mut bounded = (&mut lines).take(LINE_LIMIT);
            tokio::select! {
                changed = status.changed() => {
                    changed.context("the run is over")?;
                    break;
                }
                read = bounded.read_until(b'\n', &mut line) => {
                    anyhow::ensure!(read.context("read an order")? > 0, "worker_app closed the connection");
                    let order = serde_json::from_slice(&line).context("parse an order")?;
                    line.clear();
                    orders.send(order).await.context("the run takes no orders any more")?;
                }
            }
        }
    }
}

fn has_exited(status: &Status) -> bool {
    matches!(status.state, RunState::Exited { .. })
}

async fn send(write: &mut (impl tokio::io::AsyncWrite + Unpin), message: &FromTranscoder) -> Result<()> {
    let mut line = serde_json::to_vec(message).context("write a message")?;
    line.push(b'\n');
    write.write_all(&line).await.context("send to worker_app")
}

#[cfg(test)]
mod tests {
    use ez_domain::id::Epoch;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_whose_worker_never_comes_back_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let hello = FromTranscoder::Hello {
            job: "01a20000-0000-7000-8000-000000000000".parse().unwrap(),
            epoch: Epoch::new(1),
            pid: 1,
            rtmp_port: 1,
        };
        let status = Status { state: RunState::Starting, statistics: Statistics::default() };
        let (_status, told) = watch::channel(status);
        let (orders, mut ordered) = mpsc::channel(1);
        let began = Instant::now();
        let talk = converse(folder.path().join("nobody.sock"), hello, told, orders);
        tokio::pin!(talk);
        for (times, expected) in [(1, ToTranscoder::Leave), (2, ToTranscoder::Abandon)] {
            let ordered = tokio::select! {
                ended = &mut talk => panic!("{ended:?}"),
                ordered = ordered.recv() => ordered,
            };
            assert_eq!(ordered, Some(expected));
            assert!(began.elapsed() >= UNOWNED * times, "not a moment too early");
        }
    }
}

//! The Unix socket on which transcoders report and take orders.
//!
//! A line is one JSON document. A connection that sends anything else, or too much, is dropped: the
//! process behind it goes on and connects again. Nothing that comes in here ends a process.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ez_api::internal::{FromTranscoder, ToTranscoder};
use ez_domain::id::RunId;
use ez_service::tasks::{OnFailure, TaskGroup};
use futures::StreamExt as _;
use nix::unistd::Uid;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::Runs;
use super::supervisor::{Link, Message};

/// Longest line.
const LINE_LIMIT: usize = 64 * 1024;
/// Time for the first line.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);
/// Time for an order to be taken.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// Longest path of a Unix socket (`sun_path`, with its final zero).
const PATH_LIMIT: usize = 107;

/// Where the socket is.
pub(crate) fn socket_path(data_folder: &Path) -> PathBuf {
    data_folder.join("control.sock")
}

/// Binds the socket; one that a dead `worker_app` left is replaced. The caller holds the folder's lock.
pub(crate) fn bind(data_folder: &Path) -> Result<UnixListener> {
    let path = socket_path(data_folder);
    if path.as_os_str().len() > PATH_LIMIT {
        bail!("{} is too long for a Unix socket: choose a Data_folder with a shorter path", path.display());
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("remove the old socket {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path).with_context(|| format!("bind {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("restrict {}", path.display()))?;
    Ok(listener)
}

/// Accepts transcoders until the group ends.
pub(crate) async fn serve(listener: UnixListener, runs: Runs, tasks: TaskGroup) -> Result<()> {
    loop {
        let accepted = tokio::select! {
            () = tasks.shutdown().cancelled() => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely; transcoders come again.
                tracing::warn!(%error, "a transcoder's connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (runs, ending) = (runs.clone(), tasks.shutdown().clone());
        tasks.spawn("control connection", OnFailure::Log, async move {
            tokio::select! {
                () = ending.cancelled() => {}
                ended = converse(stream, runs) => if let Err(error) = ended {
                    tracing::warn!(error = format!("{error:#}"), "a transcoder's connection is dropped");
                }
            }
            Ok(())
        });
    }
}

type Lines = FramedRead<OwnedReadHalf, LinesCodec>;

async fn converse(stream: UnixStream, runs: Runs) -> Result<()> {
    static CONNECTIONS: AtomicU64 = AtomicU64::new(1);
    let peer = stream.peer_cred().context("read the peer's identity")?;
    if peer.uid() != Uid::effective().as_raw() {
        bail!("a process of another user, {}, has connected", peer.uid());
    }
    let (read, mut write) = stream.into_split();
    let mut lines = FramedRead::new(read, LinesCodec::new_with_max_length(LINE_LIMIT));
    let hello = tokio::time::timeout(HELLO_DEADLINE, next(&mut lines)).await.context("wait for hello")??;
    let (id, pid, rtmp_port) = match hello {
        Some(FromTranscoder::Hello { job, epoch, pid, rtmp_port }) => (RunId { job, epoch }, pid, rtmp_port),
        Some(FromTranscoder::Status { .. }) => bail!("the first line is no hello"),
        None => return Ok(()),
    };
    // Orders to kill go by this number, so it is not taken on trust.
    if let Some(actual) = peer.pid().and_then(|pid| u32::try_from(pid).ok())
        && actual != pid
    {
        bail!("process {actual} claims to be {pid}");
    }
    let Some(attachment) = runs.attach(id, pid, rtmp_port).context("look at its process")? else {
        tracing::warn!(run = %id, job = %id.job, epoch = id.epoch.number(), pid, "a transcoder of a run that has ended is sent away");
        return tell(&mut write, ToTranscoder::Abandon).await;
    };
    let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    let (orders, inbox) = mpsc::channel(4);
    let connected = Message::Connected(Link { number, pid, orders });
    if attachment.inbox.send(connected).await.is_err() {
        return tell(&mut write, ToTranscoder::Abandon).await;
    }
    let ended = relay(&mut lines, &mut write, inbox, number, &attachment.inbox).await;
    // A supervisor that is gone needs no word of it.
    drop(attachment.inbox.send(Message::Disconnected { link: number }).await);
    if let Err(error) = ended {
        tracing::warn!(run = %id, job = %id.job, epoch = id.epoch.number(), pid, error = format!("{error:#}"), "a transcoder's connection is dropped");
    }
    Ok(())
}

/// Passes words up and orders down until one side ends.
async fn relay(
    lines: &mut Lines,
    write: &mut OwnedWriteHalf,
    mut orders: mpsc::Receiver<ToTranscoder>,
    link: u64,
    supervisor: &mpsc::Sender<Message>,
) -> Result<()> {
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => tell(write, order).await?,
                None => return Ok(()),
            },
            line = next(lines) => match line? {
                Some(FromTranscoder::Status { state, statistics }) => {
                    if supervisor.send(Message::Said { link, state, statistics }).await.is_err() {
                        return Ok(());
                    }
                }
                Some(FromTranscoder::Hello { .. }) => bail!("a second hello"),
                None => return Ok(()),
            },
        }
    }
}

async fn next(lines: &mut Lines) -> Result<Option<FromTranscoder>> {
    let Some(line) = lines.next().await else { return Ok(None) };
    let line = line.context("read a line")?;
    serde_json::from_str(&line).map(Some).context("a line is no message")
}

async fn tell(write: &mut OwnedWriteHalf, order: ToTranscoder) -> Result<()> {
    let mut line = serde_json::to_vec(&order).context("write an order as JSON")?;
    line.push(b'\n');
    tokio::time::timeout(WRITE_DEADLINE, write.write_all(&line))
        .await
        .context("the transcoder does not read its orders")?
        .context("send an order")
}

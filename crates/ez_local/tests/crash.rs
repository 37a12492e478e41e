//! Kills the server with SIGKILL in the middle of writes, again and again, and looks at what is left.
//!
//! The test is its own server: called with a folder and a file for the address it serves until it
//! is killed. (No test harness: it would read those arguments.)

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use ez_aws::AccessKey;
use ez_domain::id::Epoch;
use ez_domain::secret::Secret;
use ez_local::s3::{Options, serve};
use ez_objects::dice::Dice;
use ez_objects::s3::{Config, S3Store};
use ez_objects::{Body, ETag, ObjectStore, Precondition, PutOptions, WriteId};
use futures::future::join_all;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const SERVE: &str = "EZ_TEST_SERVE_S3";
const KILLS: u64 = 12;
const KEYS: u64 = 6;
/// No round may take longer; it takes well below a second.
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    if let Some(folder) = std::env::var_os(SERVE) {
        return serve_until_killed(&PathBuf::from(folder)).await;
    }
    let folder = tempfile::tempdir()?;
    let mut dice = Dice::from_seed(1);
    let mut states = BTreeMap::new();
    let mut cut_off = 0;
    for round in 0..KILLS {
        tokio::time::timeout(DEADLINE, kill_once(folder.path(), round, &mut dice, &mut states)).await??;
        cut_off += std::fs::read_dir(folder.path().join("data/.undo"))?.count();
    }
    ensure!(cut_off > 0, "no write was cut off in {KILLS} kills: the test proves nothing");
    let server = Server::start(folder.path()).await?;
    let store = server.store().await;
    for (key, state) in &mut states {
        check(&store, key, state).await?;
    }
    Ok(())
}

/// What an object may be like.
#[derive(Debug, Default, Clone)]
struct State {
    /// The last write that was acknowledged or seen.
    settled: Option<(u64, ETag)>,
    /// A later write without an answer.
    pending: Option<u64>,
}

async fn kill_once(
    folder: &Path,
    round: u64,
    dice: &mut Dice,
    states: &mut BTreeMap<String, State>,
) -> Result<()> {
    let mut server = Server::start(folder).await?;
    let store = server.store().await;
    let mut fates = Vec::new();
    for number in 0..KEYS {
        let key = format!("output_1/{number}");
        let mut state = states.remove(&key).unwrap_or_default();
        check(&store, &key, &mut state).await.with_context(|| format!("after {round} kills"))?;
        fates.push((key, state));
    }
    let delay = Duration::from_millis(50 + dice.below(250));
    let kill = async {
        tokio::time::sleep(delay).await;
        server.child.kill()
    };
    let writers = join_all(fates.into_iter().map(|(key, state)| write_until_failure(&store, key, state)));
    let (states_now, killed) = tokio::join!(writers, kill);
    killed?;
    server.child.wait()?;
    states.extend(states_now);
    Ok(())
}

/// Replaces the object by compare-and-swap until the server is dead.
async fn write_until_failure(store: &S3Store, key: String, mut state: State) -> (String, State) {
    loop {
        let sequence = state.settled.as_ref().map_or(0, |(sequence, _)| *sequence) + 1;
        let options = PutOptions {
            content_type: format!("text/x-{sequence}"),
            epoch: Some(Epoch::new(sequence)),
            write_id: Some(WriteId { writer: 1, sequence }),
            precondition: match &state.settled {
                Some((_, etag)) => Precondition::IfMatch(etag.clone()),
                None => Precondition::IfAbsent,
            },
            ..PutOptions::default()
        };
        state.pending = Some(sequence);
        match store.put(&key, &Body::Bytes(content(sequence)), &options).await {
            Ok(etag) => state = State { settled: Some((sequence, etag)), pending: None },
            Err(_) => return (key, state),
        }
    }
}

/// Body, tag and all metadata must be of one write, and of one that may be there.
async fn check(store: &S3Store, key: &str, state: &mut State) -> Result<()> {
    let Some((bytes, info)) = store.get(key).await? else {
        ensure!(state.settled.is_none(), "{key}: an acknowledged object is gone: {state:?}");
        state.pending = None;
        return Ok(());
    };
    let sequence = info.write_id.context("no write-id")?.sequence;
    ensure!(bytes == content(sequence), "{key}: torn: the body is not that of write {sequence}");
    ensure!(info.epoch == Some(Epoch::new(sequence)), "{key}: torn: {info:?}");
    ensure!(info.content_type == Some(format!("text/x-{sequence}")), "{key}: torn: {info:?}");
    match &state.settled {
        Some((settled, etag)) if *settled == sequence => {
            ensure!(*etag == info.etag, "{key}: torn tag: {info:?}");
        }
        _ if state.pending == Some(sequence) => {}
        _ => bail!("{key}: an acknowledged write is lost: {state:?} but {info:?}"),
    }
    // The tag must be that of the body: a compare-and-swap with it succeeds once and only once.
    ensure!(store.head(key).await?.is_some_and(|head| head == info), "{key}: head and get differ");
    *state = State { settled: Some((sequence, info.etag)), pending: None };
    Ok(())
}

/// Sizes from nothing to some hundred kilobytes, different from write to write.
fn content(sequence: u64) -> Bytes {
    let words = sequence.wrapping_mul(7919) % 40_000;
    (0..words).flat_map(|word| (sequence.wrapping_mul(1_000_003) ^ word).to_le_bytes()).collect()
}

struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    async fn start(folder: &Path) -> Result<Self> {
        let address = folder.join("address");
        if address.exists() {
            std::fs::remove_file(&address)?;
        }
        let child = Command::new(std::env::current_exe()?).env(SERVE, folder).stdin(Stdio::null()).spawn()?;
        let mut server = Self { child, endpoint: String::new() };
        while !address.exists() {
            ensure!(server.child.try_wait()?.is_none(), "the server ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.endpoint = format!("http://{}", std::fs::read_to_string(&address)?);
        Ok(server)
    }

    async fn store(&self) -> S3Store {
        let key = AccessKey { id: "local".to_owned(), secret: Secret::new("local-secret".to_owned()) };
        let endpoint = Some(self.endpoint.clone());
        S3Store::connect(&Config { endpoint, access_key: Some(key), ..Config::new("media") }).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already; either way it must not outlive the test.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn serve_until_killed(folder: &Path) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let draft = folder.join("address.draft");
    std::fs::write(&draft, listener.local_addr()?.to_string())?;
    std::fs::rename(draft, folder.join("address"))?;
    let options = Options {
        root: folder.join("data"),
        buckets: vec!["media".to_owned()],
        access_key: "local".to_owned(),
        secret_key: "local-secret".to_owned(),
    };
    Ok(serve(listener, options, CancellationToken::new()).await?)
}

//! Connections: how many, and how long one may take to say what it wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What a server bears.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections at once; further ones wait in the kernel's queue.
    pub(super) connections: usize,
    /// Longest time from the opening of a connection, or from its last answer, to the end of the next
    /// request's head. Without it a client that says nothing would hold its place for ever.
    pub(super) head: Duration,
    /// Longest time that open requests may take after the shutdown began.
    pub(super) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, head: Duration::from_secs(30), grace: Duration::from_secs(5) }
    }
}

/// Pause after an `accept` that failed for want of a resource, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `shutdown`, then lets open requests end.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> Result<()> {
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    // While a server asks which version a client speaks, it has no limit of time.
    let mut server = Builder::new(TokioExecutor::new()).http1_only();
    server.http1().timer(TokioTimer::new()).header_read_timeout(limits.head);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted?,
            () = shutdown.cancelled() => break,
        };
        while connections.try_join_next().is_some() {}
        let Some((stream, peer, place)) = accepted else { continue };
        // Answers are small and wanted at once.
        drop(stream.set_nodelay(true));
        let service = TowerToHyperService::new(router.clone());
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, error, "a connection ended badly");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that are still open are cut off");
    }
    Ok(())
}

type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

/// The next connection; `None` when a peer was gone before it could be taken.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Result<Option<Accepted>> {
    let place = Arc::clone(places).acquire_owned().await.context("wait for a place")?;
    match listener.accept().await {
        Ok((stream, peer)) => Ok(Some((stream, peer, place))),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be taken");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A request to `/slow` tells that it has arrived and is answered when it may be.
    #[derive(Default)]
    struct Slow {
        arrived: Notify,
        may_end: Notify,
    }

    async fn start(limits: Limits) -> (SocketAddr, CancellationToken, JoinSet<Result<()>>, Arc<Slow>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let slow = Arc::new(Slow::default());
        let wait = {
            let slow = Arc::clone(&slow);
            move || async move {
                slow.arrived.notify_one();
                slow.may_end.notified().await;
                "slow"
            }
        };
        let router = Router::new().route("/", get(|| async { "here" })).route("/slow", get(wait));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, router, limits, shutdown.clone()));
        (address, shutdown, server, slow)
    }

    async fn ask(stream: &mut TcpStream, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(stream).await
    }

    async fn answer(stream: &mut TcpStream) -> String {
        let mut bytes = vec![0; 4096];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await.unwrap().unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_loses_its_place() {
        // Nothing at all, half a head, and what begins as HTTP/2 (RFC 9113 3.4) and goes no further.
        for said in [&b""[..], b"GET / HTTP/1.1\r\nHost: te", b"PRI * HTTP/2.0\r\n"] {
            let limits = Limits { connections: 1, head: Duration::from_millis(200), ..Limits::default() };
            let (address, _shutdown, _server, _) = start(limits).await;
            let mut silent = TcpStream::connect(address).await.unwrap();
            silent.write_all(said).await.unwrap();
            // The only place is taken until the silent one is sent away.
            let mut next = TcpStream::connect(address).await.unwrap();
            assert!(ask(&mut next, "/").await.ends_with("here"), "{}", String::from_utf8_lossy(said));
            let rest = answer(&mut silent).await;
            assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 4"), "{rest}");
        }
    }

    #[tokio::test]
    async fn a_connection_is_used_again() {
        let (address, _shutdown, _server, _) = start(Limits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        for _ in 0..3 {
            assert!(ask(&mut stream, "/").await.ends_with("here"));
        }
    }

    #[tokio::test]
    async fn an_open_request_is_answered_before_the_end() {
        let (address, shutdown, mut server, slow) = start(Limits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut idle = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut idle, "/").await.ends_with("here"));
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        slow.arrived.notified().await;
        shutdown.cancel();
        assert!(answer(&mut idle).await.is_empty(), "an idle connection does not hold the end up");
        slow.may_end.notify_one();
        assert!(answer(&mut stream).await.ends_with("slow"));
        server.join_next().await.unwrap().unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}

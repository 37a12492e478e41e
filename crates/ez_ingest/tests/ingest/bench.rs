//! A running listener on a loopback port, its consumer's side, and a raw client.
//!
//! Each event that is taken passes a checker of invariant I1 (one publisher at a time, tags only inside
//! their session); [`tests`] proves that it bites.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ez_contribution::flv::Tag;
use ez_ingest::{
    Authorise, Counters, EndReason, Event, Ingest, Limits, PublishRequest, Refusal, SessionId, Totals,
};
use ez_testkit::wait::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::wire;

pub(crate) const KEY: &str = "6d1f0c1e9b7a4c55";

/// Longer than anything here takes, even on a machine that is busy with other work.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Lets application `live` with [`KEY`] in.
struct OneKey;

impl Authorise for OneKey {
    fn authorise(&self, request: &PublishRequest) -> Result<(), Refusal> {
        match (request.app.as_str(), request.stream_key.as_str()) {
            ("live", KEY) => Ok(()),
            ("live", "paused") => Err(Refusal::NotNow("channel is stopping".to_owned())),
            ("live", _) => Err(Refusal::Key),
            _ => Err(Refusal::App),
        }
    }
}

/// A listener and its consumer.
pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    counters: Arc<Counters>,
    events: mpsc::Receiver<Event>,
    publishing: Option<SessionId>,
    server: JoinSet<()>,
}

impl Bench {
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::with_channel(limits, 1024).await
    }

    pub(crate) async fn with_channel(limits: Limits, capacity: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, events) = mpsc::channel(capacity);
        let shutdown = CancellationToken::new();
        let ingest = Ingest { limits, ..Ingest::new(Arc::new(OneKey), sender) };
        let counters = Arc::clone(&ingest.counters);
        let mut server = JoinSet::new();
        server.spawn(ingest.serve(listener, shutdown.clone()));
        Self { address, shutdown, counters, events, publishing: None, server }
    }

    pub(crate) fn url(&self, stream_key: &str) -> String {
        format!("rtmp://{}/live/{stream_key}", self.address)
    }

    pub(crate) fn totals(&self) -> Totals {
        self.counters.totals()
    }

    pub(crate) async fn until_totals(&self, what: &str, reached: impl Fn(&Totals) -> bool) {
        let look = || async {
            let totals = self.totals();
            if reached(&totals) { Ok(()) } else { Err(format!("{totals:?}")) }
        };
        eventually(DEADLINE, what, look).await.unwrap();
    }

    /// The next event; panics at the deadline or if the listener has ended.
    pub(crate) async fn next(&mut self) -> Event {
        let event = timeout(DEADLINE, self.events.recv()).await.expect("an event before the deadline");
        let event = event.expect("the listener has ended");
        check_order(&mut self.publishing, &event);
        event
    }

    /// Whether the channel takes no more events.
    pub(crate) fn is_full(&self) -> bool {
        self.events.capacity() == 0
    }

    pub(crate) async fn started(&mut self) -> SessionId {
        loop {
            match self.next().await {
                Event::PublishStarted { session, .. } => return session,
                Event::Refused { .. } => {}
                other => panic!("expected a start, got {other:?}"),
            }
        }
    }

    /// The next tag, which has to come.
    pub(crate) async fn tag(&mut self) -> Tag {
        loop {
            match self.next().await {
                Event::Tag { tag, .. } => return tag,
                Event::Refused { .. } => {}
                other => panic!("expected a tag, got {other:?}"),
            }
        }
    }

    /// Takes tags to the end of the session.
    pub(crate) async fn until_end(&mut self) -> (Vec<Tag>, EndReason) {
        let mut tags = Vec::new();
        loop {
            match self.next().await {
                Event::Tag { tag, .. } => tags.push(tag),
                Event::PublishEnded { reason, .. } => return (tags, reason),
                Event::Refused { .. } => {}
                Event::PublishStarted { .. } => unreachable!("the checker lets no second start through"),
            }
        }
    }

    /// Shuts the listener down, takes what is left and waits until `serve` has returned.
    pub(crate) async fn stop(mut self) -> Vec<Event> {
        self.shutdown.cancel();
        let mut rest = Vec::new();
        while let Some(event) = timeout(DEADLINE, self.events.recv()).await.expect("the listener ends") {
            check_order(&mut self.publishing, &event);
            rest.push(event);
        }
        assert_eq!(self.publishing, None, "a session without an end");
        timeout(DEADLINE, self.server.join_next()).await.expect("serve returns").unwrap().unwrap();
        rest
    }

    /// Shuts the listener down while nobody takes events.
    pub(crate) async fn stop_without_reading(&mut self) {
        self.shutdown.cancel();
        timeout(DEADLINE, self.server.join_next()).await.expect("serve returns").unwrap().unwrap();
    }

    /// Drops the consumer, as one that has crashed.
    pub(crate) async fn crash_consumer(mut self) {
        self.events.close();
        drop(self.events);
        self.shutdown.cancel();
        timeout(DEADLINE, self.server.join_next()).await.expect("serve returns").unwrap().unwrap();
    }
}

fn check_order(publishing: &mut Option<SessionId>, event: &Event) {
    match event {
        Event::PublishStarted { session, .. } => {
            assert_eq!(publishing.replace(*session), None, "{session} starts inside another");
        }
        Event::Tag { session, .. } => assert_eq!(Some(*session), *publishing, "tag outside its session"),
        Event::PublishEnded { session, .. } => {
            assert_eq!(publishing.take(), Some(*session), "end outside its session");
        }
        Event::Refused { .. } => {}
    }
}

/// A peer that sends whatever the test wants.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
}

impl Client {
    pub(crate) async fn connect(bench: &Bench) -> Self {
        Self { socket: TcpStream::connect(bench.address).await.unwrap() }
    }

    /// Connects and asks to publish.
    pub(crate) async fn publish(bench: &Bench, stream_key: &str) -> Self {
        let mut client = Self::connect(bench).await;
        client.send(&wire::prologue("live", stream_key)).await;
        client
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        timeout(DEADLINE, self.socket.write_all(bytes)).await.expect("the peer reads").unwrap();
    }

    /// One small video message.
    pub(crate) async fn send_video(&mut self, timestamp_ms: u32) {
        self.send(&wire::Outgoing::media(9, timestamp_ms, *b"\x17\x01\0\0\0video").chunks(128)).await;
    }

    /// Whether the publish that was asked for is let in.
    pub(crate) async fn is_let_in(&mut self) -> bool {
        let mut received = Vec::new();
        loop {
            let read = timeout(DEADLINE, self.socket.read_buf(&mut received)).await.expect("an answer");
            assert_ne!(read.unwrap(), 0, "closed without an answer");
            if contains(&received, "NetStream.Publish.Start") {
                return true;
            }
            if contains(&received, "NetStream.Publish.BadName") {
                return false;
            }
        }
    }

    /// Reads until `text` has come; panics if the peer closes before.
    pub(crate) async fn until(&mut self, text: &str) {
        let mut received = Vec::new();
        while !contains(&received, text) {
            let read = timeout(DEADLINE, self.socket.read_buf(&mut received)).await.expect("an answer");
            assert_ne!(read.unwrap(), 0, "closed before {text}");
        }
    }

    /// Ends our half only. A close with answers still unread would be a reset, and the kernel would throw
    /// away what it has not sent yet.
    pub(crate) async fn finish(&mut self) {
        self.socket.shutdown().await.unwrap();
    }

    /// Reads until the peer closes, by a reset too. What came is the answer.
    pub(crate) async fn until_closed(&mut self) -> Vec<u8> {
        let mut received = Vec::new();
        let read = timeout(DEADLINE, self.socket.read_to_end(&mut received)).await;
        if let Err(error) = read.expect("the peer closes") {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
        received
    }
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "starts inside another")]
    fn the_checker_sees_two_publishers() {
        let peer = "127.0.0.1:1".parse().unwrap();
        let mut publishing = None;
        for id in [1, 2] {
            let session = SessionId(id);
            check_order(&mut publishing, &Event::PublishStarted { session, peer, encoder: None });
        }
    }
}

//! One connection from accept to the answer to its `publish`: all of it within the limits of a stranger.
//!
//! Whoever is let in goes on in [`crate::publishing`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::admission::Admitted;
use crate::publishing;
use crate::rtmp::name::Name;
use crate::seat::{Seat, Seated, Taken};
use crate::session::{Session, SessionError, Step};
use crate::{Event, Ingest, PublishRequest, RefusedReason, SessionId, linger};

/// Read buffer of a stranger.
const READ_BUFFER: usize = 2 * 1024;

/// What a connection has to work with.
pub(crate) struct Connection {
    pub(crate) session_id: SessionId,
    pub(crate) peer: SocketAddr,
    pub(crate) socket: TcpStream,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) seat: Arc<Seat>,
    pub(crate) shutdown: CancellationToken,
}

/// Why a connection without an accepted key ended.
#[derive(Debug, Error)]
enum Ended {
    #[error("made room for a newer connection")]
    Evicted,
    #[error("listener shut down")]
    Shutdown,
    #[error("handshake not finished in time")]
    HandshakeTimeout,
    #[error("no publish in time")]
    PublishTimeout,
    #[error("peer went away")]
    Gone,
    #[error("socket failed")]
    Socket(#[from] io::Error),
    #[error("peer broke the protocol")]
    Protocol(#[from] SessionError),
    #[error("refused: {0:?}")]
    Refused(RefusedReason),
    #[error("closed after an answer")]
    Answered,
}

impl Ended {
    /// Whether something was said that the peer should get to read.
    fn has_answer(&self) -> bool {
        match self {
            Self::Evicted | Self::HandshakeTimeout | Self::Gone | Self::Socket(_) | Self::Protocol(_) => {
                false
            }
            Self::PublishTimeout | Self::Shutdown | Self::Refused(_) | Self::Answered => true,
        }
    }
}

impl Connection {
    /// Runs the connection to its end.
    pub(crate) async fn run(mut self, admitted: Admitted) {
        let limits = self.ingest.limits;
        let mut session = Box::new(Session::new(limits.unauthenticated, limits.publishing));
        let mut input = BytesMut::with_capacity(READ_BUFFER);
        let accepted = Instant::now();
        let shutdown = self.shutdown.clone();
        let let_in = tokio::select! {
            biased;
            () = shutdown.cancelled() => Err(Ended::Shutdown),
            () = admitted.evicted.cancelled() => Err(Ended::Evicted),
            let_in = self.until_let_in(&mut session, &mut input, accepted) => let_in,
        };
        match let_in {
            Ok(seated) => {
                drop(admitted);
                publishing::run(self, session, input, seated).await;
            }
            Err(ended) => self.turn_away(session, admitted, ended).await,
        }
    }

    /// From the first byte to a seat, with the time-outs of both stages.
    async fn until_let_in(
        &mut self,
        session: &mut Session,
        input: &mut BytesMut,
        accepted: Instant,
    ) -> Result<Seated, Ended> {
        let limits = self.ingest.limits;
        let handshake = self.until(session, input, |session, _| session.has_shaken_hands());
        let handshake = timeout_at(accepted + limits.handshake, handshake);
        let early = handshake.await.map_err(|_| Ended::HandshakeTimeout)??;
        let publish = async {
            // A peer that waits for no answer may have sent its `publish` together with the handshake.
            let step = match early {
                Some(step) => Some(step),
                None => self.until(session, input, |_, step| step.is_some()).await?,
            };
            match step {
                Some(Step::Publish(name)) => self.answer(name).await,
                Some(Step::Tag(_) | Step::Unpublished | Step::Closed) | None => Err(Ended::Answered),
            }
        };
        timeout_at(accepted + limits.publish, publish).await.map_err(|_| Ended::PublishTimeout)?
    }

    /// Reads and answers until `done`.
    async fn until(
        &mut self,
        session: &mut Session,
        input: &mut BytesMut,
        done: impl Fn(&Session, &Option<Step>) -> bool,
    ) -> Result<Option<Step>, Ended> {
        loop {
            let step = session.step(input)?;
            self.send(session).await?;
            if done(session, &step) {
                return Ok(step);
            }
            input.reserve(READ_BUFFER);
            if self.socket.read_buf(input).await? == 0 {
                return Err(Ended::Gone);
            }
        }
    }

    /// Decides about a `publish`.
    async fn answer(&self, name: Name) -> Result<Seated, Ended> {
        let Name { app, stream_key, query } = name;
        let request = PublishRequest { app, stream_key, query, peer: self.peer };
        if let Err(refusal) = self.ingest.authorise.authorise(&request) {
            return Err(Ended::Refused(RefusedReason::Unauthorised(refusal)));
        }
        self.seat.claim().await.map_err(|Taken| Ended::Refused(RefusedReason::AlreadyPublishing))
    }

    /// Sends what the session has to say.
    pub(crate) async fn send(&mut self, session: &mut Session) -> io::Result<()> {
        let output = session.take_output();
        if output.is_empty() {
            return Ok(());
        }
        timeout(self.ingest.limits.write, self.socket.write_all(&output))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "peer does not read our answers"))?
    }

    /// Says goodbye and closes the socket.
    pub(crate) async fn close(mut self, mut session: Box<Session>) {
        if self.send(&mut session).await.is_ok() {
            linger::close(self.socket, self.ingest.limits.linger).await;
        }
    }

    async fn turn_away(self, mut session: Box<Session>, admitted: Admitted, ended: Ended) {
        let counters = &self.ingest.counters;
        match &ended {
            Ended::Evicted => counters.evicted(),
            Ended::HandshakeTimeout => counters.handshake_timeouts(),
            Ended::Gone | Ended::Socket(_) => counters.abandoned(),
            Ended::Protocol(_) => counters.protocol_errors(),
            Ended::PublishTimeout => {
                counters.publish_timeouts();
                session.say_goodbye("No publish in time.");
            }
            Ended::Shutdown => session.say_goodbye("Channel closed."),
            Ended::Refused(reason) => self.refuse(&mut session, reason),
            Ended::Answered => {}
        }
        debug!(reason = %chain(&ended), "contribution connection ended without a publish");
        if ended.has_answer() {
            // Still counted among the strangers, and still to make room for newer ones.
            tokio::select! {
                biased;
                () = admitted.evicted.cancelled() => {}
                () = self.close(session) => {}
            }
        }
    }

    fn refuse(&self, session: &mut Session, reason: &RefusedReason) {
        match reason {
            RefusedReason::Unauthorised(refusal) => {
                self.ingest.counters.unauthorised();
                session.refuse_publish(refusal.description());
            }
            RefusedReason::AlreadyPublishing => {
                self.ingest.counters.already_publishing();
                session.refuse_publish("already publishing: stop the other encoder first");
            }
        }
        info!(peer = %self.peer, ?reason, "publish refused");
        // A hint must never wait, nor crowd out the publisher's tags.
        let events = &self.ingest.events;
        if events.capacity() > events.max_capacity() / 2 {
            let _ = events.try_send(Event::Refused { peer: self.peer, reason: reason.clone() });
        }
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

//! The publisher's part of a connection: from the accepted key to the end of the contribution.

use std::ops::ControlFlow;
use std::time::Duration;

use bytes::BytesMut;
use ez_contribution::flv::Kind;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};

use crate::connection::{Connection, chain};
use crate::seat::Seated;
use crate::session::{Session, Step};
use crate::{EndReason, Event, Limits};

/// What one wait counts at most: a publisher that was away for seconds is not slow, but back.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Read buffer of the publisher: a 50 Mbit/s contribution fills it 100 times a second.
const READ_BUFFER: usize = 64 * 1024;

/// Runs an accepted publish to its end. The seat is given up after the end was told.
pub(crate) async fn run(
    mut connection: Connection,
    mut session: Box<Session>,
    mut input: BytesMut,
    seated: Seated,
) {
    let session_id = connection.session_id;
    let encoder = session.encoder().map(str::to_owned);
    info!(session = %session_id, peer = %connection.peer, encoder, "publish started");
    connection.ingest.counters.published();
    let started = Event::PublishStarted { session: session_id, peer: connection.peer, encoder };
    let reason = match deliver(&connection, &seated, started).await {
        ControlFlow::Continue(()) => {
            session.accept_publish();
            read(&mut connection, &mut session, &mut input, &seated).await
        }
        ControlFlow::Break(reason) => reason,
    };
    seated.leave();
    info!(session = %session_id, ?reason, "publish ended");
    match &reason {
        EndReason::TakenOver => {
            connection.ingest.counters.taken_over();
            session.say_goodbye("Another encoder took over after silence.");
        }
        EndReason::Shutdown => session.say_goodbye("Channel closed."),
        EndReason::TooSlow => session.say_goodbye("Too little audio and video."),
        EndReason::NoMedia | EndReason::Idle => session.say_goodbye("No audio or video in time."),
        EndReason::Unpublished | EndReason::Disconnected | EndReason::Protocol(_) => {}
    }
    tell_end(&connection, Event::PublishEnded { session: session_id, reason }).await;
    drop(seated);
    connection.close(session).await;
}

/// Hands on tags until something ends the contribution.
async fn read(
    connection: &mut Connection,
    session: &mut Session,
    input: &mut BytesMut,
    seated: &Seated,
) -> EndReason {
    let limits = connection.ingest.limits;
    let mut deadline = Instant::now() + limits.first_media;
    let mut overdue = EndReason::NoMedia;
    let mut pace = Pace::default();
    loop {
        loop {
            let step = match session.step(input) {
                Ok(Some(step)) => step,
                Ok(None) => break,
                Err(error) => return EndReason::Protocol(chain(&error)),
            };
            let tag = match step {
                Step::Tag(tag) => tag,
                Step::Unpublished => return EndReason::Unpublished,
                Step::Publish(_) | Step::Closed => return EndReason::Protocol("left its publish".to_owned()),
            };
            let is_media = tag.kind != Kind::Script;
            pace.bytes = pace.bytes.saturating_add(if is_media { tag.body.len() as u64 } else { 0 });
            let event = Event::Tag { session: connection.session_id, tag };
            if let ControlFlow::Break(reason) = deliver(connection, seated, event).await {
                return reason;
            }
            if is_media {
                // Counted from here, so that a slow consumer is not held against the publisher.
                deadline = Instant::now() + limits.idle;
                overdue = EndReason::Idle;
            }
        }
        if let Err(error) = connection.send(session).await {
            return lost(&error);
        }
        input.reserve(READ_BUFFER);
        if pace.is_too_slow(&limits) {
            return EndReason::TooSlow;
        }
        seated.wait_for_peer();
        let asked = Instant::now();
        let read = tokio::select! {
            biased;
            () = connection.shutdown.cancelled() => return EndReason::Shutdown,
            () = seated.asked_to_go() => return EndReason::TakenOver,
            read = timeout_at(deadline, connection.socket.read_buf(input)) => read,
        };
        seated.heard_peer();
        pace.waited += asked.elapsed().min(LONGEST_WAIT);
        match read {
            Err(_) => return overdue,
            Ok(Ok(0)) => return EndReason::Disconnected,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return lost(&error),
        }
    }
}

/// How much media came while the publisher was waited for. Time in which our consumer made it wait does
/// not count.
#[derive(Debug, Default)]
struct Pace {
    bytes: u64,
    waited: Duration,
}

impl Pace {
    /// Judges a whole window and begins the next.
    fn is_too_slow(&mut self, limits: &Limits) -> bool {
        if self.waited < limits.pace_window {
            return false;
        }
        let Self { bytes, waited } = std::mem::take(self);
        let milliseconds = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        bytes.saturating_mul(8 * 1000) < limits.least_bits_per_second.saturating_mul(milliseconds)
    }
}

/// Waits for room in the channel. The other side's being gone counts as a shutdown: nobody wants the
/// contribution any more.
async fn deliver(connection: &Connection, seated: &Seated, event: Event) -> ControlFlow<EndReason> {
    tokio::select! {
        biased;
        sent = connection.ingest.events.send(event) => match sent {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(EndReason::Shutdown),
        },
        () = connection.shutdown.cancelled() => ControlFlow::Break(EndReason::Shutdown),
        () = seated.asked_to_go() => ControlFlow::Break(EndReason::TakenOver),
    }
}

/// Tells the end. After a shutdown the consumer may have stopped reading without dropping its receiver;
/// then the end is not worth waiting for.
async fn tell_end(connection: &Connection, event: Event) {
    let patience = async {
        connection.shutdown.cancelled().await;
        let _ = timeout(connection.ingest.limits.write, std::future::pending::<()>()).await;
    };
    tokio::select! {
        biased;
        _ = connection.ingest.events.send(event) => {}
        () = patience => warn!("nobody takes the last events of the contribution: is its consumer stuck?"),
    }
}

fn lost(error: &std::io::Error) -> EndReason {
    info!(%error, "connection to the publisher was lost");
    EndReason::Disconnected
}

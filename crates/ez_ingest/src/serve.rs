//! The accept loop: one task per connection, all ended before [`Ingest::serve`] returns.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, debug_span, warn};

use crate::admission::Admission;
use crate::connection::Connection;
use crate::seat::Seat;
use crate::{Authorise, Counters, Event, Limits, SessionId};

/// Pause after a failed accept: out of descriptors, the next try would fail at once as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One channel's listener.
pub struct Ingest {
    /// Bounds of time and memory.
    pub limits: Limits,
    /// Who is let in.
    pub authorise: Arc<dyn Authorise>,
    /// Where events go. The consumer reads until the channel ends, also after a shutdown: a full channel
    /// stalls the publisher, and a channel whose receiver is gone ends it.
    pub events: mpsc::Sender<Event>,
    /// Counts for metrics.
    pub counters: Arc<Counters>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Ingest {
    /// A listener with default limits and fresh counters.
    pub fn new(authorise: Arc<dyn Authorise>, events: mpsc::Sender<Event>) -> Self {
        Self { limits: Limits::default(), authorise, events, counters: Arc::default() }
    }

    /// Serves until `shutdown`, then closes the listener and waits until all sessions have ended: at
    /// most [`Limits::write`] for an event that nobody takes, as much again for an unread goodbye, and
    /// [`Limits::linger`].
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let admission =
            Admission::new(self.limits.max_unauthenticated, self.limits.max_unauthenticated_per_address);
        let seat = Seat::new(self.limits.takeover_after);
        let ingest = Arc::new(self);
        let connections = TaskTracker::new();
        for id in 0.. {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    ingest.counters.accept_errors();
                    warn!(%error, "could not accept a contribution connection: raise the limit of open files if it was reached");
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => continue,
                    }
                }
            };
            ingest.counters.accepted();
            // Audio messages are small and must not wait for an acknowledgement; keep-alive is not
            // needed, the idle limits notice a dead peer much sooner.
            if let Err(error) = socket.set_nodelay(true) {
                debug!(%peer, %error, "could not set TCP_NODELAY");
            }
            let connection = Connection {
                session_id: SessionId(id),
                peer,
                socket,
                ingest: Arc::clone(&ingest),
                seat: Arc::clone(&seat),
                shutdown: shutdown.clone(),
            };
            let admitted = admission.admit(id, peer.ip());
            let span = debug_span!("contribution", session = id, %peer);
            connections.spawn(connection.run(admitted).instrument(span));
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }
}

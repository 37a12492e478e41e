//! A connection between a supervisor and its transcoder, and what comes over it.

use ez_api::internal::ToTranscoder;
use ez_api::job::Statistics;
use ez_domain::lifecycle::RunState;
use tokio::sync::mpsc;

/// The way to a transcoder; the connection closes when this is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    /// Number of the connection, unique in this process.
    pub(crate) number: u64,
    /// The transcoder's process.
    pub(crate) pid: u32,
    /// Orders for it.
    pub(crate) orders: mpsc::Sender<ToTranscoder>,
}

impl Link {
    /// Sends an order; `false` when the connection is going down, then the next one gets it.
    pub(super) fn tell(&self, order: ToTranscoder) -> bool {
        self.orders.try_send(order).is_ok()
    }
}

/// What reaches a supervisor from its transcoder.
#[derive(Debug)]
pub(crate) enum Message {
    /// A transcoder of this run said hello.
    Connected(Link),
    /// It told how the run is.
    Said {
        /// Number of the connection.
        link: u64,
        /// Its state.
        state: RunState,
        /// Its figures.
        statistics: Box<Statistics>,
    },
    /// The connection is gone.
    Disconnected {
        /// Number of the connection.
        link: u64,
    },
}

//! The question "may this encoder publish here?", asked once per `publish`, answered by the caller.

use std::fmt;
use std::net::SocketAddr;

use thiserror::Error;

/// Decides whether a publish is let in.
///
/// Called on a runtime thread for each `publish`: it must not block. Comparing keys in constant time is
/// the implementation's duty.
pub trait Authorise: Send + Sync + 'static {
    /// `Ok` lets the encoder in, if nobody else is publishing.
    fn authorise(&self, request: &PublishRequest) -> Result<(), Refusal>;
}

/// What an encoder asks for. `Debug` hides the key and the query, which may hold a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct PublishRequest {
    /// Application of the `connect`, without slashes at its ends and without a query.
    pub app: String,
    /// Stream key: the stream name up to its first `?`.
    pub stream_key: String,
    /// What followed the first `?` of the stream name or else of the application.
    pub query: Option<String>,
    /// Where the encoder connects from.
    pub peer: SocketAddr,
}

impl fmt::Debug for PublishRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishRequest")
            .field("app", &self.app)
            .field("stream_key", &"***")
            .field("query", &self.query.as_ref().map(|_| "***"))
            .field("peer", &self.peer)
            .finish()
    }
}

/// Why an encoder is not let in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No such application.
    #[error("unknown application")]
    App,
    /// The stream key is not the channel's.
    #[error("wrong stream key")]
    Key,
    /// The key is right, but the channel takes no contribution now. The text is shown to the encoder.
    #[error("not now: {0}")]
    NotNow(String),
}

impl Refusal {
    /// What the encoder is told. It does not say which of application and key was wrong.
    pub(crate) fn description(&self) -> &str {
        match self {
            Self::App | Self::Key => {
                "application or stream key not accepted: compare server URL and stream key with the channel's"
            }
            Self::NotNow(text) => text,
        }
    }
}

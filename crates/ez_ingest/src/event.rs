//! What the listener tells its consumer.

use std::fmt;
use std::net::SocketAddr;

use ez_contribution::flv::Tag;

use crate::Refusal;

/// Names one connection of one listener; numbers only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One happening, in order. Between the start and the end of a session stand only its own tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An encoder with the right key was let in.
    PublishStarted {
        /// The session.
        session: SessionId,
        /// Where it connects from.
        peer: SocketAddr,
        /// What it calls itself (`flashVer` of its `connect`): printable, at most 128 characters.
        encoder: Option<String>,
    },
    /// One audio, video or script message. A script body is AMF0 without `@setDataFrame`.
    Tag {
        /// The session.
        session: SessionId,
        /// The message.
        tag: Tag,
    },
    /// The session is over; its socket is closed or about to be.
    PublishEnded {
        /// The session.
        session: SessionId,
        /// Why.
        reason: EndReason,
    },
    /// A `publish` was refused. Only a hint for people: it is dropped when the channel is half full.
    Refused {
        /// Where it came from.
        peer: SocketAddr,
        /// Why.
        reason: RefusedReason,
    },
}

/// Why a publisher's session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndReason {
    /// The encoder said so (`FCUnpublish`, `deleteStream`, `closeStream`).
    Unpublished,
    /// The encoder closed the connection, or it broke.
    Disconnected,
    /// No audio or video within [`crate::Limits::first_media`].
    NoMedia,
    /// No audio or video for [`crate::Limits::idle`].
    Idle,
    /// Less media than [`crate::Limits::least_bits_per_second`].
    TooSlow,
    /// The next publisher took the place of a silent one.
    TakenOver,
    /// The encoder broke the protocol or a limit; the text says how.
    Protocol(String),
    /// The listener was shut down.
    Shutdown,
}

/// Why a `publish` was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusedReason {
    /// [`crate::Authorise`] said no.
    Unauthorised(Refusal),
    /// The key is right, but another encoder is publishing.
    AlreadyPublishing,
}

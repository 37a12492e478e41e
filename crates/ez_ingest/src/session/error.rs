//! How a peer broke the protocol, and the two limits that only a session can count.

use thiserror::Error;

use crate::rtmp::chunk::ChunkError;
use crate::rtmp::command::CommandError;

/// Largest number that `createStream` gives out; real encoders ask once or twice.
pub(super) const MAX_STREAMS: u32 = 16;

/// Most messages before an accepted `publish`: each may ask for an answer, and answers are memory. Real
/// encoders send about ten.
pub(super) const MAX_EARLY_MESSAGES: u32 = 64;

/// How a peer broke the protocol.
#[derive(Debug, Error)]
pub(crate) enum SessionError {
    #[error("first byte {0:#04x} is not RTMP version 3 (TLS, RTMPE or another protocol)")]
    NotRtmp(u8),
    #[error("the handshake was refused")]
    Handshake,
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("`{0}` before `connect`")]
    NotConnected(String),
    #[error("`{0}` for the second time")]
    Repeated(&'static str),
    #[error("media before an accepted `publish`")]
    EarlyMedia,
    #[error("protocol control message of type {0} is too short")]
    ShortControl(u8),
    #[error("more than {MAX_STREAMS} message streams")]
    TooManyStreams,
    #[error("more than {MAX_EARLY_MESSAGES} messages before an accepted `publish`")]
    TooManyMessages,
}

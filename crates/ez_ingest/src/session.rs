//! One RTMP session as a pure machine: bytes in, steps and bytes out. No socket, no clock.
//!
//! The session never lets anybody in by itself: at [`Step::Publish`] it waits until its owner calls
//! [`Session::accept_publish`] or [`Session::refuse_publish`]. Until then media is an error and
//! [`crate::MessageLimits::UNAUTHENTICATED`] holds. Errors and [`Step::Closed`] are final.

use bytes::BytesMut;
use ez_contribution::flv::{Kind, Tag};
use rtmp_rs::protocol::constants as wire;
use rtmp_rs::protocol::handshake::{Handshake, HandshakeRole};

use crate::MessageLimits;
use crate::rtmp::chunk::{ChunkReader, Message};
use crate::rtmp::command;
use crate::rtmp::name::Name;
use crate::rtmp::reply::{Replies, WINDOW};
use crate::rtmp::{aggregate, script};
use error::MAX_EARLY_MESSAGES;
pub(crate) use error::SessionError;

mod dialogue;
mod error;

/// What happened in the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The peer asks to publish and waits for the answer.
    Publish(Name),
    /// Media of the accepted publish.
    Tag(Tag),
    /// The peer ended its accepted publish.
    Unpublished,
    /// The session has to be closed after its output was sent; the peer did nothing wrong on the wire.
    Closed,
}

#[derive(Debug)]
enum Phase {
    Handshake(Box<Handshake>),
    /// Chunks, but no `connect` yet.
    Greeted,
    Connected(Box<Connected>),
    /// `publish` was asked for on this message stream.
    Asking {
        stream_id: u32,
    },
    Publishing {
        stream_id: u32,
    },
    Over,
}

#[derive(Debug)]
struct Connected {
    app: String,
    tc_url: Option<String>,
}

/// One peer's session.
#[derive(Debug)]
pub(crate) struct Session {
    phase: Phase,
    publishing_limits: MessageLimits,
    reader: ChunkReader,
    replies: Replies,
    encoder: Option<String>,
    streams: u32,
    early_messages: u32,
    /// Messages out of an aggregate, last first.
    unpacked: Vec<Message>,
    /// All bytes taken, modulo 2^32 as in Acknowledgement (5.4.3).
    received: u32,
    acknowledged: u32,
    window: u32,
}

impl Session {
    pub(crate) fn new(unauthenticated: MessageLimits, publishing: MessageLimits) -> Self {
        let mut handshake = Box::new(Handshake::new(HandshakeRole::Server));
        // Gives nothing for a server, but moves it to its first state.
        let _ = handshake.generate_initial();
        Self {
            phase: Phase::Handshake(handshake),
            publishing_limits: publishing,
            reader: ChunkReader::new(unauthenticated),
            replies: Replies::new(),
            encoder: None,
            streams: 0,
            early_messages: 0,
            unpacked: Vec::new(),
            received: 0,
            acknowledged: 0,
            window: WINDOW,
        }
    }

    /// The next step, or `None` until more bytes come. Takes what it can out of `input`.
    pub(crate) fn step(&mut self, input: &mut BytesMut) -> Result<Option<Step>, SessionError> {
        let before = input.len();
        let step = self.advance(input);
        self.count(before - input.len());
        if step.is_err() {
            self.phase = Phase::Over;
        }
        step
    }

    /// Bytes to be sent now.
    pub(crate) fn take_output(&mut self) -> BytesMut {
        self.replies.take()
    }

    pub(crate) fn has_shaken_hands(&self) -> bool {
        !matches!(self.phase, Phase::Handshake(_))
    }

    /// What the encoder calls itself.
    pub(crate) fn encoder(&self) -> Option<&str> {
        self.encoder.as_deref()
    }

    /// Lets the publish in that was asked for.
    pub(crate) fn accept_publish(&mut self) {
        if let Phase::Asking { stream_id } = self.phase {
            self.replies.stream_begin(stream_id);
            self.replies.status(stream_id, "status", wire::NS_PUBLISH_START, "Publishing.");
            self.reader.set_limits(self.publishing_limits);
            self.phase = Phase::Publishing { stream_id };
        }
    }

    /// Refuses the publish that was asked for; the session is over.
    pub(crate) fn refuse_publish(&mut self, description: &str) {
        if let Phase::Asking { stream_id } = self.phase {
            self.replies.status(stream_id, "error", wire::NS_PUBLISH_BAD_NAME, description);
            self.phase = Phase::Over;
        }
    }

    /// Tells the peer that we are about to close.
    pub(crate) fn say_goodbye(&mut self, description: &str) {
        match self.phase {
            Phase::Asking { stream_id } | Phase::Publishing { stream_id } => {
                self.replies.status(stream_id, "status", "NetStream.Unpublish.Success", description);
                self.replies.status(0, "status", wire::NC_CONNECT_CLOSED, description);
            }
            Phase::Connected(_) => self.replies.status(0, "status", wire::NC_CONNECT_CLOSED, description),
            Phase::Handshake(_) | Phase::Greeted | Phase::Over => {}
        }
        self.phase = Phase::Over;
    }

    /// Memory held for this peer, apart from the caller's read buffer.
    #[cfg(test)]
    pub(crate) fn held_bytes(&self) -> usize {
        let handshake = if self.has_shaken_hands() { 0 } else { size_of::<Handshake>() };
        size_of::<Self>() + handshake + self.reader.held_bytes() + self.replies.held_bytes()
    }

    fn advance(&mut self, input: &mut BytesMut) -> Result<Option<Step>, SessionError> {
        while matches!(self.phase, Phase::Handshake(_)) {
            if !self.shake_hands(input)? {
                return Ok(None);
            }
        }
        loop {
            match self.phase {
                Phase::Asking { .. } => return Ok(None),
                Phase::Over => {
                    input.clear();
                    return Ok(None);
                }
                Phase::Handshake(_) | Phase::Greeted | Phase::Connected(_) | Phase::Publishing { .. } => {}
            }
            let message = match self.unpacked.pop() {
                Some(message) => message,
                None => match self.reader.next(input)? {
                    Some(message) => message,
                    None => return Ok(None),
                },
            };
            if let Some(step) = self.message(&message)? {
                return Ok(Some(step));
            }
        }
    }

    /// Takes one packet of the handshake (5.2); `false` until it is complete.
    fn shake_hands(&mut self, input: &mut BytesMut) -> Result<bool, SessionError> {
        let Phase::Handshake(handshake) = &mut self.phase else {
            return Ok(false);
        };
        let needed = handshake.bytes_needed();
        let is_first = needed > wire::HANDSHAKE_SIZE;
        match input.first() {
            Some(&version) if is_first && version != wire::RTMP_VERSION => {
                return Err(SessionError::NotRtmp(version));
            }
            _ if input.len() < needed => return Ok(false),
            _ => {}
        }
        let mut packet = input.split_to(needed).freeze();
        if let Some(answer) = handshake.process(&mut packet).map_err(|_| SessionError::Handshake)? {
            self.replies.raw(&answer);
        }
        if handshake.is_done() {
            self.phase = Phase::Greeted;
        }
        Ok(true)
    }

    fn count(&mut self, taken: usize) {
        let taken = u32::try_from(taken).unwrap_or(u32::MAX);
        self.received = self.received.wrapping_add(taken);
        if self.has_shaken_hands() && self.received.wrapping_sub(self.acknowledged) >= self.window {
            self.acknowledged = self.received;
            self.replies.acknowledgement(self.received);
        }
    }

    fn message(&mut self, message: &Message) -> Result<Option<Step>, SessionError> {
        if !matches!(self.phase, Phase::Publishing { .. }) {
            self.early_messages += 1;
            if self.early_messages > MAX_EARLY_MESSAGES {
                return Err(SessionError::TooManyMessages);
            }
        }
        match message.kind {
            wire::MSG_SET_CHUNK_SIZE => self.reader.set_chunk_size(word(message, 0)?)?,
            wire::MSG_ABORT => self.reader.abort(word(message, 0)?),
            // A window of nothing would have each byte acknowledged.
            wire::MSG_WINDOW_ACK_SIZE => self.window = word(message, 0)?.max(4096),
            wire::MSG_USER_CONTROL => self.user_control(message)?,
            wire::MSG_AUDIO => return self.media(Kind::Audio, message),
            wire::MSG_VIDEO => return self.media(Kind::Video, message),
            wire::MSG_DATA_AMF0 | wire::MSG_DATA_AMF3 => return self.data(message),
            wire::MSG_AGGREGATE => {
                self.require_publishing()?;
                self.unpacked = aggregate::split(message);
                // An aggregate inside an aggregate would be taken apart again and again.
                self.unpacked.retain(|inner| inner.kind != wire::MSG_AGGREGATE);
                self.unpacked.reverse();
            }
            wire::MSG_COMMAND_AMF0 | wire::MSG_COMMAND_AMF3 => {
                let command = command::parse(message, self.reader.limits())?;
                return self.command(message.stream_id, command);
            }
            // Acknowledgements, bandwidth wishes, shared objects and unknown types mean nothing here.
            _ => {}
        }
        Ok(None)
    }

    fn user_control(&mut self, message: &Message) -> Result<(), SessionError> {
        if message.payload.starts_with(&wire::UC_PING_REQUEST.to_be_bytes()) {
            self.replies.ping_response(word(message, 2)?);
        }
        Ok(())
    }

    fn require_publishing(&self) -> Result<(), SessionError> {
        match self.phase {
            Phase::Publishing { .. } => Ok(()),
            _ => Err(SessionError::EarlyMedia),
        }
    }

    fn media(&self, kind: Kind, message: &Message) -> Result<Option<Step>, SessionError> {
        self.require_publishing()?;
        // FMLE sends empty audio messages; in FLV they would be errors.
        if message.payload.is_empty() {
            return Ok(None);
        }
        let (timestamp_ms, body) = (message.timestamp_ms, message.payload.clone());
        Ok(Some(Step::Tag(Tag { kind, timestamp_ms, body })))
    }

    fn data(&self, message: &Message) -> Result<Option<Step>, SessionError> {
        self.require_publishing()?;
        let timestamp_ms = message.timestamp_ms;
        match script::body(message, self.reader.limits()) {
            Ok(body) => Ok(body.map(|body| Step::Tag(Tag { kind: Kind::Script, timestamp_ms, body }))),
            // Pictures and sound do not depend on it.
            Err(error) => {
                tracing::debug!(%error, "a data message is left out");
                Ok(None)
            }
        }
    }
}

/// The big-endian word of a control message at `offset`.
fn word(message: &Message, offset: usize) -> Result<u32, SessionError> {
    let bytes = message.payload.get(offset..).and_then(|rest| rest.first_chunk());
    bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(SessionError::ShortControl(message.kind))
}

#[cfg(test)]
mod tests;

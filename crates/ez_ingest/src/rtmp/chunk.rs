//! Reads messages out of chunks, within limits, from bytes in any slices.
//!
//! Never allocates on the word of a header: a message's buffer grows with the bytes that came. A chunk
//! need not be complete to be taken up, so the caller's read buffer stays small. An error is final.
//! Reference: Adobe RTMP specification 1.0, section 5.3.

use std::collections::HashMap;

use bytes::{Buf, Bytes, BytesMut};
use rtmp_rs::protocol::constants::{
    DEFAULT_CHUNK_SIZE, EXTENDED_TIMESTAMP_THRESHOLD, MSG_AGGREGATE, MSG_AUDIO, MSG_VIDEO,
};
use thiserror::Error;

use self::header::{Extended, Header};
use crate::MessageLimits;

mod header;

/// Largest protocol control message (types 1-6) that is looked at.
const MAX_CONTROL: usize = 32;

/// A complete message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) timestamp_ms: u32,
    pub(crate) stream_id: u32,
    pub(crate) payload: Bytes,
}

/// How a peer broke the chunk stream or its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ChunkError {
    #[error("chunk stream {0} begins with a header that omits the message length")]
    NoHeaderBefore(u32),
    #[error("chunk stream {0} begins a message inside another")]
    MessageInsideMessage(u32),
    #[error("message of type {kind} and {length} bytes: the limit is {limit}")]
    MessageTooLarge { kind: u8, length: usize, limit: usize },
    #[error("more than {0} chunk streams in use")]
    TooManyStreams(usize),
    #[error("more than {0} bytes in unfinished messages")]
    TooManyPartialBytes(usize),
    #[error("chunk size {size}: must be 1 to {limit}, set a smaller one in the encoder")]
    ChunkSize { size: u32, limit: usize },
}

#[derive(Debug, Default)]
struct ChunkStream {
    timestamp: u32,
    delta: u32,
    /// The extended timestamp field as last read, if the last message began with one.
    extended: Option<u32>,
    length: usize,
    kind: u8,
    stream_id: u32,
    /// Bytes still to come of the message under way; `None` between messages.
    missing: Option<usize>,
    partial: BytesMut,
}

/// Takes bytes, gives messages.
#[derive(Debug)]
pub(crate) struct ChunkReader {
    limits: MessageLimits,
    chunk_size: usize,
    streams: HashMap<u32, ChunkStream>,
    partial_bytes: usize,
    /// The chunk whose payload is under way: its stream, and what is still to come of it.
    current: Option<(u32, usize)>,
}

impl ChunkReader {
    pub(crate) fn new(limits: MessageLimits) -> Self {
        Self {
            limits,
            chunk_size: usize::try_from(DEFAULT_CHUNK_SIZE).unwrap_or(128),
            streams: HashMap::new(),
            partial_bytes: 0,
            current: None,
        }
    }

    pub(crate) fn set_limits(&mut self, limits: MessageLimits) {
        self.limits = limits;
    }

    pub(crate) fn limits(&self) -> &MessageLimits {
        &self.limits
    }

    /// Set Chunk Size (5.4.1): holds for the chunks after it.
    pub(crate) fn set_chunk_size(&mut self, size: u32) -> Result<(), ChunkError> {
        let limit = self.limits.chunk_size;
        match usize::try_from(size) {
            Ok(bytes) if (1..=limit).contains(&bytes) => {
                self.chunk_size = bytes;
                Ok(())
            }
            _ => Err(ChunkError::ChunkSize { size, limit }),
        }
    }

    /// Abort Message (5.4.2): forgets the unfinished message of a chunk stream.
    pub(crate) fn abort(&mut self, chunk_stream: u32) {
        if let Some(stream) = self.streams.get_mut(&chunk_stream) {
            self.partial_bytes -= stream.partial.len();
            stream.partial = BytesMut::new();
            stream.missing = None;
        }
    }

    /// The next complete message, or `None` until more bytes come; takes what it can out of `input`.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Message>, ChunkError> {
        loop {
            let (id, expected) = match self.current {
                Some(current) => current,
                None => match self.begin_chunk(input)? {
                    Some(begun) => begun,
                    None => return Ok(None),
                },
            };
            let taken = expected.min(input.len());
            let message = self.take_payload(id, input, taken)?;
            self.current = (taken < expected).then_some((id, expected - taken));
            if message.is_some() || self.current.is_some() {
                return Ok(message);
            }
        }
    }

    /// Memory held for this connection, without the map's own overhead.
    #[cfg(test)]
    pub(crate) fn held_bytes(&self) -> usize {
        self.streams.len() * size_of::<ChunkStream>()
            + self.streams.values().map(|stream| stream.partial.capacity()).sum::<usize>()
    }

    fn begin_chunk(&mut self, input: &mut BytesMut) -> Result<Option<(u32, usize)>, ChunkError> {
        let extended = |id| self.streams.get(&id).and_then(ChunkStream::extended);
        let Some((header, size)) = Header::parse(input, extended) else {
            return Ok(None);
        };
        let id = header.chunk_stream;
        if !self.streams.contains_key(&id) {
            if header.length.is_none() {
                return Err(ChunkError::NoHeaderBefore(id));
            }
            if self.streams.len() >= self.limits.chunk_streams {
                return Err(ChunkError::TooManyStreams(self.limits.chunk_streams));
            }
        }
        let stream = self.streams.entry(id).or_default();
        stream.apply(&header)?;
        let missing = *stream.missing.get_or_insert(stream.length);
        let limit = match stream.kind {
            1..=6 => MAX_CONTROL,
            MSG_AUDIO | MSG_VIDEO | MSG_AGGREGATE => self.limits.message,
            _ => self.limits.command,
        };
        if stream.length > limit {
            return Err(ChunkError::MessageTooLarge { kind: stream.kind, length: stream.length, limit });
        }
        input.advance(size);
        Ok(Some((id, missing.min(self.chunk_size))))
    }

    fn take_payload(
        &mut self,
        id: u32,
        input: &mut BytesMut,
        taken: usize,
    ) -> Result<Option<Message>, ChunkError> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(None);
        };
        if self.partial_bytes + taken > self.limits.partial_bytes {
            return Err(ChunkError::TooManyPartialBytes(self.limits.partial_bytes));
        }
        stream.partial.extend_from_slice(&input[..taken]);
        input.advance(taken);
        self.partial_bytes += taken;
        let missing = stream.missing.unwrap_or(0).saturating_sub(taken);
        stream.missing = Some(missing);
        if missing > 0 {
            return Ok(None);
        }
        stream.missing = None;
        self.partial_bytes -= stream.partial.len();
        Ok(Some(Message {
            kind: stream.kind,
            timestamp_ms: stream.timestamp,
            stream_id: stream.stream_id,
            payload: std::mem::take(&mut stream.partial).freeze(),
        }))
    }
}

impl ChunkStream {
    /// Takes over what a header says. Message bytes are not touched.
    fn apply(&mut self, header: &Header) -> Result<(), ChunkError> {
        if self.missing.is_some() {
            // 5.3.1.2.4: chunks after the first of a message have type 3.
            return if header.format == 3 {
                Ok(())
            } else {
                Err(ChunkError::MessageInsideMessage(header.chunk_stream))
            };
        }
        if let Some((length, kind)) = header.length {
            self.length = length;
            self.kind = kind;
        }
        if let Some(stream_id) = header.stream_id {
            self.stream_id = stream_id;
        }
        match (header.format, header.time) {
            (0, Some(time)) => {
                self.timestamp = time;
                // 5.3.1.2.4: type 3 right after type 0 repeats the timestamp as its delta. Not so for extended
                // ones, where every known sender repeats the absolute value.
                self.delta = if header.is_extended { 0 } else { time };
            }
            (_, None) => self.timestamp = self.timestamp.wrapping_add(self.delta),
            (_, Some(time)) if header.is_extended => self.advance_extended(time),
            (_, Some(delta)) => {
                self.delta = delta;
                self.timestamp = self.timestamp.wrapping_add(delta);
            }
        }
        if header.format != 3 || header.is_extended {
            self.extended = header.time.filter(|_| header.is_extended);
        }
        Ok(())
    }

    fn extended(&self) -> Option<Extended> {
        self.extended.map(|value| Extended { value, is_mid_message: self.missing.is_some() })
    }

    /// An extended field in a header of type 1, 2 or 3: by the specification a delta of 4 h 40 min or more, from real
    /// senders the absolute time once it has passed that mark. The latter it is when it lies within such
    /// a span after the last timestamp.
    fn advance_extended(&mut self, time: u32) {
        match time.checked_sub(self.timestamp) {
            Some(delta) if delta < EXTENDED_TIMESTAMP_THRESHOLD => self.delta = delta,
            _ => self.delta = time,
        }
        self.timestamp = self.timestamp.wrapping_add(self.delta);
    }
}

#[cfg(test)]
mod tests;

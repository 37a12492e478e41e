//! A client's side of RTMP as bytes, for tests: handshake, chunks in any style, commands.
//!
//! Deliberately independent of the code under test.

use rtmp_rs::amf::{Amf0Encoder, AmfValue};

/// How a sender writes the extended timestamp of chunks after a message's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Continuation {
    /// Repeated, as the specification and librtmp have it.
    Repeated,
    /// Left out, as some hardware encoders do.
    Omitted,
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) kind: u8,
    pub(crate) chunk_stream: u8,
    pub(crate) stream_id: u32,
    pub(crate) timestamp_ms: u32,
    pub(crate) payload: Vec<u8>,
}

impl Outgoing {
    pub(crate) fn media(kind: u8, timestamp_ms: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, chunk_stream: 6, stream_id: 1, timestamp_ms, payload: payload.into() }
    }

    pub(crate) fn control(kind: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, chunk_stream: 2, stream_id: 0, timestamp_ms: 0, payload: payload.into() }
    }

    pub(crate) fn command(stream_id: u32, values: &[AmfValue]) -> Self {
        let mut encoder = Amf0Encoder::new();
        encoder.encode_all(values);
        let payload = encoder.finish().to_vec();
        Self { kind: 20, chunk_stream: 3, stream_id, timestamp_ms: 0, payload }
    }

    /// The message in chunks, the first of them with a full header.
    pub(crate) fn chunks(&self, chunk_size: usize) -> Vec<u8> {
        self.chunks_in_style(chunk_size, Continuation::Repeated)
    }

    pub(crate) fn chunks_in_style(&self, chunk_size: usize, style: Continuation) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a message of 24 bits").to_be_bytes();
        let is_extended = self.timestamp_ms >= 0x00FF_FFFF;
        let time = self.timestamp_ms.to_be_bytes();
        let mut bytes = vec![self.chunk_stream];
        bytes.extend_from_slice(if is_extended { &[0xff; 3] } else { &time[1..] });
        bytes.extend_from_slice(&length[1..]);
        bytes.push(self.kind);
        bytes.extend_from_slice(&self.stream_id.to_le_bytes());
        if is_extended {
            bytes.extend_from_slice(&time);
        }
        for (index, part) in self.payload.chunks(chunk_size).enumerate() {
            if index > 0 {
                bytes.push(0xc0 | self.chunk_stream);
                if is_extended && style == Continuation::Repeated {
                    bytes.extend_from_slice(&time);
                }
            }
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// C0, C1 and C2. No server needs to be waited for between them.
pub(crate) fn handshake() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend((0..3072_u32).map(|n| n.to_le_bytes()[0]));
    bytes[5..9].fill(0);
    bytes
}

fn text(text: &str) -> AmfValue {
    AmfValue::from(text)
}

pub(crate) fn connect(app: &str, tc_url: &str) -> Outgoing {
    let object = [("app", app), ("type", "nonprivate"), ("flashVer", "FMLE/3.0 (test)"), ("tcUrl", tc_url)];
    let object = object.into_iter().map(|(key, value)| (key.to_owned(), text(value))).collect();
    Outgoing::command(0, &[text("connect"), AmfValue::Number(1.0), AmfValue::Object(object)])
}

pub(crate) fn call(name: &str, transaction: u32, argument: AmfValue) -> Outgoing {
    Outgoing::command(0, &[text(name), transaction.into(), AmfValue::Null, argument])
}

pub(crate) fn publish(stream_name: &str) -> Outgoing {
    let values = [text("publish"), AmfValue::Number(5.0), AmfValue::Null, text(stream_name), text("live")];
    Outgoing::command(1, &values)
}

/// Everything from the first byte to `publish`, as FMLE and OBS order it, in default chunks.
pub(crate) fn prologue(app: &str, stream_name: &str) -> Vec<u8> {
    let messages = [
        connect(app, &format!("rtmp://127.0.0.1/{app}")),
        call("releaseStream", 2, text(stream_name)),
        call("FCPublish", 3, text(stream_name)),
        call("createStream", 4, AmfValue::Null),
        publish(stream_name),
    ];
    let commands = messages.iter().flat_map(|message| message.chunks(128));
    handshake().into_iter().chain(commands).collect()
}

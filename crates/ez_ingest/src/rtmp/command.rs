//! The commands that encoders send, out of AMF0 messages.
//!
//! Dialects covered: librtmp and OBS, ffmpeg, FMLE and what imitates it, `GStreamer`. AMF3 command messages
//! hold AMF0 behind one zero byte. Reference: Adobe RTMP specification 1.0, section 7.2.

use bytes::Bytes;
use rtmp_rs::amf::{Amf0Decoder, AmfValue};
use rtmp_rs::protocol::constants::MSG_COMMAND_AMF3;
use rtmp_rs::protocol::message::ConnectParams;
use thiserror::Error;

use super::amf::{self, AmfError};
use super::chunk::Message;
use crate::MessageLimits;

/// One command of a peer.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: String,
    /// 0 asks for no answer.
    pub(crate) transaction: f64,
    pub(crate) request: Request,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    /// `connect`.
    Connect(Box<ConnectParams>),
    /// `createStream`.
    CreateStream,
    /// `publish` with its stream name; `live`, `record` and `append` mean the same here.
    Publish { stream_name: String },
    /// `releaseStream`, `FCPublish`, `_checkbw` and the like: answered, otherwise without effect.
    Courtesy,
    /// `FCUnpublish`, `deleteStream`, `closeStream`, `close`.
    Unpublish,
    /// `play` and its kin: there is nothing to be played here.
    Play,
    /// An answer to a call that we never made.
    Answer,
    /// Anything else.
    Unknown,
}

/// Why a command message cannot be understood.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Amf(#[from] AmfError),
    #[error("a command message does not begin with a name")]
    NoName,
    #[error("a command message could not be decoded")]
    Undecodable,
}

/// Reads a command message (types 17 and 20).
pub(crate) fn parse(message: &Message, limits: &MessageLimits) -> Result<Command, CommandError> {
    let mut payload = strip_amf3(message);
    amf::check(&payload, limits.amf_depth, limits.amf_nodes)?;
    let values = Amf0Decoder::new().decode_all(&mut payload).map_err(|_| CommandError::Undecodable)?;
    let mut values = values.into_iter();
    let Some(AmfValue::String(name)) = values.next() else {
        return Err(CommandError::NoName);
    };
    let transaction = values.next().and_then(|value| value.as_number()).unwrap_or(0.0);
    let object = values.next().unwrap_or_default();
    let request = match name.as_str() {
        "connect" => Request::Connect(Box::new(ConnectParams::from_amf(&object))),
        "createStream" => Request::CreateStream,
        "publish" => Request::Publish {
            stream_name: values.next().as_ref().and_then(AmfValue::as_str).unwrap_or_default().to_owned(),
        },
        "releaseStream" | "FCPublish" | "_checkbw" | "checkBandwidth" | "getStreamLength" => {
            Request::Courtesy
        }
        "FCUnpublish" | "deleteStream" | "closeStream" | "close" => Request::Unpublish,
        "play" | "play2" | "FCSubscribe" | "seek" | "pause" | "receiveAudio" | "receiveVideo" => {
            Request::Play
        }
        "_result" | "_error" | "onStatus" => Request::Answer,
        _ => Request::Unknown,
    };
    Ok(Command { name, transaction, request })
}

/// The AMF0 inside a message that is AMF3 by its type.
pub(crate) fn strip_amf3(message: &Message) -> Bytes {
    let is_amf3 = message.kind == MSG_COMMAND_AMF3 || message.kind == super::script::MSG_DATA_AMF3;
    if is_amf3 && message.payload.first() == Some(&0) {
        message.payload.slice(1..)
    } else {
        message.payload.clone()
    }
}

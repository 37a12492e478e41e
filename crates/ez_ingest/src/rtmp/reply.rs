//! What we send: control messages and answers, as chunks.
//!
//! Timestamps are always 0, as servers send them.

use std::collections::HashMap;

use bytes::BytesMut;
use rtmp_rs::amf::AmfValue;
use rtmp_rs::media::fourcc::VideoFourCc;
use rtmp_rs::protocol::chunk::{ChunkEncoder, RtmpChunk};
use rtmp_rs::protocol::constants::{BANDWIDTH_LIMIT_DYNAMIC, CSID_COMMAND, CSID_PROTOCOL_CONTROL};
use rtmp_rs::protocol::enhanced::{EnhancedCapabilities, FourCcCapability};
use rtmp_rs::protocol::message::{
    Command, ConnectParams, ConnectResponseBuilder, RtmpMessage, UserControlEvent,
};

/// Our window acknowledgement size and peer bandwidth, and how often we acknowledge a peer that names no
/// window of its own: what every other server says.
pub(crate) const WINDOW: u32 = 2_500_000;

/// Our own chunk size: each of our messages fits in one chunk.
const CHUNK_SIZE: u32 = 4096;

/// Collects the bytes to be sent.
pub(crate) struct Replies {
    encoder: ChunkEncoder,
    output: BytesMut,
}

impl Replies {
    pub(crate) fn new() -> Self {
        Self { encoder: ChunkEncoder::new(), output: BytesMut::new() }
    }

    /// Everything not yet taken.
    pub(crate) fn take(&mut self) -> BytesMut {
        std::mem::take(&mut self.output)
    }

    #[cfg(test)]
    pub(crate) fn held_bytes(&self) -> usize {
        self.output.capacity()
    }

    /// Bytes outside the chunk stream: the handshake.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    pub(crate) fn acknowledgement(&mut self, received: u32) {
        self.control(&RtmpMessage::Acknowledgement { sequence: received });
    }

    pub(crate) fn ping_response(&mut self, timestamp: u32) {
        self.control(&RtmpMessage::UserControl(UserControlEvent::PingResponse(timestamp)));
    }

    pub(crate) fn stream_begin(&mut self, stream_id: u32) {
        self.control(&RtmpMessage::UserControl(UserControlEvent::StreamBegin(stream_id)));
    }

    /// The greeting after `connect` (7.2.1.1): flow control, chunk size, `_result`.
    pub(crate) fn connected(&mut self, transaction: f64, connect: &ConnectParams) {
        self.control(&RtmpMessage::WindowAckSize(WINDOW));
        self.control(&RtmpMessage::SetPeerBandwidth { size: WINDOW, limit_type: BANDWIDTH_LIMIT_DYNAMIC });
        self.control(&RtmpMessage::SetChunkSize(CHUNK_SIZE));
        self.encoder.set_chunk_size(CHUNK_SIZE);
        let mut response = ConnectResponseBuilder::new();
        if connect.has_enhanced_rtmp() {
            response = response.enhanced_capabilities(&capabilities());
        }
        self.command(0, response.build(transaction));
    }

    /// `_result` with a number or null; nothing if no answer is asked for.
    pub(crate) fn result(&mut self, transaction: f64, value: Option<u32>) {
        if transaction != 0.0 {
            let value = value.map_or(AmfValue::Null, AmfValue::from);
            self.command(0, Command::result(transaction, AmfValue::Null, value));
        }
    }

    /// `_error` for a call that is not known; nothing if no answer is asked for.
    pub(crate) fn call_failed(&mut self, transaction: f64) {
        if transaction != 0.0 {
            let info = [
                ("level", "error"),
                ("code", "NetConnection.Call.Failed"),
                ("description", "This server only takes contributions: method not known."),
            ];
            let info: HashMap<String, AmfValue> =
                info.into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect();
            self.command(0, Command::error(transaction, AmfValue::Null, AmfValue::Object(info)));
        }
    }

    /// `onFCPublish` and `onFCUnpublish`. Bare: other servers say "NetStream.Publish.Start" here, before
    /// the key was looked at.
    pub(crate) fn notify(&mut self, name: &str) {
        let name = name.to_owned();
        let arguments = Vec::new();
        let command_object = AmfValue::Null;
        self.command(0, Command { name, transaction_id: 0.0, command_object, arguments, stream_id: 0 });
    }

    /// `onStatus` on a message stream.
    pub(crate) fn status(&mut self, stream_id: u32, level: &str, code: &str, description: &str) {
        self.command(stream_id, Command::on_status(stream_id, level, code, description));
    }

    fn command(&mut self, stream_id: u32, command: Command) {
        self.send(CSID_COMMAND, stream_id, &RtmpMessage::Command(command));
    }

    fn control(&mut self, message: &RtmpMessage) {
        self.send(CSID_PROTOCOL_CONTROL, 0, message);
    }

    fn send(&mut self, csid: u32, stream_id: u32, message: &RtmpMessage) {
        let (message_type, payload) = message.encode();
        let chunk = RtmpChunk { csid, timestamp: 0, message_type, stream_id, payload };
        self.encoder.encode(&chunk, &mut self.output);
    }
}

impl std::fmt::Debug for Replies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replies").field("output", &self.output.len()).finish_non_exhaustive()
    }
}

/// E-RTMP v2 codecs that we pass on. Sound is taken as AAC in its classic form only. No multitrack, no reconnect
/// request.
fn capabilities() -> EnhancedCapabilities {
    let forward = FourCcCapability::forward();
    EnhancedCapabilities {
        enabled: true,
        video_codecs: [VideoFourCc::Avc, VideoFourCc::Hevc].map(|codec| (codec, forward)).into(),
        ..EnhancedCapabilities::default()
    }
}

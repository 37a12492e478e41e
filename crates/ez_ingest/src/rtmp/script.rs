//! Data messages (`onMetaData` and its kin) as FLV script bodies.

use bytes::Bytes;
pub(crate) use rtmp_rs::protocol::constants::MSG_DATA_AMF3;

use super::amf::{self, AmfError};
use super::chunk::Message;
use super::command::strip_amf3;
use crate::MessageLimits;

/// `@setDataFrame` and `@clearDataFrame` as AMF0 strings: instructions to the server, not part of the data.
const SET_DATA_FRAME: &[u8] = b"\x02\x00\x0d@setDataFrame";
const CLEAR_DATA_FRAME: &[u8] = b"\x02\x00\x0f@clearDataFrame";

/// The script body of a data message (types 15 and 18); `None` if it carries nothing for the stream. Its texts need not
/// be UTF-8.
pub(crate) fn body(message: &Message, limits: &MessageLimits) -> Result<Option<Bytes>, AmfError> {
    let payload = strip_amf3(message);
    match amf::check(&payload, limits.amf_depth, limits.amf_nodes) {
        // Muxers copy titles as they find them in files, in whatever encoding.
        Ok(()) | Err(AmfError::NotUtf8) => {}
        Err(error) => return Err(error),
    }
    if payload.starts_with(CLEAR_DATA_FRAME) {
        return Ok(None);
    }
    let body = match payload.strip_prefix(SET_DATA_FRAME) {
        Some(_) => payload.slice(SET_DATA_FRAME.len()..),
        None => payload,
    };
    // FLV script data begins with a name (E.4.4.1).
    Ok((body.first() == Some(&0x02)).then_some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_to_the_server_are_taken_off() {
        let named = b"\x02\x00\x0aonMetaData\x05";
        let set = [SET_DATA_FRAME, named].concat();
        let set_amf3 = [b"\x00", set.as_slice()].concat();
        type Case<'a> = (u8, &'a [u8], Option<&'a [u8]>);
        let cases: [Case<'_>; 6] = [
            (18, named, Some(named)),
            (18, &set, Some(named)),
            (15, &set_amf3, Some(named)),
            (18, SET_DATA_FRAME, None),
            (18, CLEAR_DATA_FRAME, None),
            (18, b"\x05", None),
        ];
        for (kind, payload, expected) in cases {
            let payload = Bytes::copy_from_slice(payload);
            let message = Message { kind, timestamp_ms: 0, stream_id: 1, payload };
            let body = body(&message, &MessageLimits::PUBLISHING).unwrap();
            assert_eq!(body.as_deref(), expected, "{message:?}");
        }
    }
}

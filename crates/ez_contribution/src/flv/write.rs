//! Writes the FLV header and tags.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Kind, MAX_BODY, Tag};

/// The file header that announces audio and video, with the zero `PreviousTagSize0` (E.2, E.3).
pub const fn header() -> [u8; 13] {
    [b'F', b'L', b'V', 1, 0b101, 0, 0, 0, 9, 0, 0, 0, 0]
}

/// Appends one tag with its trailing `PreviousTagSize`.
///
/// A body above [`MAX_BODY`] is left out: its size would not fit the 24-bit field for long, and the
/// timeline never lets one pass.
pub fn write_tag(tag: &Tag, out: &mut BytesMut) {
    let size = match u32::try_from(tag.body.len()) {
        Ok(size) if tag.body.len() <= MAX_BODY => size,
        _ => return,
    };
    let kind = match tag.kind {
        Kind::Audio => 8,
        Kind::Video => 9,
        Kind::Script => 18,
    };
    out.reserve(tag.body.len() + 15);
    out.put_u8(kind);
    out.put_uint(u64::from(size), 3);
    out.put_uint(u64::from(tag.timestamp_ms & 0x00FF_FFFF), 3);
    // TimestampExtended holds the upper eight bits and comes after the lower ones.
    out.put_uint(u64::from(tag.timestamp_ms >> 24), 1);
    out.put_uint(0, 3);
    out.put_slice(&tag.body);
    out.put_u32(size + 11);
}

/// The bytes of several tags, as they go to ffmpeg's stdin.
pub fn encode(tags: &[Tag]) -> Bytes {
    let mut out = BytesMut::with_capacity(tags.iter().map(|tag| tag.body.len() + 15).sum());
    for tag in tags {
        write_tag(tag, &mut out);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_stereo_frame_has_the_known_bytes() {
        let tag = Tag {
            kind: Kind::Audio,
            timestamp_ms: 0x0102_0304,
            body: Bytes::from_static(&[0xAF, 1, 0x21, 0, 0, 0, 0, 0x1C]),
        };
        let expected: &[u8] =
            &[8, 0, 0, 8, 2, 3, 4, 1, 0, 0, 0, 0xAF, 1, 0x21, 0, 0, 0, 0, 0x1C, 0, 0, 0, 0x13];
        assert_eq!(encode(&[tag]).as_ref(), expected);
    }

    #[test]
    fn oversized_body_is_not_written() {
        let tag = Tag { kind: Kind::Video, timestamp_ms: 0, body: Bytes::from(vec![0; MAX_BODY + 1]) };
        assert!(encode(&[tag]).is_empty());
    }
}

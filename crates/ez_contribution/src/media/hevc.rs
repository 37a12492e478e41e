//! H.265 key frames that may stand anywhere in a stream.
//!
//! Many encoders code key frames as clean random access pictures (CRA, "open GOP"). A decoder counts on from
//! the pictures before such a one: where others came before it than the encoder had in mind, it finds a picture
//! order count twice and shows nothing. A broken link access picture (BLA) is the same picture for a stream that
//! was cut: only the type of its NAL units differs (ITU-T H.265 7.4.2.2, 8.1.3, C.1).

use bytes::{Bytes, BytesMut};

use super::video::{Codec, Packet, Role};

/// `CRA_NUT` (H.265 table 7-1).
const CRA: u8 = 21;
/// `BLA_W_LP`: pictures that lead it may refer to what is not there any more, and are not decoded.
const BLA: u8 = 16;
/// Bytes of `hvcC` before its `lengthSizeMinusOne` (ISO/IEC 14496-15 8.3.3.1.2).
const LENGTH_SIZE_AT: usize = 21;

/// The key frame for a place behind other pictures than its encoder had before it. `header` is the video
/// body with its `hvcC`. Whatever is not an H.265 key frame that needs it comes back as it is.
pub fn spliced(header: &Bytes, body: &Bytes) -> Bytes {
    let at: Vec<usize> = units(header, body).filter(|(_, kind)| *kind == CRA).map(|(at, _)| at).collect();
    if at.is_empty() {
        return body.clone();
    }
    let mut cut = BytesMut::from(body.as_ref());
    for first in at {
        if let Some(byte) = cut.get_mut(first) {
            // forbidden_zero_bit, nal_unit_type (6 bit), the first bit of nuh_layer_id
            *byte = *byte & 0x81 | BLA << 1;
        }
    }
    cut.freeze()
}

/// Whether the key frame may follow on itself.
///
/// ffmpeg (8.1) shows nothing of a picture order count that comes
/// twice unless an IDR picture brings it, though a BLA picture, too, begins to count anew (H.265 8.3.1).
pub fn can_repeat(header: &Bytes, body: &Bytes) -> bool {
    !units(header, body).any(|(_, kind)| kind == CRA || (BLA..BLA + 3).contains(&kind))
}

/// Where each NAL unit of an H.265 key frame begins, and its type; nothing of anything else.
fn units(header: &Bytes, body: &Bytes) -> impl Iterator<Item = (usize, u8)> {
    let packet =
        Packet::parse(body).filter(|packet| packet.codec == Codec::Hevc && packet.role == Role::KeyFrame);
    let announced = Packet::parse(header).filter(|announced| announced.codec == Codec::Hevc);
    let mut at = packet.zip(announced).map(|(packet, _)| packet.payload_at);
    let length_size = announced
        .and_then(|announced| announced.payload(header).get(LENGTH_SIZE_AT).copied())
        .map_or(4, |byte| usize::from(byte & 3) + 1);
    let body = body.clone();
    std::iter::from_fn(move || {
        let first = at?.checked_add(length_size)?;
        let length = body.get(at?..first)?;
        let size = length.iter().fold(0_usize, |size, byte| size << 8 | usize::from(*byte));
        at = first.checked_add(size);
        Some((first, body.get(first)? >> 1 & 0x3F))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(length_size_minus_one: u8) -> Bytes {
        let mut record = [0; 23];
        record[LENGTH_SIZE_AT] = 0xFC | length_size_minus_one;
        Bytes::from([b"\x90hvc1".as_slice(), &record].concat())
    }

    #[test]
    fn every_slice_of_an_open_key_frame_says_that_the_link_is_broken() {
        let body = |slice: u8| {
            // A prefix SEI (39) and two slices.
            let units =
                [0, 0, 0, 2, 39 << 1, 1, 0, 0, 0, 3, slice << 1, 1, 0xAA, 0, 0, 0, 2, slice << 1 | 1, 1];
            Bytes::from([b"\x91hvc1\0\0\x21".as_slice(), &units].concat())
        };
        assert_eq!(spliced(&header(3), &body(CRA)), body(BLA));
        assert!(!can_repeat(&header(3), &body(CRA)) && !can_repeat(&header(3), &body(BLA)));
        // IDR_W_RADL (19) and IDR_N_LP (20) refer to nothing in any case.
        for other in [19, 20, 1, 0] {
            assert_eq!(spliced(&header(3), &body(other)), body(other));
            assert!(can_repeat(&header(3), &body(other)));
        }
        let frame = Bytes::from([b"\xA1hvc1\0\0\0".as_slice(), &[0, 0, 0, 2, CRA << 1, 1]].concat());
        assert_eq!(spliced(&header(3), &frame), frame, "no key frame");
    }

    #[test]
    fn lengths_are_as_long_as_the_header_says() {
        let body = |slice: u8| Bytes::from([b"\x93hvc1".as_slice(), &[0, 3, slice << 1, 1, 0xAA]].concat());
        assert_eq!(spliced(&header(1), &body(CRA)), body(BLA));
    }

    #[test]
    fn other_codecs_stay_as_they_are() {
        let (header, body) =
            (Bytes::from_static(b"\x17\0\0\0\0\x01"), Bytes::from_static(b"\x17\x01\0\0\0\0\0\0\x01\x2A"));
        assert_eq!(spliced(&header, &body), body);
    }

    proptest! {
        #[test]
        fn any_bytes(size in 0u8..4, noise in prop::collection::vec(any::<u8>(), 0..64)) {
            let body = Bytes::from([b"\x91hvc1\0\0\0".as_slice(), &noise].concat());
            prop_assert_eq!(spliced(&header(size), &body).len(), body.len());
            prop_assert_eq!(spliced(&body, &header(size)), header(size));
            prop_assert!(can_repeat(&body, &header(size)), "a header is no key frame");
        }
    }
}

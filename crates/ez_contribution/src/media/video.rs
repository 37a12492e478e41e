//! Video bodies: which codec, what kind of packet, when it is shown.
//!
//! Both shapes are read: the classic one (Adobe FLV E.4.3) with AVC, and Enhanced RTMP v1/v2
//! (`IsExHeader` and a `FourCC`). Multi-track and `ModEx` packets are not taken apart.

use std::fmt;

use bytes::Bytes;

/// The video codecs that a contribution can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264.
    Avc,
    /// H.265 in Enhanced RTMP.
    Hevc,
    /// AV1 in Enhanced RTMP. It is not taken: the ffmpeg that is installed decodes none in software.
    Av1,
    /// A classic codec id that is not taken (2 is Sorenson, 4 is VP6, 12 is H.265 without standing).
    OtherId(u8),
    /// A `FourCC` that is not taken.
    OtherFourCc([u8; 4]),
}

impl Codec {
    /// Whether a contribution of this codec can be taken.
    pub const fn is_supported(self) -> bool {
        matches!(self, Self::Avc | Self::Hevc)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Avc => formatter.write_str("H.264"),
            Self::Hevc => formatter.write_str("HEVC"),
            Self::Av1 => formatter.write_str("AV1"),
            Self::OtherId(12) => formatter.write_str("HEVC as the unofficial FLV codec 12"),
            Self::OtherId(id) => write!(formatter, "FLV video codec {id}"),
            Self::OtherFourCc(four) => write!(formatter, "video codec '{}'", four.escape_ascii()),
        }
    }
}

/// What a video packet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The decoder's configuration (`avcC`, `hvcC`, `av1C`).
    SequenceHeader,
    /// A coded picture on which decoding can start.
    KeyFrame,
    /// Any other coded picture.
    Frame,
    /// End of sequence, commands, colour information: nothing that decoding needs.
    Other,
}

/// `CodedFrames` of Enhanced RTMP: the head holds a composition time.
const CODED_FRAMES: u8 = 1;
const MULTITRACK: u8 = 6;
const MOD_EX: u8 = 7;

/// The head of a video body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Codec of the body.
    pub codec: Codec,
    /// What the body is.
    pub role: Role,
    /// Presentation minus decoding time in milliseconds, signed 24 bit.
    pub composition_ms: i32,
    /// Where the payload behind all heads begins.
    pub payload_at: usize,
}

impl Packet {
    /// Reads the head of a video body; `None` for one that is cut short, or that holds tracks or heads of its own
    /// (`Multitrack`, `ModEx` of Enhanced RTMP v2).
    pub fn parse(body: &[u8]) -> Option<Self> {
        let first = *body.first()?;
        if first & 0x80 == 0 { Self::classic(first, body) } else { Self::enhanced(first, body) }
    }

    /// The payload behind the head.
    pub fn payload(&self, body: &Bytes) -> Bytes {
        body.slice(self.payload_at.min(body.len())..)
    }

    /// A picture of H.264 or H.265 with another composition time; `None` of anything else, or where no head holds it.
    ///
    /// Muxers leave the time out of the enhanced head where it is 0 (`CodedFramesX`); there it is put in.
    pub(crate) fn with_composition(&self, body: &[u8], composition_ms: i32) -> Option<Bytes> {
        let is_picture = matches!(self.role, Role::KeyFrame | Role::Frame) && self.codec.is_supported();
        if !is_picture || !(-(1 << 23)..1 << 23).contains(&composition_ms) {
            return None;
        }
        let [first, ..] = *body else { return None };
        let [_, time @ ..] = composition_ms.to_be_bytes();
        let head = if first & 0x80 == 0 {
            body.get(..2)?.to_vec()
        } else {
            [&[first & 0xF0 | CODED_FRAMES], body.get(1..5)?].concat()
        };
        Some(Bytes::from([&head, time.as_slice(), body.get(self.payload_at..)?].concat()))
    }

    fn classic(first: u8, body: &[u8]) -> Option<Self> {
        let (frame_type, id) = (first >> 4, first & 0x0F);
        if id != 7 {
            return Some(Self {
                codec: Codec::OtherId(id),
                role: Role::Other,
                composition_ms: 0,
                payload_at: 1,
            });
        }
        let &[_, packet_type, c0, c1, c2, ..] = body else { return None };
        let role = match packet_type {
            0 => Role::SequenceHeader,
            1 => picture(frame_type),
            _ => Role::Other,
        };
        Some(Self { codec: Codec::Avc, role, composition_ms: signed_24(c0, c1, c2), payload_at: 5 })
    }

    fn enhanced(first: u8, body: &[u8]) -> Option<Self> {
        let (frame_type, packet_type) = (first >> 4 & 0x07, first & 0x0F);
        if matches!(packet_type, MULTITRACK | MOD_EX) {
            // What follows is no FourCC.
            return None;
        }
        let &[_, f0, f1, f2, f3, ..] = body else { return None };
        let codec = match &[f0, f1, f2, f3] {
            b"avc1" => Codec::Avc,
            b"hvc1" => Codec::Hevc,
            b"av01" => Codec::Av1,
            other => Codec::OtherFourCc(*other),
        };
        let packet = |role, composition_ms, payload_at| Self { codec, role, composition_ms, payload_at };
        match packet_type {
            0 => Some(packet(Role::SequenceHeader, 0, 5)),
            // CodedFrames carries a composition time only where pictures are reordered outside the codec.
            CODED_FRAMES if matches!(codec, Codec::Avc | Codec::Hevc) => {
                let &[_, _, _, _, _, c0, c1, c2, ..] = body else { return None };
                Some(packet(picture(frame_type), signed_24(c0, c1, c2), 8))
            }
            CODED_FRAMES | 3 => Some(packet(picture(frame_type), 0, 5)),
            _ => Some(packet(Role::Other, 0, 5)),
        }
    }
}

fn picture(frame_type: u8) -> Role {
    match frame_type {
        1 | 4 => Role::KeyFrame,
        2 | 3 => Role::Frame,
        _ => Role::Other,
    }
}

fn signed_24(c0: u8, c1: u8, c2: u8) -> i32 {
    i32::from_be_bytes([c0, c1, c2, 0]) >> 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn heads_of_both_shapes() {
        use Role::{Frame, KeyFrame, Other, SequenceHeader};
        type Expected = Option<(Codec, Role, i32)>;
        let cases: [(&str, &[u8], Expected); 14] = [
            ("avc header", &[0x17, 0, 0, 0, 0, 1], Some((Codec::Avc, SequenceHeader, 0))),
            ("avc key", &[0x17, 1, 0, 0, 66, 9], Some((Codec::Avc, KeyFrame, 66))),
            ("avc frame, negative", &[0x27, 1, 0xFF, 0xFF, 0xFF, 9], Some((Codec::Avc, Frame, -1))),
            ("avc end of sequence", &[0x17, 2, 0, 0, 0], Some((Codec::Avc, Other, 0))),
            ("avc command frame", &[0x57, 1, 0, 0, 0], Some((Codec::Avc, Other, 0))),
            ("avc cut short", &[0x17, 1, 0], None),
            ("unofficial hevc", &[0x1C, 0, 0], Some((Codec::OtherId(12), Other, 0))),
            ("empty", &[], None),
            ("hevc header", b"\x90hvc1\x01", Some((Codec::Hevc, SequenceHeader, 0))),
            ("hevc key with time", b"\x91hvc1\x00\x00\x21x", Some((Codec::Hevc, KeyFrame, 33))),
            ("hevc frame without time", b"\xA3hvc1x", Some((Codec::Hevc, Frame, 0))),
            ("av1 key", b"\x91av01x", Some((Codec::Av1, KeyFrame, 0))),
            ("hdr metadata", b"\x94hvc1x", Some((Codec::Hevc, Other, 0))),
            ("vp9", b"\x90vp09x", Some((Codec::OtherFourCc(*b"vp09"), SequenceHeader, 0))),
        ];
        for (name, body, expected) in cases {
            let found = Packet::parse(body).map(|packet| (packet.codec, packet.role, packet.composition_ms));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn the_composition_time_is_changed_where_there_is_one() {
        type Expected = Option<&'static [u8]>;
        let cases: [(&str, &[u8], Expected); 6] = [
            ("avc", &[0x17, 1, 0, 0, 66, 9], Some(&[0x17, 1, 0xFF, 0xFF, 0xFE, 9])),
            ("hevc", b"\x91hvc1\x00\x00\x21x", Some(b"\x91hvc1\xFF\xFF\xFEx")),
            ("hevc without time", b"\x93hvc1x", Some(b"\x91hvc1\xFF\xFF\xFEx")),
            ("av1", b"\x91av01x", None),
            ("enhanced header", b"\x90hvc1x", None),
            ("a header", &[0x17, 0, 0, 0, 0, 1], None),
        ];
        for (name, body, expected) in cases {
            let changed = Packet::parse(body).unwrap().with_composition(body, -2);
            assert_eq!(changed.as_deref(), expected, "{name}");
        }
        let key = [0x17, 1, 0, 0, 0, 9];
        assert_eq!(Packet::parse(&key).unwrap().with_composition(&key, 1 << 23), None);
    }

    #[test]
    fn unsupported_codecs_are_named() {
        assert_eq!(Codec::OtherFourCc(*b"vp09").to_string(), "video codec 'vp09'");
        assert!(!Codec::OtherId(2).is_supported());
        assert!(Codec::Hevc.is_supported());
        assert!(!Codec::Av1.is_supported());
    }

    proptest! {
        #[test]
        fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..32)) {
            if let Some(packet) = Packet::parse(&body) {
                prop_assert!(packet.payload(&Bytes::from(body)).len() < 32);
                prop_assert!((-(1 << 23)..1 << 23).contains(&packet.composition_ms));
            }
        }
    }
}

//! Incremental FLV parser: bytes in any slices, tags out.
//!
//! An error is final: FLV has no marker to find the next tag by, so a broken framing ends the stream.

use bytes::{Buf, BytesMut};
use thiserror::Error;

use super::{Kind, MAX_BODY, Tag};

/// Why a byte stream is not FLV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The first bytes are not `FLV`, version 1.
    #[error("stream does not begin with the FLV signature and version 1: the sender does not speak FLV")]
    NotFlv,
    /// The header announces an impossible length.
    #[error("FLV header of {0} bytes at offset 4: expected 9")]
    HeaderLength(u32),
    /// A tag of unknown or encrypted type.
    #[error("tag type {kind} at offset {offset}: only 8, 9 and 18 without encryption are understood")]
    TagKind {
        /// The byte found.
        kind: u8,
        /// Where the tag starts in the stream.
        offset: u64,
    },
    /// A body beyond [`MAX_BODY`].
    #[error("tag of {size} bytes at offset {offset}: the limit is {MAX_BODY}, lower the key-frame size")]
    TooLarge {
        /// Announced body size.
        size: usize,
        /// Where the tag starts in the stream.
        offset: u64,
    },
    /// The trailing size contradicts the tag: the framing is lost.
    #[error("PreviousTagSize {found} after a tag of {expected} bytes at offset {offset}: bytes were lost")]
    Framing {
        /// The size read.
        found: u32,
        /// Size of header and body.
        expected: usize,
        /// Where the tag starts in the stream.
        offset: u64,
    },
}

/// Takes bytes, gives tags.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: BytesMut,
    past_header: bool,
    offset: u64,
    failed: Option<ParseError>,
}

impl Parser {
    /// A parser at the very start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes further bytes. They are forgotten after an error.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next complete tag, or `None` until more bytes come.
    pub fn next_tag(&mut self) -> Result<Option<Tag>, ParseError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.step().inspect_err(|error| {
            self.failed = Some(*error);
            self.buffer = BytesMut::new();
        })
    }

    /// Whether bytes of an unfinished header or tag are left over.
    pub fn is_mid_tag(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn step(&mut self) -> Result<Option<Tag>, ParseError> {
        if !self.past_header && !self.take_header()? {
            return Ok(None);
        }
        let Some(&[kind, s0, s1, s2, t0, t1, t2, t3, ..]) = self.buffer.get(..11) else {
            return Ok(None);
        };
        let offset = self.offset;
        let kind = match kind {
            8 => Kind::Audio,
            9 => Kind::Video,
            18 => Kind::Script,
            kind => return Err(ParseError::TagKind { kind, offset }),
        };
        let size = usize::from(s0) << 16 | usize::from(s1) << 8 | usize::from(s2);
        if size > MAX_BODY {
            return Err(ParseError::TooLarge { size, offset });
        }
        let expected = size + 11;
        let Some(&[p0, p1, p2, p3]) = self.buffer.get(expected..expected + 4) else {
            return Ok(None);
        };
        let found = u32::from_be_bytes([p0, p1, p2, p3]);
        // Some senders write zero instead of the size; anything else wrong means lost bytes.
        if found != 0 && usize::try_from(found) != Ok(expected) {
            return Err(ParseError::Framing { found, expected, offset });
        }
        self.buffer.advance(11);
        let body = self.buffer.split_to(size).freeze();
        self.buffer.advance(4);
        self.offset += u64::from(u32::try_from(expected).unwrap_or(u32::MAX)) + 4;
        Ok(Some(Tag { kind, timestamp_ms: u32::from_be_bytes([t3, t0, t1, t2]), body }))
    }

    fn take_header(&mut self) -> Result<bool, ParseError> {
        let signature = [b'F', b'L', b'V', 1];
        let seen = self.buffer.len().min(4);
        if self.buffer.get(..seen) != signature.get(..seen) {
            return Err(ParseError::NotFlv);
        }
        let Some(&[_, _, _, _, _, l0, l1, l2, l3, ..]) = self.buffer.get(..13) else {
            return Ok(false);
        };
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        if length != 9 {
            return Err(ParseError::HeaderLength(length));
        }
        self.buffer.advance(13);
        self.offset = 13;
        self.past_header = true;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::flv::{encode, header};

    fn tags() -> impl Strategy<Value = Vec<Tag>> {
        let kind = prop_oneof![Just(Kind::Audio), Just(Kind::Video), Just(Kind::Script)];
        let tag = (kind, any::<u32>(), prop::collection::vec(any::<u8>(), 0..200));
        let tag =
            tag.prop_map(|(kind, timestamp_ms, body)| Tag { kind, timestamp_ms, body: Bytes::from(body) });
        prop::collection::vec(tag, 0..20)
    }

    fn drain(parser: &mut Parser, into: &mut Vec<Tag>) -> Result<(), ParseError> {
        while let Some(tag) = parser.next_tag()? {
            into.push(tag);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_in_any_slices(tags in tags(), slice in 1_usize..97) {
            let mut bytes = header().to_vec();
            bytes.extend_from_slice(&encode(&tags));
            let mut parser = Parser::new();
            let mut read = Vec::new();
            for part in bytes.chunks(slice) {
                parser.push(part);
                drain(&mut parser, &mut read).unwrap();
            }
            prop_assert!(!parser.is_mid_tag());
            prop_assert_eq!(read, tags);
        }

        #[test]
        fn mutated_bytes_end_in_tags_or_one_lasting_error(
            tags in tags(), hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = header().to_vec();
            bytes.extend_from_slice(&encode(&tags));
            for (at, value) in hits {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let mut parser = Parser::new();
            let mut read = Vec::new();
            parser.push(&bytes);
            if let Err(error) = drain(&mut parser, &mut read) {
                parser.push(&header());
                prop_assert_eq!(parser.next_tag(), Err(error));
            }
            prop_assert!(read.iter().map(|tag| tag.body.len()).sum::<usize>() <= bytes.len());
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut parser = Parser::new();
            parser.push(&bytes);
            let mut read = Vec::new();
            prop_assert!(drain(&mut parser, &mut read).is_ok() || parser.next_tag().is_err());
        }
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let with = |tail: &[u8]| [header().as_slice(), tail].concat();
        let cases: [(&str, Vec<u8>, ParseError); 6] = [
            ("http request", b"GET / HTTP/1.1".to_vec(), ParseError::NotFlv),
            ("version 2", b"FLV\x02".to_vec(), ParseError::NotFlv),
            ("header length", b"FLV\x01\x05\0\0\0\x0a\0\0\0\0".to_vec(), ParseError::HeaderLength(10)),
            ("tag kind", with(&[0x28; 11]), ParseError::TagKind { kind: 0x28, offset: 13 }),
            (
                "size",
                with(&[9, 0x40, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
                ParseError::TooLarge { size: MAX_BODY + 1, offset: 13 },
            ),
            (
                "trailing size",
                with(&[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12]),
                ParseError::Framing { found: 12, expected: 11, offset: 13 },
            ),
        ];
        for (name, bytes, expected) in cases {
            let mut parser = Parser::new();
            parser.push(&bytes);
            assert_eq!(parser.next_tag(), Err(expected), "{name}");
        }
    }
}

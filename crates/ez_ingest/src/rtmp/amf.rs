//! Checks AMF0 before anything is allocated for it: structure, nesting, number of values.
//!
//! References (0x07), AMF3 (0x11) and reserved markers are refused: no encoder sends them, and a decoder
//! that follows references can be made to build exponentially large values.
//! Reference: AMF 0 specification, section 2.

use thiserror::Error;

/// Why bytes are not acceptable AMF0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum AmfError {
    #[error("AMF0 data ends inside a value")]
    Truncated,
    #[error("AMF0 marker {0:#04x} is not accepted")]
    Marker(u8),
    #[error("AMF0 values are nested deeper than {0}")]
    TooDeep(usize),
    #[error("AMF0 message has more than {0} values")]
    TooMany(usize),
    #[error("AMF0 text is not UTF-8")]
    NotUtf8,
    #[error("AMF0 object has an empty key without an end marker")]
    ObjectEnd,
}

/// Checks that `bytes` are AMF0 values within the limits. An object that ends with the message, after the
/// empty key but without its end marker, is accepted: some encoders send it so.
pub(crate) fn check(bytes: &[u8], max_depth: usize, max_nodes: usize) -> Result<(), AmfError> {
    let mut scanner = Scanner { bytes, max_depth, max_nodes, nodes: 0 };
    while !scanner.bytes.is_empty() {
        scanner.value(1)?;
    }
    Ok(())
}

struct Scanner<'a> {
    bytes: &'a [u8],
    max_depth: usize,
    max_nodes: usize,
    nodes: usize,
}

impl<'a> Scanner<'a> {
    fn value(&mut self, depth: usize) -> Result<(), AmfError> {
        if depth > self.max_depth {
            return Err(AmfError::TooDeep(self.max_depth));
        }
        self.nodes += 1;
        if self.nodes > self.max_nodes {
            return Err(AmfError::TooMany(self.max_nodes));
        }
        match self.u8()? {
            // Number; boolean; null, undefined, unsupported; date with its time zone.
            0x00 => self.take(8).map(drop),
            0x01 => self.take(1).map(drop),
            0x05 | 0x06 | 0x0d => Ok(()),
            0x0b => self.take(10).map(drop),
            // String; long string and XML document.
            0x02 => self.text().map(drop),
            0x0c | 0x0f => {
                let length = self.u32()?;
                self.utf8(length).map(drop)
            }
            // Object; ECMA array, whose count is only a hint; typed object.
            0x03 => self.properties(depth),
            0x08 => self.take(4).and_then(|_| self.properties(depth)),
            0x10 => self.text().and_then(|_| self.properties(depth)),
            // Strict array: each element takes a byte at least, so a lying count ends soon.
            0x0a => {
                for _ in 0..self.u32()? {
                    self.value(depth + 1)?;
                }
                Ok(())
            }
            marker => Err(AmfError::Marker(marker)),
        }
    }

    fn properties(&mut self, depth: usize) -> Result<(), AmfError> {
        loop {
            if !self.text()?.is_empty() {
                self.value(depth + 1)?;
                continue;
            }
            return match self.bytes.split_first() {
                None => Ok(()),
                Some((0x09, rest)) => {
                    self.bytes = rest;
                    Ok(())
                }
                Some(_) => Err(AmfError::ObjectEnd),
            };
        }
    }

    fn text(&mut self) -> Result<&'a str, AmfError> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        self.utf8(length)
    }

    fn utf8(&mut self, length: usize) -> Result<&'a str, AmfError> {
        std::str::from_utf8(self.take(length)?).map_err(|_| AmfError::NotUtf8)
    }

    fn u8(&mut self) -> Result<u8, AmfError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<usize, AmfError> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| AmfError::Truncated)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], AmfError> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or(AmfError::Truncated)?;
        self.bytes = rest;
        Ok(*head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], AmfError> {
        let (head, rest) = self.bytes.split_at_checked(length).ok_or(AmfError::Truncated)?;
        self.bytes = rest;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtmp_rs::amf::{Amf0Decoder, Amf0Encoder, AmfValue};

    use super::*;

    fn nested(levels: usize) -> Vec<u8> {
        let mut bytes = [0x0a, 0, 0, 0, 1].repeat(levels - 1);
        bytes.push(0x05);
        bytes
    }

    #[test]
    fn limits_and_foreign_markers_are_refused() {
        let cases: [(&str, Vec<u8>, Result<(), AmfError>); 10] = [
            ("as deep as allowed", nested(32), Ok(())),
            ("one deeper", nested(33), Err(AmfError::TooDeep(32))),
            ("as many as allowed", vec![0x05; 64], Ok(())),
            ("one more", vec![0x05; 65], Err(AmfError::TooMany(64))),
            ("reference", vec![0x07, 0, 0], Err(AmfError::Marker(0x07))),
            ("AMF3", vec![0x11, 0x01], Err(AmfError::Marker(0x11))),
            ("lying array", vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x05], Err(AmfError::Truncated)),
            ("lying long string", vec![0x0c, 0xff, 0xff, 0xff, 0xff, b'a'], Err(AmfError::Truncated)),
            ("no end marker at the end", vec![0x03, 0, 1, b'a', 0x05, 0, 0], Ok(())),
            ("no end marker inside", vec![0x03, 0, 1, b'a', 0x05, 0, 0, 0x05], Err(AmfError::ObjectEnd)),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(check(&bytes, 32, 64), expected, "{name}");
        }
    }

    fn value() -> impl Strategy<Value = AmfValue> {
        let leaf = prop_oneof![
            Just(AmfValue::Null),
            any::<bool>().prop_map(AmfValue::Boolean),
            (-1e9..1e9).prop_map(AmfValue::Number),
            "[a-zé]{0,8}".prop_map(AmfValue::String),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(AmfValue::Array),
                prop::collection::hash_map("[a-z]{1,4}", inner.clone(), 0..4).prop_map(AmfValue::Object),
                prop::collection::hash_map("[a-z]{1,4}", inner, 0..4).prop_map(AmfValue::EcmaArray),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_an_encoder_writes_is_accepted(values in prop::collection::vec(value(), 0..4)) {
            let mut encoder = Amf0Encoder::new();
            encoder.encode_all(&values);
            prop_assert_eq!(check(&encoder.finish(), 32, 4096), Ok(()));
        }

        /// What passes here is read by the library without an error: they agree on the structure.
        #[test]
        fn what_is_accepted_can_be_decoded(values in prop::collection::vec(value(), 1..4),
                                           at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut encoder = Amf0Encoder::new();
            encoder.encode_all(&values);
            let mut bytes = encoder.finish().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if check(&bytes, 32, 4096).is_ok() {
                let decoded = Amf0Decoder::new().decode_all(&mut bytes.into());
                prop_assert!(decoded.is_ok(), "{:?}", decoded);
            }
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = check(&bytes, 8, 64);
        }
    }
}

//! One chunk's headers: basic header, message header, extended timestamp (5.3.1). No state.

use rtmp_rs::protocol::constants::EXTENDED_TIMESTAMP_THRESHOLD;

/// What stands before a chunk's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// `fmt`, 0 to 3.
    pub(super) format: u8,
    pub(super) chunk_stream: u32,
    /// Timestamp (type 0) or delta (types 1 and 2; type 3 only if extended).
    pub(super) time: Option<u32>,
    pub(super) is_extended: bool,
    /// Message length and type id (types 0 and 1).
    pub(super) length: Option<(usize, u8)>,
    /// Message stream id (type 0).
    pub(super) stream_id: Option<u32>,
}

/// What a chunk stream remembers of the last extended timestamp field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extended {
    pub(super) value: u32,
    pub(super) is_mid_message: bool,
}

impl Header {
    /// The header at the start of `input` and its size; `None` if it is not complete.
    ///
    /// `extended` tells of a chunk stream what its last extended timestamp was, if it had one. By the
    /// specification type 3 chunks repeat the field. Inside a message not all encoders do: there it is
    /// skipped only if the same four bytes stand there.
    pub(super) fn parse(input: &[u8], extended: impl Fn(u32) -> Option<Extended>) -> Option<(Self, usize)> {
        let (format, chunk_stream, rest) = basic(input)?;
        let mut header =
            Self { format, chunk_stream, time: None, is_extended: false, length: None, stream_id: None };
        let mut rest = rest;
        if format <= 2 {
            header.time = Some(u24(take(&mut rest)?));
        }
        if format <= 1 {
            let length = usize::try_from(u24(take(&mut rest)?)).ok()?;
            let [kind] = take(&mut rest)?;
            header.length = Some((length, kind));
        }
        if format == 0 {
            // The only little-endian field of the protocol.
            header.stream_id = Some(u32::from_le_bytes(take(&mut rest)?));
        }
        if header.time == Some(EXTENDED_TIMESTAMP_THRESHOLD) {
            header.time = Some(u32::from_be_bytes(take(&mut rest)?));
            header.is_extended = true;
        }
        if format == 3 {
            match extended(chunk_stream) {
                Some(Extended { value, is_mid_message: true }) => {
                    let mut ahead = rest;
                    if u32::from_be_bytes(take(&mut ahead)?) == value {
                        rest = ahead;
                    }
                }
                Some(Extended { is_mid_message: false, .. }) => {
                    header.time = Some(u32::from_be_bytes(take(&mut rest)?));
                    header.is_extended = true;
                }
                None => {}
            }
        }
        Some((header, input.len() - rest.len()))
    }
}

fn basic(input: &[u8]) -> Option<(u8, u32, &[u8])> {
    let (&first, rest) = input.split_first()?;
    let format = first >> 6;
    match (first & 0x3f, rest) {
        (0, [low, rest @ ..]) => Some((format, 64 + u32::from(*low), rest)),
        (1, [low, high, rest @ ..]) => Some((format, 64 + u32::from(*low) + 256 * u32::from(*high), rest)),
        (0 | 1, _) => None,
        (id, rest) => Some((format, u32::from(id), rest)),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn u24([a, b, c]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}

//! Chunk reader: agreement with the library on well-formed streams, the dialects, the limits.

use bytes::Bytes;
use proptest::prelude::*;
use rtmp_rs::protocol::chunk::{ChunkDecoder, ChunkEncoder, RtmpChunk};

use super::*;
use crate::wire::{Continuation, Outgoing};

const LIMITS: MessageLimits = MessageLimits::PUBLISHING;

/// Feeds `bytes` in pieces and collects the messages.
fn read_in_pieces(reader: &mut ChunkReader, bytes: &[u8], piece: usize) -> Result<Vec<Message>, ChunkError> {
    let mut input = BytesMut::new();
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece) {
        input.extend_from_slice(piece);
        while let Some(message) = reader.next(&mut input)? {
            messages.push(message);
        }
    }
    Ok(messages)
}

fn read(bytes: &[u8]) -> Result<Vec<Message>, ChunkError> {
    read_in_pieces(&mut ChunkReader::new(LIMITS), bytes, usize::MAX)
}

fn times(bytes: &[u8]) -> Vec<u32> {
    read(bytes).unwrap().into_iter().map(|message| message.timestamp_ms).collect()
}

#[test]
fn extended_timestamps_in_every_dialect() {
    let payload = vec![7; 300];
    for style in [Continuation::Repeated, Continuation::Omitted] {
        for timestamp_ms in [0x00FF_FFFE, 0x00FF_FFFF, 0x0100_0000, 20_000_000, u32::MAX] {
            let sent = Outgoing::media(9, timestamp_ms, payload.clone());
            let bytes = [sent.chunks_in_style(128, style), sent.chunks_in_style(128, style)].concat();
            let got = read(&bytes).unwrap();
            assert_eq!(got.len(), 2, "{style:?} {timestamp_ms}");
            assert!(
                got.iter().all(|message| message.timestamp_ms == timestamp_ms && message.payload == payload),
                "{style:?} {timestamp_ms}"
            );
        }
    }
}

#[test]
fn deltas_after_an_extended_timestamp() {
    let first = Outgoing::media(9, 0x0100_0000, *b"a").chunks(128);
    // Type 1 with a plain delta, then type 2, then type 3 which repeats the delta.
    let plain = [&first[..], b"\x46\0\0\x28\0\0\x01\x09b", b"\x86\0\0\x21c", b"\xc6d"].concat();
    let base = 0x0100_0000;
    assert_eq!(times(&plain), [base, base + 40, base + 73, base + 106]);
    // Absolute time in the extended field of a delta header, then type 3 with the next absolute time.
    let absolute = [&first[..], b"\x46\xff\xff\xff\0\0\x01\x09\x01\0\0\x28b", b"\xc6\x01\0\0\x50c"].concat();
    assert_eq!(times(&absolute), [base, base + 40, base + 80]);
    // Type 3 right after type 0 that repeats its very field.
    let repeated = [&first[..], b"\xc6\x01\0\0\0b"].concat();
    assert_eq!(times(&repeated), [base, base]);
    // Without an extended timestamp, type 3 after type 0 takes the timestamp as its delta (5.3.1.2.4).
    let small = [&Outgoing::media(9, 40, *b"a").chunks(128)[..], b"\xc6b"].concat();
    assert_eq!(times(&small), [40, 80]);
}

#[test]
fn chunk_stream_ids_of_all_three_sizes() {
    let body = b"\0\0\0\0\0\x01\x08\x01\0\0\0x";
    for basic in [&b"\x02"[..], b"\x3f", b"\x00\x00", b"\x00\xff", b"\x01\x00\x01", b"\x01\xff\xff"] {
        assert_eq!(read(&[basic, body].concat()).unwrap().len(), 1, "{basic:?}");
    }
}

#[test]
fn interleaved_messages_and_abort() {
    let video = Outgoing { chunk_stream: 6, ..Outgoing::media(9, 1, vec![1; 200]) }.chunks(128);
    let audio = Outgoing { chunk_stream: 4, ..Outgoing::media(8, 2, vec![2; 10]) }.chunks(128);
    let (head, tail) = video.split_at(12 + 128);
    let got = read(&[head, &audio, tail].concat()).unwrap();
    assert_eq!(got.iter().map(|message| message.kind).collect::<Vec<_>>(), [8, 9]);

    let mut reader = ChunkReader::new(LIMITS);
    assert_eq!(read_in_pieces(&mut reader, head, 7).unwrap(), []);
    reader.abort(6);
    assert_eq!(reader.partial_bytes, 0);
    assert_eq!(read_in_pieces(&mut reader, &video, 7).unwrap().len(), 1, "starts afresh");
}

#[test]
fn every_limit_ends_the_session() {
    let header = |kind: u8, length: usize| Outgoing::media(kind, 0, vec![0; length]).chunks(usize::MAX);
    let limit = LIMITS.message;
    let cases = [
        ("video", header(9, limit + 1)[..12].to_vec(), "message of type 9 and 4194305 bytes"),
        ("command", header(20, LIMITS.command + 1)[..12].to_vec(), "message of type 20 and 65537 bytes"),
        ("unknown type", header(99, LIMITS.command + 1)[..12].to_vec(), "message of type 99"),
        ("control", header(1, 33)[..12].to_vec(), "message of type 1 and 33 bytes"),
        ("no header before", b"\x86\0\0\0".to_vec(), "chunk stream 6 begins with a header that omits"),
        (
            "inside",
            [&header(9, 200)[..12 + 128], b"\x06\0\0\0\0\0\x01\x09\x01\0\0\0"].concat(),
            "inside another",
        ),
    ];
    for (name, bytes, expected) in cases {
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let exactly = Outgoing::media(9, 0, vec![0; limit]).chunks(128);
    assert_eq!(read(&exactly).unwrap().len(), 1, "the limit itself is allowed");

    // Two-byte basic headers: chunk streams 64 to 128.
    let body = b"\0\0\0\0\0\x01\x08\x01\0\0\0x";
    let streams: Vec<u8> = (0..65_u8).flat_map(|id| [&[0, id][..], body].concat()).collect();
    let (allowed, _) = streams.split_at(64 * (2 + body.len()));
    assert_eq!(read(allowed).unwrap().len(), 64);
    assert_eq!(read(&streams).unwrap_err(), ChunkError::TooManyStreams(64));
}

#[test]
fn chunk_sizes_out_of_bounds_are_refused() {
    let mut reader = ChunkReader::new(LIMITS);
    for size in [0, 65_537, 0x7FFF_FFFF] {
        assert!(reader.set_chunk_size(size).is_err(), "{size}");
    }
    for size in [1, 128, 65_536] {
        reader.set_chunk_size(size).unwrap();
    }
}

#[test]
fn unfinished_messages_cost_what_was_sent_and_no_more_than_the_limit() {
    let mut reader = ChunkReader::new(LIMITS);
    let mut input = BytesMut::new();
    // 60 streams announce 4 MiB each and send one chunk.
    for id in 2..62_u8 {
        let message = Outgoing { chunk_stream: id, ..Outgoing::media(9, 0, vec![0; LIMITS.message]) };
        input.extend_from_slice(&message.chunks(128)[..12 + 128]);
    }
    assert_eq!(reader.next(&mut input), Ok(None));
    assert!(reader.held_bytes() < 60 * 512, "{}", reader.held_bytes());
    // Then they go on sending until the sum is too much.
    let error = loop {
        let mut input: BytesMut = (2..62_u8).flat_map(|id| [&[0xc0 | id][..], &[0; 128]].concat()).collect();
        match reader.next(&mut input) {
            Ok(None) => assert!(reader.held_bytes() < 3 * LIMITS.partial_bytes),
            other => break other.unwrap_err(),
        }
    };
    assert_eq!(error, ChunkError::TooManyPartialBytes(LIMITS.partial_bytes));
}

fn message() -> impl Strategy<Value = RtmpChunk> {
    let payload = prop::collection::vec(any::<u8>(), 1..600).prop_map(Bytes::from);
    // Kinds and times as encoders use them: below the extended range, where the library's encoder errs.
    (2_u32..400, prop_oneof![Just(8_u8), Just(9), Just(18)], 0_u32..2, 0_u32..60, payload).prop_map(
        |(csid, message_type, stream_id, timestamp, payload)| RtmpChunk {
            csid,
            timestamp,
            message_type,
            stream_id,
            payload,
        },
    )
}

proptest! {
    /// Same messages as the library's decoder out of the library's encoder, however the bytes are cut.
    #[test]
    fn agrees_with_the_library(mut messages in prop::collection::vec(message(), 1..20), chunk_size in 1_u32..700, piece in 1_usize..900) {
        // Few chunk streams, so that headers are compressed; time that only grows in each.
        let mut clock = 0;
        for message in &mut messages {
            message.csid = 3 + message.csid % 3 * 100;
            clock += message.timestamp;
            message.timestamp = clock;
        }
        let mut encoder = ChunkEncoder::new();
        encoder.set_chunk_size(chunk_size);
        let mut bytes = BytesMut::new();
        messages.iter().for_each(|message| encoder.encode(message, &mut bytes));

        let mut reader = ChunkReader::new(LIMITS);
        reader.set_chunk_size(chunk_size).unwrap();
        let ours = read_in_pieces(&mut reader, &bytes, piece).unwrap();

        let mut decoder = ChunkDecoder::new();
        decoder.set_chunk_size(chunk_size);
        let mut theirs = Vec::new();
        while !bytes.is_empty() {
            theirs.extend(decoder.decode(&mut bytes).unwrap());
        }
        let theirs: Vec<_> = theirs.into_iter().map(|chunk| Message {
            kind: chunk.message_type, timestamp_ms: chunk.timestamp, stream_id: chunk.stream_id, payload: chunk.payload,
        }).collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn random_bytes_never_panic_nor_hold_more_than_they_sent(bytes in prop::collection::vec(any::<u8>(), 0..2000), chunk_size in 1_u32..=65_536, piece in 1_usize..100) {
        let mut reader = ChunkReader::new(LIMITS);
        reader.set_chunk_size(chunk_size).unwrap();
        let _ = read_in_pieces(&mut reader, &bytes, piece);
        prop_assert!(reader.held_bytes() <= 4 * bytes.len() + 64 * 256);
    }
}

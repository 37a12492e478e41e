//! Sessions as bytes: dialects, answers, and anything that a stranger may send.
//!
//! `tests/data/ffmpeg.rtmp` is what ffmpeg 8.1 sent to this listener in one second of
//! `-c:v libx264 -c:a aac -f flv rtmp://127.0.0.1/live/KEY`, recorded by a TCP proxy.
//! `tests/data/obs.rtmp` is what OBS Studio 29.0.2 sent in three seconds between Start and Stop
//! Streaming: 160x90 at 30 frames per second, x264 and AAC, recorded in the same way.

use bytes::Bytes;
use ez_contribution::flv::Kind;
use proptest::prelude::*;
use rtmp_rs::amf::AmfValue;

use super::*;
use crate::wire::{self, Outgoing};

const CAPTURE: &[u8] = include_bytes!("../../tests/data/ffmpeg.rtmp");
const OBS_CAPTURE: &[u8] = include_bytes!("../../tests/data/obs.rtmp");
/// The key that OBS was given.
const OBS_KEY: &str = "a7ec5b4ca003769f76954586f1ba4558";

fn session() -> Session {
    Session::new(MessageLimits::UNAUTHENTICATED, MessageLimits::PUBLISHING)
}

/// What came of a whole connection's bytes, when publishes with `KEY` and `OBS_KEY` are let in.
#[derive(Debug, Default)]
struct Outcome {
    tags: Vec<Tag>,
    name: Option<Name>,
    unpublished: bool,
    error: Option<String>,
    output: BytesMut,
    most_held_before_publish: usize,
}

fn run(bytes: &[u8], piece: usize) -> Outcome {
    let (mut session, mut outcome, mut input) = (session(), Outcome::default(), BytesMut::new());
    for piece in bytes.chunks(piece) {
        input.extend_from_slice(piece);
        loop {
            let step = session.step(&mut input);
            if !matches!(session.phase, Phase::Publishing { .. }) {
                let held = session.held_bytes();
                outcome.most_held_before_publish = outcome.most_held_before_publish.max(held);
            }
            match step {
                Ok(Some(Step::Publish(name))) => {
                    match name.stream_key.as_str() {
                        "KEY" | OBS_KEY => session.accept_publish(),
                        _ => session.refuse_publish("no"),
                    }
                    outcome.name = Some(name);
                }
                Ok(Some(Step::Tag(tag))) => outcome.tags.push(tag),
                Ok(Some(Step::Unpublished)) => outcome.unpublished = true,
                Ok(Some(Step::Closed)) => {}
                Ok(None) => break,
                Err(error) => {
                    outcome.error = Some(error.to_string());
                    return outcome;
                }
            }
            outcome.output.extend_from_slice(&session.take_output());
        }
        outcome.output.extend_from_slice(&session.take_output());
    }
    outcome
}

fn count(tags: &[Tag], kind: Kind) -> usize {
    tags.iter().filter(|tag| tag.kind == kind).count()
}

#[test]
fn the_capture_of_a_real_encoder_is_understood_in_any_slices() {
    let whole = run(CAPTURE, CAPTURE.len());
    assert_eq!(whole.error, None);
    assert_eq!(whole.name.as_ref().map(|name| (&*name.app, &*name.stream_key)), Some(("live", "KEY")));
    // 25 pictures and their configuration; one script tag; it says goodbye.
    assert_eq!(count(&whole.tags, Kind::Video), 25 + 2, "configuration, pictures, end of sequence");
    assert_eq!(count(&whole.tags, Kind::Script), 1);
    assert!(whole.tags[0].body.starts_with(b"\x02\x00\x0aonMetaData"), "{:?}", whole.tags[0]);
    assert!(whole.unpublished);
    for piece in [1, 2, 127, 1537, 4096] {
        let pieces = run(CAPTURE, piece);
        assert_eq!(pieces.tags, whole.tags, "in pieces of {piece}");
        assert!(pieces.unpublished);
    }
}

#[test]
fn the_capture_of_obs_is_understood_in_any_slices() {
    let whole = run(OBS_CAPTURE, OBS_CAPTURE.len());
    assert_eq!(whole.error, None);
    assert_eq!(whole.name.as_ref().map(|name| (&*name.app, &*name.stream_key)), Some(("live", OBS_KEY)));
    assert_eq!(count(&whole.tags, Kind::Video), 1 + 83, "configuration, pictures; no end of sequence");
    assert_eq!(whole.tags.iter().filter(|tag| tag.body.starts_with(b"\x17\x00")).count(), 1);
    assert!(whole.tags[0].body.starts_with(b"\x02\x00\x0aonMetaData"), "{:?}", whole.tags[0]);
    assert!(whole.unpublished);
    for piece in [1, 127, 1537] {
        assert_eq!(run(OBS_CAPTURE, piece).tags, whole.tags, "in pieces of {piece}");
    }
}

/// A title in Latin-1, as flvenc copies it, and a message that is no AMF at all.
#[test]
fn a_data_message_never_ends_a_publish() {
    let metadata =
        [&b"\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x05title"[..], b"\x02\x00\x04Caf\xE9"].concat();
    let framed = [&metadata[..], b"\x00\x00\x09"].concat();
    let picture = b"\x17\x01\x00\x00\x00picture";
    for (data, expected) in [(framed.clone(), Some(framed)), (b"\x11nonsense".to_vec(), None)] {
        let messages = [Outgoing::media(18, 0, data), Outgoing::media(9, 0, *picture)];
        let bytes = messages.into_iter().flat_map(|message| message.chunks(128));
        let outcome = run(&wire::prologue("live", "KEY").into_iter().chain(bytes).collect::<Vec<_>>(), 64);
        assert_eq!(outcome.error, None);
        let of = |kind| outcome.tags.iter().find(|tag| tag.kind == kind).map(|tag| tag.body.to_vec());
        assert_eq!(of(Kind::Script), expected);
        assert_eq!(of(Kind::Video).as_deref(), Some(&picture[..]));
    }
}

#[test]
fn an_unfinished_prologue_stays_below_the_memory_of_a_stranger() {
    // 2 KiB of read buffer come on top.
    let limit = 14 * 1024;
    let prologue = wire::prologue("live", "KEY");
    assert!(run(&prologue, 2048).most_held_before_publish < limit);
    // Half a message on each of eight chunk streams, then a flood of calls that want answers.
    let flood: Vec<u8> = (2..10_u8)
        .flat_map(|id| {
            let message = Outgoing { chunk_stream: id, ..Outgoing::media(20, 0, vec![0; 4000]) };
            message.chunks(128)[..12 + 128].to_vec()
        })
        .chain((0..1000).flat_map(|_| wire::call("nonsense", 9, AmfValue::Null).chunks(128)))
        .collect();
    for hostile in [flood, wire::call("nonsense", 9, AmfValue::Null).chunks(128).repeat(1000)] {
        let outcome = run(&[wire::handshake(), hostile].concat(), 2048);
        assert!(outcome.error.is_some());
        assert!(outcome.most_held_before_publish < limit, "{}", outcome.most_held_before_publish);
    }
}

#[test]
fn strangers_are_told_apart_at_the_first_byte_or_the_first_wrong_message() {
    let greeted = |message: Outgoing| [wire::handshake(), message.chunks(128)].concat();
    let connected =
        |message: Outgoing| [greeted(wire::connect("live", "rtmp://h/live")), message.chunks(128)].concat();
    let window = |size: u32| Outgoing::control(1, size.to_be_bytes());
    let cases = [
        ("TLS hello", b"\x16\x03\x01\x02\x00".to_vec(), "first byte 0x16"),
        ("HTTP", b"GET / HTTP/1.1\r\n".to_vec(), "first byte 0x47"),
        ("RTMPE", vec![6], "first byte 0x06"),
        ("early video", connected(Outgoing::media(9, 0, *b"x")), "media before an accepted"),
        ("early data", connected(Outgoing::media(18, 0, *b"\x02\0\0")), "media before an accepted"),
        ("early aggregate", greeted(Outgoing::media(22, 0, *b"x")), "media before an accepted"),
        ("publish first", greeted(wire::publish("KEY")), "`publish` before `connect`"),
        ("createStream first", greeted(wire::call("createStream", 1, AmfValue::Null)), "before `connect`"),
        ("connect twice", connected(wire::connect("live", "")), "`connect` for the second time"),
        ("chunk size 0", greeted(window(0)), "chunk size 0"),
        ("huge chunk size", greeted(window(0x7FFF_FFFF)), "chunk size 2147483647"),
        ("short control", greeted(Outgoing::control(1, [0])), "type 1 is too short"),
        ("huge command", greeted(Outgoing::media(20, 0, vec![0; 70_000])), "the limit is 4096"),
        ("not AMF", greeted(Outgoing::media(20, 0, vec![0xee; 9])), "AMF0 marker 0xee"),
        ("AMF without a name", greeted(Outgoing::media(20, 0, vec![5; 3])), "does not begin with a name"),
    ];
    for (name, bytes, expected) in cases {
        let outcome = run(&bytes, usize::MAX);
        let error = outcome.error.unwrap_or_default();
        assert!(error.contains(expected), "{name}: {error:?}");
        assert_eq!(outcome.tags, []);
    }
}

/// Server messages out of the output of a session.
fn answers(output: &BytesMut) -> Vec<Message> {
    let mut input = output.clone();
    let _handshake = input.split_to(1 + 2 * 1536);
    let mut reader = ChunkReader::new(MessageLimits::PUBLISHING);
    let mut messages = Vec::new();
    while let Some(message) = reader.next(&mut input).unwrap() {
        if message.kind == 1 {
            reader.set_chunk_size(word(&message, 0).unwrap()).unwrap();
        }
        messages.push(message);
    }
    messages
}

fn has(messages: &[Message], needle: &str) -> bool {
    messages
        .iter()
        .any(|message| message.payload.windows(needle.len()).any(|window| window == needle.as_bytes()))
}

#[test]
fn answers_come_in_the_order_that_encoders_wait_for() {
    let ping = Outgoing::control(4, *b"\0\x06\0\0\x12\x34");
    let bytes = [wire::prologue("live", "KEY"), ping.chunks(128)].concat();
    let messages = answers(&run(&bytes, 100).output);
    let kinds: Vec<u8> = messages.iter().map(|message| message.kind).collect();
    // Window, bandwidth, chunk size, connect's result; releaseStream; FCPublish twice; createStream;
    // StreamBegin, Publish.Start; the pong.
    assert_eq!(kinds, [5, 6, 1, 20, 20, 20, 20, 20, 4, 20, 4]);
    assert!(has(&messages[3..4], "NetConnection.Connect.Success"));
    assert!(has(&messages[9..10], "NetStream.Publish.Start"));
    assert_eq!(messages[10].payload, Bytes::from_static(b"\0\x07\0\0\x12\x34"));
}

#[test]
fn a_refused_publish_is_told_bad_name_and_nothing_after_it_is_heard() {
    let bytes = [wire::prologue("live", "WRONG"), Outgoing::media(9, 0, *b"x").chunks(128)].concat();
    let outcome = run(&bytes, usize::MAX);
    let messages = answers(&outcome.output);
    assert!(has(&messages, "NetStream.Publish.BadName") && !has(&messages, "Publish.Start"));
    assert_eq!((outcome.tags.len(), outcome.error), (0, None));
}

#[test]
fn players_and_unknown_calls_are_answered() {
    let connect = wire::connect("live", "rtmp://h/live").chunks(128);
    let play = [wire::handshake(), connect.clone(), wire::call("play", 0, AmfValue::from("KEY")).chunks(128)];
    assert!(has(&answers(&run(&play.concat(), 64).output), "NetStream.Play.StreamNotFound"));
    let unknown = [wire::handshake(), connect, wire::call("_whatever", 7, AmfValue::Null).chunks(128)];
    assert!(has(&answers(&run(&unknown.concat(), 64).output), "NetConnection.Call.Failed"));
}

#[test]
fn acknowledgements_follow_the_window_of_the_peer() {
    let window = Outgoing::control(5, 10_000_u32.to_be_bytes());
    let media = Outgoing::media(9, 0, vec![1; 1000]).chunks(128).repeat(100);
    let bytes = [wire::prologue("live", "KEY"), window.chunks(128), media].concat();
    let messages = answers(&run(&bytes, 500).output);
    let acknowledged: Vec<u32> = messages
        .iter()
        .filter(|message| message.kind == 3)
        .map(|message| word(message, 0).unwrap())
        .collect();
    assert_eq!(acknowledged.len(), bytes.len() / 10_500, "{acknowledged:?}");
    assert!(
        acknowledged.is_sorted() && usize::try_from(*acknowledged.last().unwrap()).unwrap() <= bytes.len()
    );
}

#[test]
fn chunk_size_may_change_at_any_time() {
    let payload: Vec<u8> = (0..5000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut bytes = wire::prologue("live", "KEY");
    let sizes = [1_u32, 4096, 65_536, 127, 60_000];
    let mut chunk_size = 128;
    for size in sizes {
        bytes.extend(Outgoing::control(1, size.to_be_bytes()).chunks(chunk_size));
        chunk_size = usize::try_from(size).unwrap();
        bytes.extend(Outgoing::media(9, size, payload.clone()).chunks(chunk_size));
    }
    let outcome = run(&bytes, 777);
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.tags.iter().map(|tag| tag.timestamp_ms).collect::<Vec<_>>(), sizes);
    assert!(outcome.tags.iter().all(|tag| tag.body == payload));
}

#[test]
fn dialects_of_ending() {
    for name in ["FCUnpublish", "deleteStream", "closeStream"] {
        let end = wire::call(name, 6, AmfValue::from(1.0)).chunks(128);
        let outcome = run(&[wire::prologue("live", "KEY"), end.clone()].concat(), 64);
        assert!(outcome.unpublished, "{name}");
        // Before the publish it means nothing.
        let connect = wire::connect("live", "").chunks(128);
        let early = run(&[wire::handshake(), connect, end, wire::publish("KEY").chunks(128)].concat(), 64);
        assert!(early.name.is_some() && !early.unpublished, "{name}");
    }
}

#[derive(Debug, Clone)]
enum Mutation {
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Delete(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Truncate(prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use Mutation::{Delete, Flip, Insert, Repeat, Truncate};
    let at = any::<prop::sample::Index>;
    prop_oneof![
        8 => (at(), any::<u8>()).prop_map(|(at, byte)| Flip(at, byte)),
        2 => (at(), prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Insert(at, bytes)),
        2 => (at(), 1..400_usize).prop_map(|(at, length)| Delete(at, length)),
        1 => (at(), 1..400_usize).prop_map(|(at, length)| Repeat(at, length)),
        1 => at().prop_map(Truncate),
    ]
}

/// Changes `bytes`, but neither the handshake nor, mostly, more than the commands after it: most of a
/// session's decisions lie there.
fn mutate(bytes: &mut Vec<u8>, mutations: &[Mutation], reach: usize) {
    for mutation in mutations {
        let (start, end) = (3073, bytes.len().min(3073 + reach));
        if start >= end {
            return;
        }
        let place = |at: &prop::sample::Index| start + at.index(end - start);
        match mutation {
            Mutation::Flip(at, byte) => bytes[place(at)] ^= byte,
            Mutation::Insert(at, inserted) => {
                let at = place(at);
                bytes.splice(at..at, inserted.iter().copied());
            }
            Mutation::Delete(at, length) => {
                let at = place(at);
                bytes.drain(at..end.min(at + length));
            }
            Mutation::Repeat(at, length) => {
                let at = place(at);
                bytes.extend_from_within(at..end.min(at + length));
            }
            Mutation::Truncate(at) => bytes.truncate(place(at)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_captures_never_panic(mutations in prop::collection::vec(mutation(), 1..8),
                                    reach in prop_oneof![Just(900_usize), Just(usize::MAX / 2)], piece in 1_usize..5000) {
        let mut bytes = CAPTURE.to_vec();
        mutate(&mut bytes, &mutations, reach);
        let outcome = run(&bytes, piece);
        prop_assert!(outcome.name.is_some() || outcome.tags.is_empty(), "media without a publish");
    }

    #[test]
    fn random_bytes_after_the_handshake_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000), piece in 1_usize..3000) {
        let outcome = run(&[wire::handshake(), bytes].concat(), piece);
        prop_assert!(outcome.tags.is_empty());
        prop_assert!(outcome.most_held_before_publish < 16 * 1024, "{}", outcome.most_held_before_publish);
    }

    #[test]
    fn random_bytes_inside_a_publish_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000), piece in 1_usize..3000) {
        let _ = run(&[wire::prologue("live", "KEY"), bytes].concat(), piece);
    }
}

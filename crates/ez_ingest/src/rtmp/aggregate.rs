//! Aggregate messages (type 22): FLV tags in one message, on the aggregate's own clock.
//! Reference: Adobe RTMP specification 1.0, section 7.1.6.

use bytes::{Buf, Bytes};

use super::chunk::Message;

/// Takes the messages inside apart; stops at the first that is cut off.
///
/// The inner timestamps are moved so that the first one equals the aggregate's.
pub(crate) fn split(aggregate: &Message) -> Vec<Message> {
    let mut rest = aggregate.payload.clone();
    let mut messages = Vec::new();
    let mut first_time = None;
    while let Some((kind, time, payload)) = next(&mut rest) {
        let first_time = *first_time.get_or_insert(time);
        messages.push(Message {
            kind,
            timestamp_ms: aggregate.timestamp_ms.wrapping_add(time.wrapping_sub(first_time)),
            stream_id: aggregate.stream_id,
            payload,
        });
    }
    messages
}

/// One FLV tag: header of 11 bytes, body, back pointer of 4.
fn next(rest: &mut Bytes) -> Option<(u8, u32, Bytes)> {
    let &[kind, s0, s1, s2, t0, t1, t2, t3, ..] = rest.get(..11)? else {
        return None;
    };
    let size = usize::from(s0) << 16 | usize::from(s1) << 8 | usize::from(s2);
    if rest.len() < 11 + size {
        return None;
    }
    rest.advance(11);
    let body = rest.split_to(size);
    rest.advance(rest.len().min(4));
    Some((kind, u32::from_be_bytes([t3, t0, t1, t2]), body))
}

#[cfg(test)]
mod tests {
    use ez_contribution::flv::{self, Kind, Tag};
    use proptest::prelude::*;

    use super::*;

    fn tag(timestamp_ms: u32, body: &'static [u8]) -> Bytes {
        flv::encode(&[Tag { kind: Kind::Video, timestamp_ms, body: Bytes::from_static(body) }])
    }

    #[test]
    fn inner_timestamps_follow_the_aggregate() {
        let payload = [tag(20_000_000, b"a"), tag(20_000_040, b"bc"), tag(20_000_030, b"")].concat();
        let payload = Bytes::from([&payload[..], b"\x09\x00\x00\x05cut"].concat());
        let aggregate = Message { kind: 22, timestamp_ms: 1000, stream_id: 1, payload };
        let got: Vec<_> = split(&aggregate)
            .into_iter()
            .map(|message| (message.kind, message.timestamp_ms, message.payload))
            .collect();
        let want = [(9, 1000, "a"), (9, 1040, "bc"), (9, 1030, "")];
        assert_eq!(got, want.map(|(kind, time, body)| (kind, time, Bytes::from_static(body.as_bytes()))));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = split(&Message { kind: 22, timestamp_ms: 7, stream_id: 1, payload: bytes.into() });
        }
    }
}

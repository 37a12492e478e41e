//! Arbitrary histories: whatever comes, the invariants hold.

use std::time::Duration;

use proptest::prelude::*;

use super::feed::{
    Encoder, MONO_48, Rig, STEREO_44, Written, aac, aac_header, avc_header, hevc_header, is_silence, ms,
    picture, settings, tag,
};
use crate::flv::{Kind, Tag};
use crate::media::video::Role;
use crate::timeline::{Event, Settings, Still};

/// What can happen to a contribution.
#[derive(Debug, Clone)]
enum Happening {
    Start,
    End,
    Wait(u64),
    LeapWithoutTick(u64),
    HeldUp(u64),
    Push(Tag),
    Regular { encoder: u8, from: u64, length: u64, shift: u32, burst: bool },
    BeginPeriod(Option<u64>),
    Still,
}

fn any_tag() -> impl Strategy<Value = Tag> {
    let timestamp = prop_oneof![any::<u32>(), 0_u32..5000, (1_u32 << 24) - 500..(1 << 24) + 500];
    let shape = prop_oneof![Just(0_u8), Just(1), Just(2), Just(3), Just(4), Just(5), Just(6), Just(7),];
    let body = prop::collection::vec(any::<u8>(), 0..12);
    (timestamp, shape, any::<u8>(), 1_u8..4, body).prop_map(
        |(at, shape, composition, id, body)| match shape {
            0 => avc_header(at, id),
            1 => picture(at, true, composition, id),
            2 => picture(at, false, composition, id),
            3 => aac_header(at, if id == 1 { STEREO_44 } else { MONO_48 }),
            4 => aac(at, id),
            5 => hevc_header(at),
            6 => tag(Kind::Script, at, &body),
            // Composition times of hours.
            _ => tag(Kind::Video, at, &[0x17, 1, composition, composition, composition, id]),
        },
    )
}

fn happening() -> impl Strategy<Value = Happening> {
    let regular = (1_u8..4, 0_u64..6000, 1_u64..3000, prop_oneof![Just(0), any::<u32>()], any::<bool>());
    prop_oneof![
        2 => Just(Happening::Start),
        1 => Just(Happening::End),
        2 => (0_u64..4000).prop_map(Happening::Wait),
        1 => (0_u64..20_000).prop_map(Happening::LeapWithoutTick),
        1 => (0_u64..20_000).prop_map(Happening::HeldUp),
        8 => any_tag().prop_map(Happening::Push),
        6 => regular.prop_map(|(encoder, from, length, shift, burst)| {
            Happening::Regular { encoder, from, length, shift, burst }
        }),
        1 => prop::option::of(0_u64..60_000).prop_map(Happening::BeginPeriod),
        1 => Just(Happening::Still),
    ]
}

fn encoder(id: u8) -> Encoder {
    match id {
        1 => Encoder::A,
        2 => Encoder::C,
        _ => Encoder { id: 3, base: u32::MAX - 1500, rate: 60, gop: 13, composition: 33, audio: None },
    }
}

fn apply(rig: &mut Rig, happening: Happening) {
    let now = u64::try_from(rig.now.as_millis()).unwrap();
    match happening {
        Happening::Start => rig.start(now),
        Happening::End => rig.end(now),
        Happening::Wait(time) => rig.until(ms(now + time)),
        Happening::LeapWithoutTick(time) => rig.now += ms(time),
        Happening::HeldUp(time) => {
            rig.now += ms(time);
            rig.contribution.listen_again(rig.now);
        }
        Happening::Push(tag) => rig.push(tag),
        Happening::Regular { encoder: id, from, length, shift, burst } => {
            for (time, mut tag) in encoder(id).tags(from, from + length) {
                if !burst {
                    rig.until(ms(now + time - from));
                }
                tag.timestamp_ms = tag.timestamp_ms.wrapping_add(shift);
                rig.push(tag);
            }
        }
        Happening::BeginPeriod(from) => rig.begin_period(from.map(Duration::from_millis)),
        Happening::Still => {
            let still = Still::new(avc_header(0, 9).body, picture(0, true, 0, 9).body).unwrap();
            if let Ok(output) = rig.contribution.set_still(still, rig.now) {
                rig.take(output);
            }
        }
    }
}

/// Two or more periods may begin before media comes: anchors belong to the periods with output.
fn check(rig: &mut Rig) {
    rig.periods.retain(|period| !period.is_empty());
    assert_eq!(rig.periods.len(), rig.anchors.len(), "one anchor for each period with media");
    rig.check();
}

proptest! {
    #[test]
    fn invariants_hold_in_any_history(
        fill_gaps in any::<bool>(),
        settle in prop_oneof![Just(0_u64), Just(100)],
        replay_bytes in prop_oneof![Just(2000_usize), Just(1 << 20)],
        history in prop::collection::vec(happening(), 1..40),
    ) {
        let settings = Settings { fill_gaps, settle: ms(settle), replay_bytes, ..settings(30) };
        let mut rig = Rig::new(settings);
        rig.is_sane = false;
        apply(&mut rig, Happening::Start);
        for happening in history {
            apply(&mut rig, happening);
        }
        check(&mut rig);
    }

    /// Sane encoders that drop and return at any time, in any order, with any clock.
    #[test]
    fn gaps_and_returns_leave_no_hole_and_no_shift(
        sessions in prop::collection::vec(
            (1_u8..3, 600_u64..4000, 0_u64..3000, any::<bool>(), any::<u32>()), 1..6,
        ),
    ) {
        let mut rig = Rig::new(settings(30));
        let mut bounds = Vec::new();
        let mut now = 0;
        for (id, length, gap, says_goodbye, base) in sessions {
            rig.start(now);
            let encoder = Encoder { base, ..encoder(id) };
            let before = rig.written().len();
            rig.feed(&encoder, now, 0, length);
            bounds.push((before, rig.written().len(), encoder));
            now += length;
            if says_goodbye {
                rig.end(now);
            }
            now += gap;
        }
        rig.until(ms(now));
        rig.check();
        prop_assert!(!rig.events.contains(&Event::FillingEnded) || rig.events.contains(&Event::FillingBegan));
        // One cadence through live audio, silence and back.
        let audio: Vec<_> = rig.frames(false).iter().map(|one| one.dts()).collect();
        for pair in audio.windows(2) {
            prop_assert!((20..=25).contains(&(pair[1] - pair[0])), "{pair:?}");
        }
        let mut video: Vec<_> = rig.frames(true).iter().map(|one| one.pts()).collect();
        video.sort_unstable();
        for pair in video.windows(2) {
            prop_assert!(pair[1] - pair[0] <= 600, "{pair:?}");
        }
        for (from, to, encoder) in bounds {
            let session = &rig.written()[from..to];
            let video = shifts(session, &encoder, true);
            let audio = shifts(session, &encoder, false);
            let (Some(video), Some(audio)) = (video, audio) else { continue };
            // Half an audio frame, and the roundings to milliseconds.
            prop_assert!(video.1 - video.0 <= 1, "{video:?} {encoder:?}");
            prop_assert!(audio.1 - audio.0 <= 1, "{audio:?} {encoder:?}");
            prop_assert!((audio.0 - video.0).abs() <= 12 + 2, "{video:?} {audio:?} {encoder:?}");
        }
    }
}

/// By how many ms a session's pictures and audio were moved: least and most of each.
fn shifts(session: &[Written], encoder: &Encoder, is_video: bool) -> Option<(i64, i64)> {
    let is_live = |one: &&Written| {
        let is_moved = if is_video { one.role() == Role::Frame } else { !is_silence(&one.tag.body) };
        one.is_video() == is_video && !one.is_header() && one.id() == encoder.id && is_moved
    };
    let shifts: Vec<_> = session.iter().filter(is_live).map(|one| one.shift(encoder.base)).collect();
    Some((*shifts.iter().min()?, *shifts.iter().max()?))
}

//! Histories with known right answers.

use bytes::Bytes;

use super::feed::{
    Encoder, MONO_48, Rig, STEREO_44, Written, aac_header, avc_header, hevc_header, is_silence, ms, picture,
    settings, tag,
};
use crate::flv::Kind;
use crate::media::video::{Codec, Role};
use crate::timeline::{Event, State, Still, StillError, Unsupported};

/// Largest distance of the presentation times of neighbouring frames, from `from` ms on.
fn largest_hole(frames: &[&Written], from: i64) -> i64 {
    let mut times: Vec<_> = frames.iter().map(|one| one.pts()).filter(|at| *at >= from).collect();
    times.sort_unstable();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
}

/// Audio minus video offset of a publisher in the output, by its first picture and its encoder time.
fn offsets(rig: &Rig, encoder: &Encoder) -> (i64, i64) {
    let of = |is_video: bool| {
        let frames = rig.frames(is_video);
        let live: Vec<_> =
            frames.iter().filter(|one| one.id() == encoder.id && !is_silence(&one.tag.body)).collect();
        live.last().unwrap().dts()
    };
    (of(true), of(false))
}

#[test]
fn first_period_starts_at_zero_and_keeps_the_encoders_spacing() {
    let mut rig = Rig::new(settings(30));
    rig.start(700);
    rig.feed(&Encoder { base: 123_456, ..Encoder::A }, 1000, 0, 3000);
    rig.check();
    assert_eq!(rig.anchors[0].origin, ms(1000), "arrival of the first key frame");
    let video: Vec<_> = rig.frames(true).iter().map(|one| one.dts()).collect();
    assert_eq!(video, (0..90).map(|frame| frame * 1000 / 30).collect::<Vec<_>>());
    let audio: Vec<_> = rig.frames(false).iter().map(|one| one.dts()).collect();
    assert_eq!(audio, (0..130).map(|frame| frame * 1_024_000 / 44_100).collect::<Vec<_>>());
    assert_eq!(rig.contribution.figures(rig.now).state, State::Live);
}

#[test]
fn a_channel_that_lost_its_process_shows_a_still_until_the_publisher_is_back() {
    let mut rig = Rig::new(settings(30));
    let still = Still::new(avc_header(0, 9).body, picture(0, true, 0, 9).body).unwrap();
    let output = rig.contribution.begin_with_still(still, ms(500));
    rig.now = ms(500);
    rig.take(output);
    rig.until(ms(3500));
    assert_eq!(rig.anchors[0].origin, ms(500));
    assert_eq!(rig.contribution.figures(rig.now).state, State::Filling);
    assert_eq!(rig.frames(true).len(), 91, "at the output rate, from the first moment on");
    assert!(rig.frames(false).iter().all(|one| is_silence(&one.tag.body)));
    rig.start(3500);
    rig.feed(&Encoder::C, 3600, 0, 4000);
    rig.check();
    assert_eq!(rig.anchors.len(), 1, "the same period");
    assert!(largest_hole(&rig.frames(true), 0) <= 60, "{}", largest_hole(&rig.frames(true), 0));
    let live: Vec<_> = rig.frames(true).into_iter().filter(|one| one.id() == 2).collect();
    assert_eq!(live.len(), 100, "no picture lost from the first key frame on");
}

#[test]
fn nothing_before_header_and_key_frame() {
    let mut rig = Rig::new(settings(30));
    rig.push(picture(0, true, 0, 1));
    rig.start(0);
    rig.push(picture(0, true, 0, 1));
    rig.push(avc_header(0, 1));
    rig.push(aac_header(0, STEREO_44));
    rig.push(picture(33, false, 0, 1));
    rig.until(ms(5000));
    assert!(rig.written().is_empty());
    let figures = rig.contribution.figures(rig.now);
    assert_eq!((figures.state, figures.dropped_tags), (State::WaitingForKeyFrame, 3));
    rig.push(picture(5000, true, 0, 1));
    assert!(rig.written().is_empty(), "held for a moment");
    rig.until(ms(5100));
    assert_eq!(rig.written().len(), 3);
    rig.check();
}

#[test]
fn gap_is_filled_and_another_encoder_returns_into_the_same_period() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 4700);
    rig.end(4700);
    rig.until(ms(8000));
    assert_eq!(rig.contribution.figures(rig.now).state, State::Filling);
    rig.start(8000);
    rig.feed(&Encoder::C, 8013, 0, 4000);
    rig.check();
    assert_eq!(rig.anchors.len(), 1);
    assert!(largest_hole(&rig.frames(true), 0) <= 60, "{}", largest_hole(&rig.frames(true), 0));
    assert!(largest_hole(&rig.frames(false), 0) <= 23 + 12, "{}", largest_hole(&rig.frames(false), 0));
    let live: Vec<_> = rig.frames(true).into_iter().filter(|one| one.id() == 2).collect();
    assert_eq!(live.len(), 100, "no picture lost from the first key frame on");
    let heard =
        rig.frames(false).into_iter().filter(|one| one.id() == 2 && !is_silence(&one.tag.body)).count();
    assert!((187..=188).contains(&heard), "no audio lost: {heard}");
    // Filler of a publisher with reordering is shown 66 ms after its slot, and the return follows it.
    assert!((8013..8013 + 66 + 34 + 34).contains(&live[0].pts()), "{}", live[0].pts());
    // On the output's grid, whose origin is the first picture shown.
    let steps = f64::from(i32::try_from(live[0].pts() - 66).unwrap()) * 30.0 / 1000.0;
    assert!((steps - steps.round()).abs() < 0.03, "{steps}");
    let (video, audio) = offsets(&rig, &Encoder::C);
    let (encoder_video, encoder_audio) = (3960, 187 * 1_024_000 / 48_000);
    assert!(((audio - video) - (encoder_audio - encoder_video)).abs() <= 12, "A/V relation");
    let began = rig.events.iter().filter(|event| **event == Event::FillingBegan).count();
    let ended = rig.events.iter().filter(|event| **event == Event::FillingEnded).count();
    assert_eq!((began, ended), (1, 1));
}

#[test]
fn filler_is_never_ahead_and_never_late() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    rig.end(3000);
    rig.until(ms(60_000));
    rig.check();
    let filler: Vec<_> = rig.frames(true).into_iter().filter(|one| one.dts() > 2970).collect();
    assert!((1705..=1711).contains(&filler.len()), "{}", filler.len());
    for one in &filler {
        let now = i64::try_from(one.now.as_millis()).unwrap();
        assert!(one.dts() <= now + 1 && (one.dts() >= now - 2 || now == 3000), "{one:?}");
        assert_eq!((one.role(), one.pts() - one.dts()), (Role::KeyFrame, 66));
    }
    let silence = rig.frames(false);
    assert!(largest_hole(&silence, 0) <= 24);
    let last = silence.last().unwrap();
    assert!((59_970..=60_000).contains(&last.dts()));
    // 44.1 kHz cadence without slip: the silence stays on multiples of 1024 samples.
    let index = last.dts() * 441 / 10_240 + 1;
    let ideal = index * 10_240 / 441;
    assert!((last.dts() - ideal).abs() <= 1 || (last.dts() - ideal + 23).abs() <= 1, "{last:?}");
}

#[test]
fn open_but_silent_connection_is_filled_after_the_patience_and_taken_back() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    rig.until(ms(3400));
    let before = rig.written().len();
    rig.until(ms(3489));
    assert_eq!(rig.written().len(), before);
    rig.until(ms(3520));
    assert!(rig.written().len() >= before + 15 + 20, "all due slots at once");
    // The same session goes on where its own clock is.
    rig.feed(&Encoder::A, 0, 9000, 14_000);
    rig.check();
    let live: Vec<_> = rig.frames(true).into_iter().filter(|one| one.role() == Role::Frame).collect();
    assert!(live.iter().any(|one| (10_000..10_150).contains(&one.dts())), "back from its key frame at 10 s");
    assert!(!live.iter().any(|one| (3000..9990).contains(&one.dts())), "no picture without its key frame");
    let (video, audio) = offsets(&rig, &Encoder::A);
    assert!((audio - video).abs() < 50);
}

#[test]
fn an_owner_that_was_held_up_takes_it_for_no_silence() {
    let run = |is_told: bool| {
        let mut rig = Rig::new(settings(30));
        rig.start(0);
        rig.feed(&Encoder::A, 0, 0, 3000);
        // Nobody listens for a while, then everything that came is there at once, or almost.
        rig.now = ms(4500);
        if is_told {
            rig.contribution.listen_again(rig.now);
        }
        rig.until(ms(4540));
        for (_, tag) in Encoder::A.tags(3000, 4540) {
            rig.push(tag);
        }
        rig.feed(&Encoder::A, 0, 4540, 8000);
        rig.check();
        let has_filled =
            rig.events.iter().any(|event| matches!(event, Event::FillingBegan | Event::StillWanted));
        let pictures = rig.frames(true);
        let times: Vec<i64> = pictures.iter().map(|one| one.dts()).collect();
        let sent: Vec<i64> = (0..240).map(|frame| frame * 1000 / 30).collect();
        (times == sent, has_filled)
    };
    assert_eq!(run(true), (true, false));
    assert_eq!(run(false), (false, true), "the control: told nothing, it fills and leaves media out");
}

#[test]
fn a_picture_that_stands_goes_on_while_its_owner_is_held_up() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    for (time, tag) in Encoder::A.tags(3000, 9000) {
        if tag.kind == Kind::Audio {
            rig.until(ms(time));
            if time >= 5000 {
                rig.contribution.listen_again(rig.now);
            }
            rig.push(tag);
        }
    }
    rig.check();
    let frames = rig.frames(true);
    assert!(largest_hole(&frames, 0) <= 60, "{}", largest_hole(&frames, 0));
    assert!(frames.last().unwrap().pts() > 8900, "{:?}", frames.last());
}

/// Where its last segment begins with its last picture, there must be sound in it.
#[test]
fn sound_of_a_period_ends_behind_its_last_picture_begins() {
    let last = |rig: &Rig, is_video: bool| rig.frames(is_video).iter().map(|one| one.pts()).max().unwrap();
    for (silent_from, composition) in [(1000, 0), (2950, 0), (3000, 0), (1000, 80), (3000, 80)] {
        let encoder = Encoder { composition, ..Encoder::A };
        for away in [0, 500, 1017] {
            let mut rig = Rig::new(settings(30));
            rig.start(0);
            for (time, tag) in encoder.tags(0, 3000) {
                if tag.kind == Kind::Video || time < silent_from {
                    rig.until(ms(time));
                    rig.push(tag);
                }
            }
            rig.end(3000);
            rig.until(ms(3000 + away));
            let pictures = rig.frames(true).len();
            rig.end_period();
            rig.check();
            assert_eq!(rig.frames(true).len(), pictures, "no picture more");
            let (picture, sound) = (last(&rig, true), last(&rig, false));
            assert!(
                (picture..picture + 60).contains(&sound),
                "{encoder:?}, {silent_from}, {away}: {picture}, {sound}"
            );
        }
    }
}

#[test]
fn without_filler_the_gap_stays() {
    let mut rig = Rig::new(crate::timeline::Settings { fill_gaps: false, ..settings(30) });
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    let written = rig.written().len();
    rig.end(3000);
    rig.until(ms(8000));
    assert_eq!(rig.written().len(), written);
    rig.start(8000);
    rig.feed(&Encoder::C, 8000, 0, 2000);
    rig.check();
    assert!((4900..5100).contains(&largest_hole(&rig.frames(true), 0)));
    assert!((4900..5100).contains(&largest_hole(&rig.frames(false), 0)));
}

#[test]
fn contribution_without_audio_gets_silence_and_late_audio_is_taken_up() {
    for fill_gaps in [true, false] {
        let mut rig = Rig::new(crate::timeline::Settings { fill_gaps, ..settings(25) });
        let mute = Encoder { audio: None, ..Encoder::C };
        rig.start(0);
        rig.feed(&mute, 0, 0, 3000);
        assert_eq!(rig.written()[1].tag.body.as_ref(), [0xAF, 0, 0x11, 0x90]);
        let silent = rig.frames(false);
        assert!(silent.iter().all(|one| is_silence(&one.tag.body)));
        assert!(silent.len() > 135, "{}", silent.len());
        rig.push(aac_header(8000, MONO_48));
        rig.feed(&Encoder::C, 0, 3000, 5000);
        rig.check();
        assert!(largest_hole(&rig.frames(false), 0) <= 33);
        let live = rig.frames(false).into_iter().filter(|one| !is_silence(&one.tag.body)).count();
        assert!(live >= 92, "{live}");
        let (video, audio) = offsets(&rig, &Encoder::C);
        assert!((audio - video).abs() < 60);
    }
}

#[test]
fn one_track_missing_for_a_while() {
    for is_video_missing in [true, false] {
        let mut rig = Rig::new(settings(30));
        rig.start(0);
        for (time, tag) in Encoder::A.tags(0, 12_000) {
            rig.until(ms(time));
            if !((4000..9000).contains(&time) && (tag.kind == Kind::Video) == is_video_missing) {
                rig.push(tag);
            }
        }
        rig.check();
        assert!(largest_hole(&rig.frames(true), 0) <= 60);
        assert!(largest_hole(&rig.frames(false), 0) <= 36);
        let (video, audio) = offsets(&rig, &Encoder::A);
        let (encoder_video, encoder_audio) = (11_966, 516 * 1_024_000 / 44_100);
        assert!(((audio - video) - (encoder_audio - encoder_video)).abs() <= 12, "{video} {audio}");
    }
}

/// An encoder that sends no sound while it is muted, over a network that is slower than it was at first.
#[test]
fn sound_that_comes_late_after_a_silence_is_met() {
    for late in [30, 60, 150, 400] {
        let mut rig = Rig::new(settings(30));
        rig.start(0);
        let sent = Encoder::A.tags(0, 14_000).into_iter();
        let mut sent: Vec<_> = sent
            .filter(|(time, tag)| !((4000..9000).contains(time) && tag.kind == Kind::Audio))
            .map(
                |(time, tag)| {
                    if time >= 9000 && tag.kind == Kind::Audio { (time + late, tag) } else { (time, tag) }
                },
            )
            .collect();
        sent.sort_by_key(|(time, _)| *time);
        for (time, tag) in sent {
            rig.until(ms(time));
            rig.push(tag);
        }
        rig.check();
        assert!(largest_hole(&rig.frames(false), 0) <= 36, "{late}");
        let live = rig.frames(false).into_iter().filter(|one| !is_silence(&one.tag.body)).count();
        // All that came but what silence had covered by then.
        let covered = usize::try_from(late).unwrap() / 23 + 4;
        let sent = (4000 + 5000) * 44_100 / 1_024_000;
        assert!(live + covered >= sent, "{late}: {live} of {sent}");
        let (video, audio) = offsets(&rig, &Encoder::A);
        let (encoder_video, encoder_audio) = (13_966, 602 * 1_024_000 / 44_100);
        assert!(((audio - video) - (encoder_audio - encoder_video)).abs() <= 12, "{late}: {video} {audio}");
    }
}

#[test]
fn a_second_track_of_another_codec_is_left_out() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    for (time, sent) in Encoder::A.tags(0, 4000) {
        rig.until(ms(time));
        rig.push(sent);
        let at = u32::try_from(time).unwrap();
        if at < 100 {
            continue;
        }
        // Enhanced RTMP: an Opus track, several tracks in one message, and a picture of VP9.
        rig.push(tag(Kind::Audio, at, &[0x90, b'O', b'p', b'u', b's']));
        rig.push(tag(Kind::Audio, at, &[0x95, 0x01, b'm', b'p', b'4', b'a', 1]));
        rig.push(tag(Kind::Video, at, &[0x96, 0x01, b'h', b'v', b'c', b'1', 1]));
        rig.push(tag(Kind::Video, at, &[0x97, 0x03, 0, 0, 1]));
        rig.push(tag(Kind::Video, at, &[0x91, b'v', b'p', b'0', b'9', 1]));
    }
    rig.check();
    assert!(!rig.events.iter().any(|event| matches!(event, Event::Unsupported(_))), "{:?}", rig.events);
    assert!(largest_hole(&rig.frames(true), 0) <= 40);
    assert!(rig.frames(false).iter().all(|one| !is_silence(&one.tag.body)));
}

#[test]
fn jumps_of_the_encoder_do_not_reach_the_output() {
    for jump in [600_000_u32, 1500, 0_u32.wrapping_sub(60_000), 0_u32.wrapping_sub(3000)] {
        let mut rig = Rig::new(settings(30));
        rig.start(0);
        for (time, mut tag) in (Encoder { base: 100_000, ..Encoder::A }).tags(0, 6000) {
            rig.until(ms(time));
            if time >= 3000 {
                tag.timestamp_ms = tag.timestamp_ms.wrapping_add(jump);
            }
            rig.push(tag);
        }
        rig.check();
        assert!(largest_hole(&rig.frames(true), 0) <= 40, "{jump}");
        assert!(largest_hole(&rig.frames(false), 0) <= 40, "{jump}");
        let (video, audio) = offsets(&rig, &Encoder::A);
        assert!((audio - video).abs() <= 40, "{jump}: {video} {audio}");
    }
}

#[test]
fn wraps_are_seamless() {
    for base in [u32::MAX - 2000, (1 << 24) - 2000] {
        let is_24_bit = base < 1 << 24;
        let mut rig = Rig::new(settings(30));
        rig.start(0);
        for (time, mut tag) in (Encoder { base, ..Encoder::A }).tags(0, 5000) {
            rig.until(ms(time));
            if is_24_bit {
                tag.timestamp_ms &= 0xFF_FFFF;
            }
            rig.push(tag);
        }
        rig.check();
        assert_eq!(rig.frames(true).last().unwrap().dts(), 4966);
        assert_eq!(rig.contribution.figures(rig.now).dropped_tags, 0);
    }
}

#[test]
fn encoder_restarted_within_its_session() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder { base: 900_000, ..Encoder::A }, 0, 0, 3000);
    rig.feed(&Encoder { id: 3, ..Encoder::A }, 3000, 0, 3000);
    rig.check();
    let second = rig.frames(true).into_iter().filter(|one| one.id() == 3).count();
    assert_eq!(second, 90);
    assert!(largest_hole(&rig.frames(true), 0) <= 40);
}

#[test]
fn stale_burst_on_return_leaves_no_lead() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    rig.end(3000);
    rig.start(5000);
    // A relay's cache: 3.5 s of old media at once, then live; key frames every 2 s.
    for (_, tag) in Encoder::A.tags(0, 3500) {
        rig.push(tag);
    }
    for (time, tag) in Encoder::A.tags(3500, 9000) {
        rig.until(ms(5000 + time - 3500));
        rig.push(tag);
    }
    rig.check();
    let lead = rig.frames(true).last().unwrap().dts() - i64::try_from(rig.now.as_millis()).unwrap();
    assert!(lead <= 100, "{lead} ms of lead for good");
    assert!(rig.contribution.figures(rig.now).dropped_tags > 0);
}

#[test]
fn burst_at_the_very_start_moves_the_zero_back() {
    let mut rig = Rig::new(settings(30));
    rig.start(5000);
    for (_, tag) in Encoder::A.tags(0, 1900) {
        rig.push(tag);
    }
    for (time, tag) in Encoder::A.tags(1900, 4000) {
        rig.until(ms(5000 + time - 1900));
        rig.push(tag);
    }
    rig.check();
    let origin = rig.anchors[0].origin;
    assert!((ms(3050)..ms(3200)).contains(&origin), "{origin:?}");
    assert_eq!(rig.frames(true).len(), 120, "nothing lost");
}

#[test]
fn still_replaces_the_key_frame_and_the_publishers_header_comes_back() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3500);
    rig.end(3500);
    assert!(rig.events.contains(&Event::StillWanted));
    let gop = rig.contribution.last_gop().unwrap();
    assert_eq!((gop.last_ms, gop.codec), (44 * 1000 / 30 + 66, Codec::Avc));
    rig.until(ms(3580));
    let wrong = Still::new(hevc_header(0).body, Bytes::from_static(b"\x91hvc1\0\0\0x")).unwrap();
    let refused = rig.contribution.set_still(wrong, rig.now);
    assert_eq!(refused, Err(StillError::Codec { still: Codec::Hevc, contribution: Codec::Avc }));
    let still = Still::new(avc_header(0, 9).body, picture(0, true, 0, 9).body).unwrap();
    let output = rig.contribution.set_still(still, rig.now).unwrap();
    rig.take(output);
    rig.start(6000);
    rig.feed(&Encoder::A, 6000, 0, 1000);
    rig.check();
    let ids: Vec<_> =
        rig.written().iter().filter(|one| one.is_video() && one.is_header()).map(Written::id).collect();
    assert_eq!(ids, [1, 9, 1]);
    assert!(largest_hole(&rig.frames(true), 0) <= 100);
    // A second gap must not show the old still.
    rig.end(7000);
    rig.until(ms(7500));
    assert_eq!(rig.frames(true).last().unwrap().id(), 1);
}

#[test]
fn patience_for_the_still_delays_the_filler() {
    let mut rig = Rig::new(crate::timeline::Settings { still_patience: ms(150), ..settings(30) });
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    let before = rig.written().len();
    rig.end(3000);
    rig.until(ms(3149));
    assert_eq!(rig.written().len(), before);
    rig.until(ms(3150));
    assert!(rig.written().len() > before);
}

#[test]
fn crash_of_ffmpeg_loses_nothing() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 1000, 0, 9500);
    let before: Vec<_> = rig.frames(true).iter().map(|one| one.dts()).collect();
    // The last segment that was committed ended 7 s after the first period's zero.
    let from = rig.contribution.media_zero().unwrap() + ms(7000);
    rig.begin_period(Some(from));
    let anchor = rig.anchors[1];
    assert_eq!((anchor.number, anchor.origin), (2, ms(1000 + 6000)));
    // The encoder's time begins with the first picture or sound that it is given.
    let zero = rig.written().iter().filter(|one| !one.is_header()).map(Written::pts).min().unwrap();
    let skipped = anchor.origin + ms(u64::try_from(zero).unwrap()) + anchor.preroll;
    assert_eq!((anchor.begins, skipped), (from, from - ms(5)));
    assert_eq!(rig.contribution.media_zero(), Some(from));
    rig.feed(&Encoder::A, 1000, 9500, 12_000);
    rig.check();
    let replayed: Vec<_> = rig.frames(true).iter().map(|one| one.dts() + 6000).collect();
    let expected: Vec<_> = before.into_iter().filter(|at| *at >= 6000).collect();
    assert_eq!(replayed[..expected.len()], expected);
    assert!(largest_hole(&rig.frames(true), 0) <= 34, "live goes on where the replay ends");
    assert!(largest_hole(&rig.frames(false), 0) <= 24);
}

#[test]
fn crash_of_ffmpeg_while_filling() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    rig.end(3000);
    rig.until(ms(6000));
    rig.begin_period(Some(ms(5000)));
    rig.until(ms(7000));
    rig.start(7000);
    rig.feed(&Encoder::C, 7000, 0, 1000);
    rig.check();
    assert!((ms(4900)..=ms(5000)).contains(&rig.anchors[1].origin));
    assert!(largest_hole(&rig.frames(true), 0) <= 60);
}

#[test]
fn memory_too_small_for_a_gop_falls_back_to_the_key_frame() {
    let mut rig = Rig::new(crate::timeline::Settings { replay_bytes: 1000, ..settings(30) });
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    rig.begin_period(None);
    assert_eq!((rig.anchors[1].preroll, rig.anchors[1].begins), (ms(0), rig.anchors[1].origin));
    rig.feed(&Encoder::A, 0, 3000, 6000);
    rig.check();
    assert!(largest_hole(&rig.frames(true), 0) <= 110);
    assert!(rig.frames(true).iter().any(|one| one.role() == Role::Frame));
}

#[test]
fn another_codec_waits_for_a_new_period() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    rig.end(3000);
    rig.start(4000);
    rig.push(hevc_header(0));
    rig.push(aac_header(0, STEREO_44));
    rig.push(tag(Kind::Video, 0, b"\x91hvc1\0\0\0\x01"));
    rig.until(ms(4033));
    rig.push(tag(Kind::Video, 33, b"\xA1hvc1\0\0\0\x01"));
    assert!(rig.events.contains(&Event::NeedsNewPeriod { from: Codec::Avc, to: Codec::Hevc }));
    assert_eq!(rig.contribution.figures(rig.now).state, State::WaitingForPeriod);
    rig.until(ms(4200));
    assert!(rig.written().iter().all(|one| one.tag.body[0] & 0x80 == 0 || !one.is_video()));
    assert!(rig.frames(true).last().unwrap().dts() > 4100, "the old period is filled meanwhile");
    rig.begin_period(None);
    rig.check();
    let video: Vec<_> = rig.written().iter().filter(|one| one.is_video()).collect();
    assert_eq!(video.len(), 3);
    assert!(video.iter().all(|one| one.tag.body.starts_with(&[one.tag.body[0], b'h', b'v', b'c'])));
    assert!(rig.anchors[1].origin >= ms(4200));
}

/// Closing a period may take seconds on a loaded machine; what comes meanwhile is read only then.
#[test]
fn what_was_not_read_while_a_period_began_is_not_stale() {
    for held_back in [500, 3000, 8000] {
        let mut rig = Rig::new(settings(30));
        rig.start(0);
        rig.feed(&Encoder::A, 0, 0, 3000);
        // The period broke: nothing is pushed until the next one begins.
        rig.now = ms(3000 + held_back);
        rig.begin_period(Some(rig.anchors[0].origin + ms(2000)));
        for (_, tag) in Encoder::A.tags(3000, 3000 + held_back) {
            rig.push(tag);
        }
        rig.feed(&Encoder::A, 0, 3000 + held_back, 6000 + held_back);
        rig.check();
        let hole = largest_hole(&rig.frames(true), 0);
        assert!(hole <= 40, "{held_back} ms: {hole}");
        assert!(!rig.events.contains(&Event::FillingBegan), "{held_back} ms: nobody was silent");
        // From then on lateness is the publisher's own again.
        let (at, late) = (6000 + held_back, 9500 + held_back);
        rig.until(ms(late));
        assert!(rig.events.contains(&Event::FillingBegan));
        for (_, tag) in Encoder::A.tags(at, late - 3000) {
            rig.push(tag);
        }
        assert_eq!(rig.contribution.figures(rig.now).state, State::Filling, "{held_back} ms: stale media");
    }
}

#[test]
fn unsupported_codecs_are_reported_once() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    for _ in 0..3 {
        rig.push(tag(Kind::Audio, 0, &[0x2F, 0xFF, 0xFB]));
    }
    let [Event::Unsupported(Unsupported::Audio(codec))] = rig.events[..] else { panic!("{:?}", rig.events) };
    assert_eq!(Unsupported::Audio(codec).to_string(), "MP3 is not supported: publish AAC");
}

#[test]
fn new_picture_size_within_a_session_waits_for_its_key_frame() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder { gop: 1000, ..Encoder::A }, 0, 0, 1000);
    rig.push(avc_header(1000, 7));
    rig.push(picture(1000, false, 0, 7));
    rig.until(ms(1033));
    rig.push(picture(1033, true, 0, 7));
    rig.push(picture(1066, false, 0, 7));
    rig.check();
    assert_eq!(rig.frames(true).iter().filter(|one| one.id() == 7).count(), 2);
}

#[test]
fn slow_clock_is_followed() {
    // 0.05 % slow for 10 minutes: 300 ms, of which at most about 130 remain.
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    for (time, tag) in Encoder::A.tags(0, 600_000) {
        rig.until(ms(time + time / 2000));
        rig.push(tag);
    }
    let now = i64::try_from(rig.now.as_millis()).unwrap();
    let lag = now - rig.frames(true).last().unwrap().dts();
    assert!((0..135).contains(&lag), "{lag}");
    assert!(largest_hole(&rig.frames(false), 0) <= 25);
}

/// One that is made while more comes would show a picture again that later ones have followed.
#[test]
fn a_still_is_wanted_only_until_the_next_picture() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    assert!(!rig.contribution.wants_still());
    rig.until(ms(3300));
    assert!(rig.contribution.wants_still(), "a short silence: a gap may be about to come");
    rig.feed(&Encoder::A, 300, 3000, 3034);
    assert!(!rig.contribution.wants_still(), "what was asked for is not the last picture any more");
    let output = rig.contribution.publisher_ended(rig.now);
    rig.take(output);
    assert!(rig.contribution.wants_still(), "asked for anew");
}

/// Half a second without a picture is silence of most encoders, and nothing of one that sends two a second.
#[test]
fn slow_pictures_are_no_stall() {
    for rate in [1, 2] {
        let slow = Encoder { rate, gop: 4, composition: 0, audio: None, ..Encoder::A };
        let mut rig = Rig::new(settings(30));
        rig.start(0);
        rig.feed(&slow, 0, 0, 8000);
        rig.events.clear();
        let before = rig.contribution.figures(rig.now).dropped_tags;
        rig.feed(&slow, 0, 8000, 20_000);
        assert!(!rig.events.contains(&Event::FillingBegan), "{rate} a second: {:?}", rig.events);
        assert_eq!(rig.contribution.figures(rig.now).dropped_tags, before, "{rate} a second");
        // It is silent in the end all the same.
        rig.until(ms(24_000));
        assert!(rig.events.contains(&Event::FillingBegan), "{rate} a second");
    }
}

#[test]
fn figures_tell_what_comes_in() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 5000);
    let figures = rig.contribution.figures(rig.now);
    assert!((figures.frames_per_second.unwrap() - 30.0).abs() < 0.1);
    assert_eq!(figures.key_frame_interval, Some(ms(2000)));
    assert_eq!(
        (figures.video, figures.sample_rate, figures.channels),
        (Some(Codec::Avc), Some(44_100), Some(2))
    );
    assert_eq!(figures.total_bytes, 6 + 4 + 150 * 10 + 216 * 8);
    assert!(figures.bits_per_second > 1000);
}

#[test]
fn gap_that_nobody_ticked_through_is_topped_up_at_the_seam() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    rig.end(3000);
    let output = rig.contribution.publisher_started(ms(3000));
    rig.take(output);
    // The process was starved: the first call after 2.5 s is the key frame itself.
    rig.now = ms(5500);
    let tags = Encoder::C.tags(0, 100);
    for (_, tag) in tags.into_iter().filter(|(time, _)| *time == 0) {
        let is_picture = tag.kind == Kind::Video && tag.body[1] == 1;
        if is_picture || tag.kind == Kind::Audio || !rig.written().is_empty() {
            let output = rig.contribution.push(tag, if is_picture { rig.now } else { ms(3000) });
            rig.take(output);
        }
    }
    rig.feed(&Encoder::C, 5500, 1, 1000);
    rig.check();
    assert!(largest_hole(&rig.frames(true), 0) <= 60, "{}", largest_hole(&rig.frames(true), 0));
    assert!(largest_hole(&rig.frames(false), 0) <= 25);
}

#[test]
fn filler_of_a_reordering_encoder_never_goes_back() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.push(avc_header(0, 1));
    rig.push(picture(0, true, 0, 1));
    rig.until(ms(120));
    rig.push(picture(120, false, 100, 1));
    rig.end(150);
    rig.until(ms(1000));
    rig.check();
    let shown: Vec<_> = rig.frames(true).iter().map(|one| one.pts()).collect();
    assert_eq!(shown[..3], [0, 220, 253]);
}

/// Its first picture is decoded long before it is shown, and what is missing between would be filled with it.
fn reordering_return(before: u64, composition: u8, rate: u64, phase: u64) {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder { rate: before, ..Encoder::C }, 0, 0, 3000);
    rig.end(3000);
    rig.until(ms(5000));
    rig.start(5000);
    let reordering = Encoder { composition, rate, id: 7, ..Encoder::A };
    rig.feed(&reordering, 5000 + phase, 0, 2000);
    rig.check();
    let frames = rig.frames(true);
    let first = frames.iter().position(|one| one.id() == reordering.id).unwrap();
    let (fillers, live) = frames.split_at(first);
    let hole = live[0].pts() - fillers.last().unwrap().pts();
    let case =
        format!("{before}/s, {composition} ms, {rate}/s, {phase} ms: {:?}", &frames[first - 3..=first]);
    assert!((16..=51).contains(&hole), "{hole} ms between the last filler and the first picture; {case}");
    assert!(largest_hole(&frames, 0) <= 60, "{}; {case}", largest_hole(&frames, 0));
    assert_eq!(u64::try_from(live.len()).unwrap(), 2 * rate, "pictures lost; {case}");
}

#[test]
fn filler_is_shown_until_the_first_picture_of_a_reordering_encoder() {
    for (composition, rate) in [(40, 25), (66, 30), (133, 30), (160, 25), (200, 50)] {
        for phase in (0..40).step_by(3) {
            reordering_return(25, composition, rate, phase);
            reordering_return(30, composition, rate, phase);
        }
    }
}

/// A still that took the place of another filler comes with its header, also in a crowd.
#[test]
fn a_crowd_of_fillers_has_its_own_header() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    rig.end(3000);
    rig.until(ms(5000));
    let still = Still::new(avc_header(0, 9).body, picture(0, true, 0, 9).body).unwrap();
    let output = rig.contribution.set_still(still, rig.now).unwrap();
    rig.take(output);
    rig.start(5000);
    rig.feed(&Encoder { composition: 160, rate: 25, id: 7, ..Encoder::A }, 5001, 0, 1000);
    rig.check();
}

#[test]
fn both_headers_are_sent_again_on_return() {
    let mut rig = Rig::new(settings(30));
    rig.start(0);
    rig.feed(&Encoder::A, 0, 0, 3000);
    rig.end(3000);
    rig.start(4000);
    rig.feed(&Encoder::A, 4000, 0, 1000);
    rig.check();
    let headers = |is_video: bool| {
        rig.written().iter().filter(|one| one.is_header() && one.is_video() == is_video).count()
    };
    assert_eq!((headers(true), headers(false)), (2, 2));
}

#[test]
fn publisher_faster_than_real_time_is_held_to_the_bound() {
    for (gop, audio) in [(1, Encoder::A.audio), (7, Encoder::A.audio), (1, None)] {
        let mut rig = Rig::new(crate::timeline::Settings { settle: ms(0), ..settings(30) });
        rig.start(0);
        for (_, tag) in (Encoder { gop, audio, ..Encoder::A }).tags(0, 120_000) {
            rig.push(tag);
        }
        rig.check();
        let figures = rig.contribution.figures(rig.now);
        assert!(figures.lead <= ms(2100) && figures.dropped_tags > 3000, "{figures:?}");
    }
}

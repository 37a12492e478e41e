//! Operations one by one: what they answer and what they refuse.

use ez_manifest::{
    hls::{media_playlist, multivariant_playlist},
    timeline::{Entry, Error, Kind, Measured, Rendition, Segment, Slot, Timeline},
};

use crate::support::{
    ALL, AUDIO, BEGIN_MS, Channel, HIGH, LOW, VIDEO_D, VIDEO_ZERO, ladder, settings, track,
};

fn one(name: &str, t: u64, d: u64) -> Slot {
    Slot::from([(name.to_owned(), Segment { t, d, bytes: 1 })])
}

#[test]
fn a_zombie_is_refused_and_the_same_epoch_goes_on() {
    let mut channel = Channel::begun(0);
    channel.timeline.begin_run(3).unwrap();
    assert!(matches!(channel.timeline.begin_run(2), Err(Error::Zombie { ours: 2, stored: 3 })));
    assert_eq!(channel.timeline.open_period(BEGIN_MS).unwrap().to_string(), "3-1");
    channel.timeline.begin_run(3).unwrap();
    assert_eq!(
        channel.timeline.open_period(BEGIN_MS).unwrap().to_string(),
        "3-2",
        "an unused name stays used"
    );
}

#[test]
fn refusals_change_nothing() {
    let mut channel = Channel::begun(0);
    channel.append(2);
    let before = channel.timeline.clone();
    let next = VIDEO_ZERO + 2 * VIDEO_D;
    type Case = (&'static str, Slot, fn(&Error) -> bool);
    let cases: [Case; 7] = [
        ("unknown", one("x", next, 1), |e| matches!(e, Error::UnknownRendition(_))),
        ("too long", one(LOW, next, 225_000), |e| matches!(e, Error::TooLong { duration_ms: 2500, .. })),
        ("overlap", one(LOW, next - 900, VIDEO_D), |e| matches!(e, Error::Discontiguous { .. })),
        ("jump", one(LOW, next + 27_000, VIDEO_D), |e| matches!(e, Error::Discontiguous { .. })),
        ("zero", one(LOW, next, 0), |e| matches!(e, Error::ImpossibleSegment { .. })),
        ("beyond", one(LOW, 1 << 62, VIDEO_D), |e| matches!(e, Error::ImpossibleSegment { .. })),
        ("empty file", Slot::from([(LOW.to_owned(), Segment { t: next, d: 9, bytes: 0 })]), |e| {
            matches!(e, Error::ImpossibleSegment { .. })
        }),
    ];
    for (name, slot, is_it) in cases {
        let error = channel.timeline.append(&slot, 0).unwrap_err();
        assert!(is_it(&error), "{name}: {error:?}");
        assert_eq!(channel.timeline, before, "{name}");
    }
    assert!(matches!(channel.timeline.append_trailing(&one(LOW, next, 9), 0), Err(Error::TrailingVideo(_))));
    channel.timeline.close_period();
    assert!(matches!(channel.timeline.append(&one(LOW, next, VIDEO_D), 0), Err(Error::NoOpenPeriod)));
    channel.timeline.end();
    assert!(matches!(channel.timeline.open_period(0), Err(Error::Ended)));
    assert!(matches!(Timeline::new(settings(0), ladder()).unwrap().resume(0), Err(Error::NotEnded)));
    assert!(matches!(Timeline::new(settings(0), ladder()).unwrap().open_period(0), Err(Error::NotBegun)));
}

/// What a run does with a segment that cannot be: a hole stands for it, and those that follow come in again. A hole
/// may be half a second longer than a segment, so much longer ones take more.
#[test]
fn empty_slots_lead_over_segments_that_are_refused() {
    for (ticks, most) in [(225_000, 2), (270_000, 3), (450_000, 7)] {
        let mut channel = Channel::begun(60);
        channel.append(2);
        let mut holes = 0;
        let mut next = channel.slot(ticks);
        while channel.timeline.append(&next, 0).is_err() {
            holes += 1;
            assert!(holes <= most, "{ticks}");
            channel.push(&Slot::new());
            next = channel.slot(VIDEO_D);
        }
        assert!(holes > 0, "{ticks} is taken");
        channel.append(2);
        let uris = channel.uris(LOW);
        assert!(uris.last().is_some_and(|uri| !uri.contains("gap")), "{ticks}: {uris:?}");
    }
}

#[test]
fn a_segment_needs_its_init_segment_first() {
    let mut channel = Channel::new(0);
    channel.timeline.begin_run(1).unwrap();
    channel.timeline.open_period(BEGIN_MS).unwrap();
    assert!(matches!(channel.timeline.append(&one(LOW, 0, VIDEO_D), 0), Err(Error::NoTrack { .. })));
    assert!(matches!(channel.timeline.append(&Slot::new(), 0), Err(Error::EmptySlot)));
    assert_eq!(multivariant_playlist(&channel.timeline), None);
    channel.timeline.set_track(LOW, track(LOW)).unwrap();
    channel.timeline.append(&one(LOW, 0, VIDEO_D), 0).unwrap();
    assert!(multivariant_playlist(&channel.timeline).unwrap().contains(LOW));
    assert!(!multivariant_playlist(&channel.timeline).unwrap().contains(HIGH), "not yet in the store");
    // Its init segment comes late and in another timescale: the GAP before it moves along.
    let mut info = track(AUDIO);
    info.timescale = 48_000;
    channel.timeline.set_track(AUDIO, info).unwrap();
    let slot = [(LOW, VIDEO_D, VIDEO_D), (AUDIO, 96_256, 96_256)];
    let slot = slot.map(|(name, t, d)| (name.to_owned(), Segment { t, d, bytes: 1 })).into();
    channel.timeline.append(&slot, 0).unwrap();
    let audio = &channel.timeline.periods()[0].tracks[2];
    assert_eq!(audio.entries[0], Entry { t: 0, d: 96_256, bytes: None });
    assert!(matches!(channel.timeline.set_track(AUDIO, track(AUDIO)), Err(Error::TrackInUse { .. })));
}

#[test]
fn a_playlist_waits_at_a_gap_until_a_real_segment_follows() {
    let mut channel = Channel::begun(60);
    channel.append(2);
    let before = channel.playlist(LOW);
    channel.append_without(&[LOW]);
    assert_eq!(channel.playlist(LOW), before);
    channel.append(1);
    assert_eq!(channel.uris(LOW), ["1-1:1920.m4s", "1-1:181920.m4s", "1-1:gap-361920.m4s", "1-1:541920.m4s"]);
    // Lost at the end of a period, then a hole: all in one write, in each rendition its own.
    channel.append_without(&[LOW]);
    channel.open(channel.end_ms() + 3000);
    let before = channel.playlist(LOW);
    channel.append_without(&[LOW]);
    assert_eq!(channel.playlist(LOW), before);
    assert!(channel.playlist(HIGH).contains("1-2/"));
    channel.append(1);
    assert_eq!(
        channel.uris(LOW)[4..],
        [
            "1-1:gap-721920.m4s",
            "1-1:gap-901920.m4s",
            "1-1:gap-1036920.m4s",
            "1-2:gap-1920.m4s",
            "1-2:181920.m4s"
        ]
    );
}

#[test]
fn periods_without_media_leave_no_trace() {
    let mut channel = Channel::begun(60);
    channel.append(1);
    for n in 0..5 {
        channel.open(channel.end_ms() + 1000 * n);
        channel.timeline.close_period();
    }
    channel.open(channel.end_ms());
    channel.append(1);
    assert_eq!(channel.timeline.periods().len(), 2);
    assert!(channel.playlist(LOW).contains("#EXT-X-DISCONTINUITY-SEQUENCE:0\n"));
    assert_eq!(channel.uris(LOW), ["1-1:1920.m4s", "1-7:1920.m4s"]);
}

#[test]
fn slots_that_all_lost_are_taken_back_at_the_end_of_a_period() {
    let mut channel = Channel::begun(60);
    channel.append(1);
    channel.append_without(&ALL);
    channel.append_without(&ALL);
    channel.open(channel.end_ms());
    channel.append(1);
    assert_eq!(channel.uris(LOW), ["1-1:1920.m4s", "1-2:1920.m4s"]);
}

#[test]
fn what_left_may_be_deleted_after_every_playlist_that_named_it() {
    let mut channel = Channel::begun(0);
    channel.append(5);
    assert!(channel.left.is_empty());
    channel.append(1);
    let uris: Vec<&str> = channel.left.objects.iter().map(|object| object.uri.as_str()).collect();
    assert_eq!(uris, ["1-1/video_400k/1920.m4s", "1-1/video_800k/1920.m4s", "1-1/audio_96k/0.m4s"]);
    // 12 s of playlist and 2 s of its own, counted from now.
    let wait = channel.left.objects[0].deletable_at_ms - channel.now_ms;
    assert!((14_000..14_100).contains(&wait), "{wait}");
    assert!(channel.left.periods.is_empty());
    channel.open(channel.end_ms());
    for _ in 0..4 {
        channel.append(1);
        assert!(channel.left.periods.is_empty());
    }
    channel.append(1);
    let inits = channel.left.objects.iter().filter(|object| object.uri.ends_with("init.mp4"));
    assert_eq!(inits.count(), 3);
    assert_eq!(channel.left.periods[0].uri, "1-1/");
    let last = channel.left.objects.iter().map(|object| object.deletable_at_ms).max();
    assert_eq!(Some(channel.left.periods[0].deletable_at_ms), last, "the folder after all that is in it");
}

#[test]
fn trailing_audio_leaves_with_the_last_picture() {
    let mut channel = Channel::begun(10);
    channel.append(1);
    channel.append_trailing(1920);
    channel.open(channel.end_ms());
    channel.append(5);
    assert_eq!(channel.uris(AUDIO)[0], "1-2:0.m4s", "{:?}", channel.left);
    assert_eq!(
        (channel.timeline.media_sequence(LOW), channel.timeline.media_sequence(AUDIO)),
        (Some(1), Some(2))
    );
    assert_eq!(channel.left.periods[0].uri, "1-1/");
}

#[test]
fn window_zero_is_the_smallest_that_plays() {
    assert_eq!(settings(0).window_ms(), 10_000, "delay and two segments");
    assert_eq!(settings(4).window_ms(), 10_000, "less would not play");
    assert_eq!(settings(60).window_ms(), 60_000);
}

#[test]
fn the_start_is_the_wall_clock_only_where_nothing_overlaps() {
    let mut channel = Channel::begun(60);
    channel.append(1);
    channel.append_trailing(90_000);
    let end = channel.end_ms();
    channel.open(end - 5000);
    channel.append(1);
    assert_eq!(channel.timeline.periods()[1].start_ms, end + 22, "audio begins 21.33 ms before the picture");
    // The picture ended one second before the sound: video alone has a hole.
    assert_eq!(channel.uris(LOW), ["1-1:1920.m4s", "1-1:gap-181920.m4s", "1-2:1920.m4s"]);
    assert_eq!(channel.uris(AUDIO), ["1-1:0.m4s", "1-1:180480.m4s", "1-2:0.m4s"]);
}

#[test]
fn long_windows_date_every_tenth() {
    let mut channel = Channel::begun(601);
    channel.append(25);
    let dates = channel.playlist(LOW).matches("PROGRAM-DATE-TIME").count();
    assert_eq!(dates, 3);
}

#[test]
fn clear_after_encrypted_says_so() {
    let mut channel = Channel::begun(60);
    let mut info = track(LOW);
    info.keys = vec!["#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"".to_owned()];
    channel.timeline.set_track(LOW, info).unwrap();
    channel.append(1);
    channel.open(channel.end_ms());
    channel.append(1);
    assert!(channel.playlist(LOW).contains("1-2/video_400k/init.mp4\"\n#EXT-X-KEY:METHOD=NONE\n"));
    let mut info = track(LOW);
    info.keys = vec!["#EXT-X-KEY:METHOD=NONE\n#EXT-X-ENDLIST".to_owned()];
    assert!(channel.timeline.set_track(LOW, info).is_err());
}

#[test]
fn a_rendition_without_any_media_is_not_named() {
    let mut channel = Channel::begun(60);
    assert_eq!(multivariant_playlist(&channel.timeline), None);
    channel.append_without(&[HIGH]);
    let text = multivariant_playlist(&channel.timeline).unwrap();
    assert!(text.contains(LOW) && !text.contains(HIGH), "{text}");
    channel.append(1);
    assert!(multivariant_playlist(&channel.timeline).unwrap().contains(HIGH));
}

#[test]
fn a_process_that_takes_over_changes_the_bytes_and_nothing_else() {
    let mut channel = Channel::begun(60);
    channel.append(2);
    let before = channel.timeline.clone();
    channel.timeline.take_over();
    assert_ne!(channel.timeline.to_json().unwrap(), before.to_json().unwrap());
    assert_eq!(channel.timeline.open_period_id(), before.open_period_id());
    assert_eq!(channel.playlist(LOW), media_playlist(&before, LOW).unwrap());
    assert_eq!(Timeline::from_json(&channel.timeline.to_json().unwrap()).unwrap(), channel.timeline);
}

#[test]
fn audio_only_and_several_audio_renditions() {
    let measured = Measured { peak_bps: 0, bytes: 1000, micros: 1_000_000 };
    let audio = |name: &str, bps, language: Option<&str>, codec: &str| {
        let kind = Kind::Audio {
            sample_rate: Some(48_000),
            channels: Some(2),
            language: language.map(str::to_owned),
        };
        Rendition { codec: Some(codec.to_owned()), measured, ..Rendition::new(name, kind, bps) }
    };
    let both = vec![audio("a1", 128_000, Some("en"), "mp4a.40.2"), audio("a2", 64_000, Some("de"), "opus")];
    let timeline = Timeline::new(settings(0), both.clone()).unwrap();
    insta::assert_snapshot!(multivariant_playlist(&timeline).unwrap(), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-STREAM-INF:BANDWIDTH=128000,AVERAGE-BANDWIDTH=8000,CODECS="mp4a.40.2"
    a1/playlist.m3u8
    #EXT-X-STREAM-INF:BANDWIDTH=64000,AVERAGE-BANDWIDTH=8000,CODECS="opus"
    a2/playlist.m3u8
    "#);
    let kind = Kind::Video { width: 640, height: 360, frame_rate: Some((30_000, 1001)) };
    let mut ladder = vec![Rendition {
        codec: Some("avc1.4d401e".to_owned()),
        measured,
        ..Rendition::new("v", kind, 900_000)
    }];
    ladder.extend(both);
    let timeline = Timeline::new(settings(0), ladder).unwrap();
    insta::assert_snapshot!(multivariant_playlist(&timeline).unwrap(), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",LANGUAGE="en",NAME="a1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a1/playlist.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio2",LANGUAGE="de",NAME="a2",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a2/playlist.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=1028000,AVERAGE-BANDWIDTH=16000,CODECS="avc1.4d401e,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=29.970,AUDIO="audio"
    v/playlist.m3u8
    #EXT-X-STREAM-INF:BANDWIDTH=964000,AVERAGE-BANDWIDTH=16000,CODECS="avc1.4d401e,opus",RESOLUTION=640x360,FRAME-RATE=29.970,AUDIO="audio2"
    v/playlist.m3u8
    "#);
}

#[test]
fn stored_text_is_checked() {
    let mut channel = Channel::begun(60);
    channel.append(3);
    let json = String::from_utf8(channel.timeline.to_json().unwrap()).unwrap();
    assert_eq!(Timeline::from_json(json.as_bytes()).unwrap(), channel.timeline);
    let broken = [
        ("\"format\":1", "\"format\":2"),
        ("\"epoch\":1", "\"epoch\":-1"),
        ("\"sequences\":[0,0,0]", "\"sequences\":[0,0]"),
        ("\"timescale\":90000", "\"timescale\":0"),
        ("[1920,180000,", "[9223372036854775807,180000,"),
        ("video_800k", "video_400k"),
        ("video_800k", "../x"),
        ("\"ended\":false", "\"ended\":true"),
        ("\"1-1\"", "\"1-01\""),
    ];
    for (from, to) in broken {
        assert!(json.contains(from), "{from}");
        assert!(Timeline::from_json(json.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
    }
    assert!(matches!(
        Timeline::from_json(json.replace("\"format\":1", "\"format\":2,\"new\":0").as_bytes()),
        Err(Error::Format { found: 2, supported: 1 })
    ));
}

#[test]
fn json_stays_small() {
    let mut channel = Channel::begun(3600);
    channel.append(1800);
    let size = channel.timeline.to_json().unwrap().len();
    assert!(size < 60_000, "an hour of three renditions takes {size} bytes");
}

#[test]
fn bandwidth_is_the_larger_of_declared_and_measured() {
    let mut channel = Channel::begun(60);
    let slot = channel.slot(VIDEO_D);
    let mut slot = slot;
    if let Some(segment) = slot.get_mut(LOW) {
        segment.bytes = 1_000_001;
    }
    channel.push(&slot);
    let low = &channel.timeline.ladder()[0];
    assert_eq!(low.bandwidth_bps(), 4_100_000, "4 000 004 bit/s, rounded up");
    assert_eq!(media_playlist(&channel.timeline, "unknown"), None);
}

#[test]
fn a_resumed_channel_may_go_on_with_another_ladder() {
    let mut channel = Channel::begun(60);
    channel.append(3);
    // One more piece of sound than of the pictures.
    channel.append_trailing(1920);
    let other = || vec![ladder().remove(1)];
    let wider = settings(600);
    assert!(matches!(channel.timeline.rebuild(wider.clone(), other()), Err(Error::InWindow)));
    channel.timeline.end();
    assert!(matches!(channel.timeline.rebuild(wider.clone(), other()), Err(Error::Ended)));
    channel.timeline.resume(0).unwrap();
    let before = channel.timeline.clone();
    assert!(matches!(channel.timeline.rebuild(wider.clone(), Vec::new()), Err(Error::Corrupt(_))));
    assert_eq!(channel.timeline, before, "a refusal changes nothing");
    channel.timeline.rebuild(wider, other()).unwrap();
    assert_eq!(channel.timeline.media_sequence(HIGH), Some(4), "behind the sound, which had most");
    assert_eq!(channel.timeline.media_sequence(LOW), None);
    assert_eq!(channel.timeline.ladder()[0].codec, None, "the next init segment tells");
    // A name that comes back goes on behind what it once had.
    channel.timeline.rebuild(settings(60), ladder()).unwrap();
    assert_eq!(ALL.map(|name| channel.timeline.media_sequence(name)), [Some(4); 3]);
    let read = Timeline::from_json(&channel.timeline.to_json().unwrap()).unwrap();
    assert_eq!(read, channel.timeline);
}

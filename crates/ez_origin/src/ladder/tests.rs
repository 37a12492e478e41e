use ez_domain::spec::{AudioRendition, BucketName, Delivery, Preset, RenditionName, VideoRendition};
use ez_domain::units::Bitrate;

use super::*;

fn name(text: &str) -> RenditionName {
    RenditionName::new(text).unwrap()
}

fn rate(frames: u32) -> FrameRate {
    FrameRate::new(frames, 1).unwrap()
}

fn spec() -> JobSpec {
    let video = VideoRendition {
        name: name("low"),
        codec: VideoCodec::H264,
        width: 640,
        height: 360,
        frame_rate: None,
        bitrate: Bitrate::from_kbps(500),
        max_bitrate: Bitrate::from_kbps(600),
        buffer_bits: Bitrate::from_kbps(600),
        preset: Preset::Veryfast,
        crf: None,
        threads: 2,
    };
    let audio =
        AudioRendition { name: name("sound"), codec: AudioCodec::Aac, bitrate: Bitrate::from_kbps(96) };
    JobSpec {
        delivery: Delivery::HlsAndDash,
        segment_seconds: 4,
        gop_seconds: 2,
        low_latency: false,
        window_seconds: 60,
        reconnect_seconds: 60,
        protection: None,
        bucket: BucketName::new("live").unwrap(),
        video: vec![video],
        audio: vec![audio],
    }
}

fn changed(change: impl FnOnce(&mut JobSpec)) -> JobSpec {
    let mut spec = spec();
    change(&mut spec);
    spec
}

/// As a run leaves it: codecs are known, audio is described.
fn published() -> Timeline {
    let mut timeline = new_timeline(&spec(), rate(25)).unwrap();
    timeline.begin_run(1).unwrap();
    timeline.open_period(1_795_000_000_000).unwrap();
    for (rendition, codec, audio) in [("low", "avc1.42c00d", None), ("sound", "mp4a.40.2", Some((48_000, 2)))]
    {
        let info = ez_manifest::timeline::TrackInfo {
            timescale: 90_000,
            codec: codec.to_owned(),
            audio,
            keys: Vec::new(),
            protection: None,
        };
        timeline.set_track(rendition, info).unwrap();
    }
    timeline
}

#[test]
fn what_manifests_say_once_may_not_change_and_the_rest_may() {
    let timeline = published();
    type Change = fn(&mut JobSpec);
    let kept: [(&str, Change); 7] = [
        ("nothing", |_| {}),
        ("preset", |spec| spec.video[0].preset = Preset::Fast),
        ("bitrate below the peak", |spec| spec.video[0].bitrate = Bitrate::from_kbps(400)),
        ("gop", |spec| spec.gop_seconds = 4),
        ("window", |spec| spec.window_seconds = 600),
        ("delivery", |spec| spec.delivery = Delivery::Hls),
        ("the rate that it has", |spec| spec.video[0].frame_rate = Some(rate(25))),
    ];
    for (what, change) in kept {
        assert!(follows(&timeline, &changed(change)), "{what}");
        assert_eq!(resolved_frame_rate(&timeline, &changed(change)), Some(rate(25)), "{what}");
    }
    let broken: [(&str, Change); 9] = [
        ("segments", |spec| spec.segment_seconds = 2),
        ("size", |spec| spec.video[0].width = 320),
        ("name", |spec| spec.video[0].name = name("other")),
        ("frame rate", |spec| spec.video[0].frame_rate = Some(rate(50))),
        ("peak", |spec| spec.video[0].max_bitrate = Bitrate::from_kbps(700)),
        ("video codec", |spec| spec.video[0].codec = VideoCodec::H265),
        ("audio codec", |spec| spec.audio[0].codec = AudioCodec::Mp3),
        ("one less", |spec| spec.audio.clear()),
        ("order", |spec| {
            let mut other = spec.video[0].clone();
            other.name = name("first");
            spec.video.insert(0, other);
        }),
    ];
    for (what, change) in broken {
        assert!(!follows(&timeline, &changed(change)), "{what}");
        assert_eq!(resolved_frame_rate(&timeline, &changed(change)), None, "{what}");
    }
}

#[test]
fn a_renewed_timeline_follows_its_specification() {
    let other = changed(|spec| {
        spec.video[0].codec = VideoCodec::H265;
        spec.segment_seconds = 2;
        spec.audio.clear();
    });
    let mut timeline = published();
    assert!(matches!(renew(&mut timeline, &other, rate(30)), Err(Error::InWindow)));
    timeline.end();
    timeline.resume(0).unwrap();
    let before = timeline.clone();
    renew(&mut timeline, &spec(), rate(25)).unwrap();
    assert_eq!(timeline, before, "nothing to renew");
    renew(&mut timeline, &other, rate(30)).unwrap();
    assert!(follows(&timeline, &other) && !follows(&timeline, &spec()));
    assert_eq!(resolved_frame_rate(&timeline, &other), Some(rate(30)));
    let wider = changed(|spec| {
        *spec = other.clone();
        spec.window_seconds = 600;
    });
    renew(&mut timeline, &wider, rate(30)).unwrap();
    assert_eq!(timeline.settings().window_s, 600, "the window is taken over as well");
}

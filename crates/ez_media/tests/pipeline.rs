//! The built command lines, run for real: a made-up contribution through ffmpeg, FIFOs and
//! packager, and what comes out held against what was promised.

#[cfg(test)]
#[path = "../src/samples.rs"]
mod samples;

#[cfg(test)]
#[path = "pipeline/cuts.rs"]
mod cuts;
#[cfg(test)]
#[path = "pipeline/endings.rs"]
mod endings;
#[cfg(test)]
#[path = "pipeline/harness.rs"]
mod harness;
#[cfg(test)]
#[path = "pipeline/output.rs"]
mod output;

use ez_domain::content_key::{ContentKey, KeyBytes, KeyId};
use ez_domain::secret::Secret;
use ez_domain::spec::{AudioCodec, JobSpec, Preset, Protection, VideoCodec};
use ez_domain::units::Bitrate;
use ez_media::package::Fragments;

use harness::{Contribution, Run};

/// Three small rungs with rates far enough apart to be told from each other.
fn small_ladder() -> JobSpec {
    let mut spec = samples::ladder();
    spec.gop_seconds = 1;
    spec.video = vec![
        samples::video("low", (128, 72), 60, 90, Preset::Veryfast),
        // Without B-frames beside rungs with them: the start must be the same.
        samples::video("mid", (192, 108), 180, 270, Preset::Ultrafast),
        samples::video("high", (320, 180), 500, 700, Preset::Veryfast),
    ];
    spec
}

#[test]
fn a_ladder_is_cut_alike_and_each_rung_has_its_own_rate() {
    let spec = small_ladder();
    let run = Run::of(&spec, &Contribution::default()).start();
    run.assert_went_well();

    cuts::assert_every_two_seconds(&run, 8);
    cuts::assert_sound_goes_with_pictures(&run);
    for rendition in &spec.video {
        output::assert_rate_near(&run, &rendition.name, rendition.bitrate, 8.0);
        assert_eq!(run.size(&rendition.name), (rendition.width, rendition.height));
    }
    output::assert_rate_near(&run, &spec.audio[0].name, spec.audio[0].bitrate, 8.0);
    output::assert_audio_starts_with_video(&run);

    let progress = run.last_progress();
    assert!(progress.is_last);
    assert!(progress.frame.is_some_and(|frames| (238..=242).contains(&frames)), "{progress:?}");
    assert!(progress.out_time_us.is_some_and(|time| (7_800_000..8_200_000).contains(&time)), "{progress:?}");
    assert!(progress.speed.is_some() && progress.total_size.is_some(), "{progress:?}");
}

#[test]
fn ntsc_rungs_of_two_rates_are_cut_at_the_same_frames() {
    let mut spec = small_ladder();
    spec.gop_seconds = 2;
    spec.audio.clear();
    spec.video.truncate(2);
    spec.video[1].frame_rate = Some(samples::rate(60_000, 1001));
    let contribution = Contribution { rate: "30000/1001", size: "128x72", seconds: 40 };
    let run = Run::of(&spec, &contribution).at(samples::rate(30_000, 1001)).start();
    run.assert_went_well();

    // The first frame at or after each multiple of two seconds: frame ceil(k * 60000/1001).
    let expected: Vec<u64> =
        (0..20).map(|cut: u64| (cut * 60_000).div_ceil(1001) * 3003 + run.start_ticks()).collect();
    assert!(
        expected.windows(2).any(|pair| pair[1] - pair[0] == 59 * 3003),
        "the shorter segment is within reach"
    );
    for name in ["low", "mid"] {
        let found = run.media(&samples::name(name)).segment_starts;
        assert_eq!(found[..20], expected, "{name}");
    }
    cuts::check_alike(&run).unwrap();
}

#[test]
fn low_latency_has_no_reordering_and_a_fragment_per_frame() {
    let mut spec = small_ladder();
    spec.low_latency = true;
    let run = Run::of(&spec, &Contribution::default()).fragments(Fragments::PerFrame).start();
    run.assert_went_well();

    cuts::assert_every_two_seconds(&run, 8);
    cuts::assert_sound_goes_with_pictures(&run);
    assert_eq!(run.start_ticks(), 25 * 90);
    for rendition in &spec.video {
        let media = run.media(&rendition.name);
        assert!(
            media.packets.iter().all(|packet| packet.dts == packet.pts),
            "{} has B-frames",
            rendition.name
        );
        assert_eq!(run.fragments_in_first_segment(&rendition.name), 60, "{}", rendition.name);
    }
    // The control: the usual mode reorders, and has one fragment in a segment.
    let usual = Run::of(&small_ladder(), &Contribution { seconds: 4, ..Contribution::default() }).start();
    let high = samples::name("high");
    assert!(usual.media(&high).packets.iter().any(|packet| packet.dts != packet.pts));
    assert_eq!(usual.fragments_in_first_segment(&high), 1);
}

#[test]
fn audio_only_needs_no_picture() {
    let mut spec = small_ladder();
    spec.video.clear();
    spec.audio = vec![samples::audio("a128", 128), samples::audio("a48", 48), samples::audio("mp3", 64)];
    spec.audio[2].codec = AudioCodec::Mp3;
    let run = Run::of(&spec, &Contribution::default()).start();
    run.assert_went_well();

    for rendition in &spec.audio {
        let media = run.media(&rendition.name);
        output::assert_rate_near(&run, &rendition.name, rendition.bitrate, 8.0);
        // A segment edge falls on the first audio frame of its two seconds, never later than
        // the longest frame (1152 samples).
        for (index, start) in media.segment_starts.iter().enumerate().skip(1) {
            let late = start - u64::try_from(index).unwrap() * 180_000;
            assert!(late <= 2160, "{} segment {index} begins {late} ticks late", rendition.name);
        }
        assert!((4..=5).contains(&media.segment_starts.len()), "{:?}", media.segment_starts);
    }
}

#[test]
fn h265_and_av1_are_cut_like_h264() {
    let mut spec = small_ladder();
    spec.video[0].codec = VideoCodec::H265;
    spec.video[0].preset = Preset::Ultrafast;
    // Enough for the noise at x265's coarsest: it needs longer to come down to 60 kb/s.
    spec.video[0].bitrate = Bitrate::from_kbps(200);
    spec.video[0].max_bitrate = Bitrate::from_kbps(250);
    spec.video[0].buffer_bits = Bitrate::from_kbps(250);
    spec.video[2].codec = VideoCodec::Av1;
    spec.video[2].preset = Preset::SvtAv1(12);
    // SVT's constant rate holds on noise from here on; below it overshoots by a third.
    spec.video[2].bitrate = Bitrate::from_kbps(1000);
    let run = Run::of(&spec, &Contribution { seconds: 6, ..Contribution::default() }).start();
    run.assert_went_well();

    cuts::assert_every_two_seconds(&run, 6);
    cuts::assert_sound_goes_with_pictures(&run);
    for (name, codec) in [("low", "hevc"), ("mid", "h264"), ("high", "av1")] {
        assert_eq!(run.codec(&samples::name(name)), codec);
    }
    for rendition in &spec.video {
        output::assert_rate_near(&run, &rendition.name, rendition.bitrate, 6.0);
    }
    output::assert_audio_starts_with_video(&run);
}

#[test]
fn constant_quality_stays_below_its_cap() {
    let mut spec = small_ladder();
    for (rendition, codec) in spec.video.iter_mut().zip([VideoCodec::H264, VideoCodec::H265, VideoCodec::Av1])
    {
        rendition.codec = codec;
        rendition.preset = Preset::Ultrafast;
        // Best quality: noise would take megabits without the cap.
        rendition.crf = Some(10);
        rendition.max_bitrate = Bitrate::from_kbps(300);
        rendition.buffer_bits = Bitrate::from_kbps(300);
    }
    let run = Run::of(&spec, &Contribution { seconds: 6, ..Contribution::default() }).start();
    run.assert_went_well();
    for rendition in &spec.video {
        // Not above the cap, but near it: the buffer alone holds a second more at the start.
        output::assert_rate_near(&run, &rendition.name, rendition.max_bitrate, 6.0);
    }
}

/// What a period before has shown is decoded and not encoded again; the rest is cut as ever.
#[test]
fn a_preroll_is_left_out_of_every_rendition() {
    let spec = small_ladder();
    let run = Run::of(&spec, &Contribution::default()).after(2000).start();
    run.assert_went_well();
    cuts::assert_every_two_seconds(&run, 6);
    cuts::assert_sound_goes_with_pictures(&run);
    // The control: with nothing left out there is so much more.
    let whole = Run::of(&spec, &Contribution::default()).start();
    let name = &spec.video[0].name;
    assert_eq!(whole.segments(name).len(), run.segments(name).len() + 1);
}

#[test]
fn protected_media_are_encrypted_from_the_first_sample() {
    let spec = JobSpec { protection: Some(Protection::CbcsClearKey), ..small_ladder() };
    let key = Secret::new(KeyBytes::from_bytes([0xab; 16]));
    let key = ContentKey { id: KeyId::from_bytes([0x11; 16]), key };
    let contribution = Contribution { seconds: 4, ..Contribution::default() };
    let run = Run::of(&spec, &contribution).encrypted(&key).start();
    run.assert_went_well();
    let clear = Run::of(&small_ladder(), &contribution).start();
    for name in spec.rendition_names() {
        let boxes = |init: &[u8]| {
            let has = |kind: &[u8]| init.windows(4).any(|four| four == kind);
            (has(b"encv") || has(b"enca"), has(b"cbcs"), init.windows(16).any(|kid| kid == [0x11; 16]))
        };
        assert_eq!(boxes(&run.init_segment(name)), (true, true, true), "{name}");
        assert_eq!(boxes(&clear.init_segment(name)), (false, false, false), "{name}");
        for (time, segment) in run.segments(name) {
            assert!(segment.windows(4).any(|kind| kind == b"senc"), "{name} {time} is in clear");
        }
    }
}

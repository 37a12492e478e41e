use ez_domain::spec::{AudioCodec, VideoCodec};
use proptest::prelude::*;

use super::*;
use crate::samples;

/// One option with its value per line, so that a change reads well in review.
fn lines(spec: &JobSpec, frame_rate: FrameRate) -> String {
    let argv = argv(&Plan { spec, frame_rate, preroll_ms: 0 });
    let mut text = String::new();
    for argument in argv.as_slice() {
        let is_option =
            argument.starts_with('-') && argument[1..].starts_with(|c: char| c.is_ascii_lowercase());
        text.push(if is_option && !text.is_empty() { '\n' } else { ' ' });
        text.push_str(argument);
    }
    text.trim_start().to_owned()
}

#[test]
fn the_sample_job() {
    insta::assert_snapshot!(lines(&samples::sample_job(), samples::rate(30, 1)));
}

#[test]
fn a_low_latency_ladder() {
    let mut spec = samples::ladder();
    spec.low_latency = true;
    insta::assert_snapshot!(lines(&spec, samples::rate(30, 1)));
}

#[test]
fn an_ntsc_ladder_with_capped_quality() {
    let mut spec = samples::ladder();
    spec.video[2].crf = Some(23);
    insta::assert_snapshot!(lines(&spec, samples::rate(30_000, 1001)));
}

#[test]
fn audio_only() {
    let mut spec = samples::ladder();
    spec.video.clear();
    spec.audio.push(samples::audio("a32", 8));
    spec.audio[1].codec = AudioCodec::Mp3;
    insta::assert_snapshot!(lines(&spec, samples::rate(30, 1)));
}

#[test]
fn h265_beside_av1_without_audio() {
    let mut spec = samples::ladder();
    spec.audio.clear();
    spec.video.remove(0);
    spec.video[0].codec = VideoCodec::H265;
    spec.video[1].codec = VideoCodec::Av1;
    insta::assert_snapshot!(lines(&spec, samples::rate(25, 1)));
}

#[test]
fn the_start_offset_covers_reordering_and_priming_beside_a_cut() {
    let mut spec = samples::ladder();
    let offset = |spec: &JobSpec, numerator, denominator| {
        Plan { spec, frame_rate: samples::rate(numerator, denominator), preroll_ms: 0 }.start_offset_ms()
    };
    assert_eq!(offset(&spec, 30, 1), 2025);
    assert_eq!(offset(&spec, 25, 1), 2025);
    assert_eq!(offset(&spec, 30_000, 1001), 2025);
    assert_eq!(offset(&spec, 120, 1), 25);
    assert_eq!(offset(&spec, 1, 1), 4025);
    spec.low_latency = true;
    assert_eq!(offset(&spec, 30, 1), 25);
    spec.low_latency = false;
    spec.video.clear();
    assert_eq!(offset(&spec, 30, 1), 25);
}

pub(crate) fn any_spec() -> impl Strategy<Value = JobSpec> {
    let codec = prop_oneof![Just(VideoCodec::H264), Just(VideoCodec::H265), Just(VideoCodec::Av1)];
    let preset = prop_oneof![
        (0_usize..10).prop_map(|index| ez_domain::spec::Preset::NAMED[index].1),
        (0_u8..14).prop_map(ez_domain::spec::Preset::SvtAv1),
    ];
    let rate = prop_oneof![
        Just(None),
        Just(Some(samples::rate(25, 1))),
        Just(Some(samples::rate(60_000, 1001))),
        (1_u32..120).prop_map(|fps| Some(samples::rate(fps, 1))),
    ];
    let video = (
        codec,
        preset,
        rate,
        32_u32..1920,
        32_u32..1080,
        10_u64..100_000,
        proptest::option::of(1_u8..52),
        1_u32..65,
    );
    let audio = (any::<bool>(), 8_u64..513);
    let switches = (any::<bool>(), 1_u32..31, 1_u32..11);
    (proptest::collection::vec(video, 0..11), proptest::collection::vec(audio, 0..6), switches).prop_map(
        |(video, audio, (low_latency, segment_seconds, gop_seconds))| JobSpec {
            low_latency,
            segment_seconds,
            gop_seconds,
            video: video
                .into_iter()
                .enumerate()
                .map(|(index, (codec, preset, frame_rate, half_width, half_height, kbps, crf, threads))| {
                    VideoRendition {
                        codec,
                        frame_rate,
                        crf,
                        threads,
                        ..samples::video(
                            &format!("v{index}"),
                            (half_width * 2, half_height * 2),
                            kbps,
                            kbps * 2,
                            preset,
                        )
                    }
                })
                .collect(),
            audio: audio
                .into_iter()
                .enumerate()
                .map(|(index, (is_mp3, kbps))| {
                    let mut rendition = samples::audio(&format!("a{index}"), kbps);
                    if is_mp3 {
                        rendition.codec = AudioCodec::Mp3;
                    }
                    rendition
                })
                .collect(),
            ..samples::sample_job()
        },
    )
}

fn count(argv: &Argv, wanted: impl Fn(&str) -> bool) -> usize {
    argv.as_slice().iter().filter(|argument| wanted(argument)).count()
}

proptest! {
    #[test]
    fn any_job_gives_a_whole_command_line(spec in any_spec()) {
        let plan = Plan { spec: &spec, frame_rate: samples::rate(30_000, 1001), preroll_ms: 0 };
        let argv = argv(&plan);
        let renditions = spec.video.len() + spec.audio.len();
        prop_assert!(argv.as_slice().iter().all(|argument| !argument.is_empty() && !argument.contains('\0')));
        prop_assert_eq!(count(&argv, |argument| argument == "-map"), renditions);
        prop_assert_eq!(count(&argv, |argument| argument == "0:a:0"), spec.audio.len());
        for index in 0..spec.video.len() {
            // Once as the output of the graph and once mapped.
            prop_assert_eq!(count(&argv, |argument| argument == format!("[v{index}]")), 1);
        }
        prop_assert_eq!(count(&argv, |argument| argument.starts_with("-c:")), renditions);
        prop_assert_eq!(count(&argv, |argument| argument.starts_with("-threads")), renditions + 1);
        for fifo in feeds(&spec).iter().map(|feed| &feed.fifo) {
            prop_assert_eq!(count(&argv, |argument| argument == fifo), 1);
        }
        // Key frames of all feeds follow one rule.
        let mut rules: Vec<_> = argv.as_slice().iter().filter(|argument| argument.starts_with("expr:")).collect();
        rules.dedup();
        prop_assert!(rules.len() <= 1);
        // No per-stream option without its stream, where the last one would win for all.
        for option in ["-b:v", "-maxrate", "-bufsize", "-preset", "-crf", "-tune", "-profile", "-g", "-r", "-b:a", "-c:v"] {
            prop_assert_eq!(count(&argv, |argument| argument == option), 0, "{}", option);
        }
        // The process reads stdin alone.
        prop_assert_eq!(count(&argv, |argument| argument == "-i"), 1);
    }
}

//! What holds for every request.

use std::collections::HashSet;

use ez_domain::spec::{
    AudioCodec, AudioRendition, BucketName, Delivery, JobSpec, Preset, Protection, RenditionName, VideoCodec,
    VideoRendition, rules,
};
use ez_domain::units::{Bitrate, FrameRate};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::super::keys;
use super::{SAMPLE, parse};
use crate::spec_document::SpecDocument;

fn body_of(spec: &JobSpec) -> Vec<u8> {
    serde_json::to_vec(&SpecDocument::from(spec)).unwrap()
}

/// Any limit that `spec` breaks.
fn broken_limit(spec: &JobSpec) -> Option<&'static str> {
    let names: HashSet<&RenditionName> = spec.rendition_names().collect();
    let count = spec.video.len() + spec.audio.len();
    let rate = |rate: FrameRate| (rules::MIN_FRAME_RATE..=rules::MAX_FRAME_RATE).contains(&rate.as_f64());
    let holds = [
        ("renditions", count > 0 && spec.video.len() <= 10 && spec.audio.len() <= 5),
        ("names", names.len() == count),
        ("segment", rules::SEGMENT_SECONDS.contains(&u64::from(spec.segment_seconds))),
        ("gop", rules::GOP_SECONDS.contains(&u64::from(spec.gop_seconds))),
        (
            "gop divides segment",
            spec.gop_seconds > 0 && spec.segment_seconds.is_multiple_of(spec.gop_seconds),
        ),
        ("window", spec.window_seconds <= 14_400),
        ("reconnect", spec.reconnect_seconds <= 1800),
        (
            "width",
            spec.video.iter().all(|video| rules::WIDTH.contains(&video.width.into()) && video.width % 2 == 0),
        ),
        (
            "height",
            spec.video
                .iter()
                .all(|video| rules::HEIGHT.contains(&video.height.into()) && video.height % 2 == 0),
        ),
        ("frame rate", spec.video.iter().all(|video| video.frame_rate.is_none_or(rate))),
        ("bitrate", spec.video.iter().all(|video| rules::VIDEO_BITRATE_BPS.contains(&video.bitrate.bps()))),
        ("peak", spec.video.iter().all(|video| rules::VIDEO_BITRATE_BPS.contains(&video.max_bitrate.bps()))),
        ("peak above average", spec.video.iter().all(|video| video.max_bitrate >= video.bitrate)),
        (
            "buffer",
            spec.video.iter().all(|video| rules::VIDEO_BUFFER_BITS.contains(&video.buffer_bits.bps())),
        ),
        ("crf", spec.video.iter().all(|video| video.crf.is_none_or(|crf| rules::CRF.contains(&crf.into())))),
        ("threads", spec.video.iter().all(|video| rules::THREADS.contains(&video.threads.into()))),
        ("video codec", spec.video.iter().all(|video| video.codec == VideoCodec::H264)),
        ("audio codec", spec.audio.iter().all(|audio| audio.codec == AudioCodec::Aac)),
        (
            "audio bitrate",
            spec.audio.iter().all(|audio| rules::AUDIO_BITRATE_BPS.contains(&audio.bitrate.bps())),
        ),
    ];
    holds.into_iter().find(|(_, holds)| !holds).map(|(rule, _)| rule)
}

prop_compose! {
    fn video()(
        label in "[a-zA-Z0-9][a-zA-Z0-9_-]{0,20}",
        (width, height) in (32_u32..=1920, 32_u32..=1080),
        frame_rate in proptest::option::of(1_000_u32..=120_000),
        bitrate in rules::VIDEO_BITRATE_BPS,
        headroom in 0_u64..=50_000_000,
        buffer in rules::VIDEO_BUFFER_BITS,
        preset in select(Preset::NAMED.to_vec()),
        crf in proptest::option::of(1_u8..=51),
        threads in 1_u32..=64,
    ) -> (String, VideoRendition) {
        (label, VideoRendition {
            name: RenditionName::new("unnamed").unwrap(),
            codec: VideoCodec::H264,
            width: width * 2,
            height: height * 2,
            frame_rate: frame_rate.and_then(|thousandths| FrameRate::from_decimal(f64::from(thousandths) / 1000.0)),
            bitrate: Bitrate::from_bps(bitrate),
            max_bitrate: Bitrate::from_bps((bitrate + headroom).min(*rules::VIDEO_BITRATE_BPS.end())),
            buffer_bits: Bitrate::from_bps(buffer),
            preset: preset.1,
            crf,
            threads,
        })
    }
}

prop_compose! {
    fn spec()(
        delivery in select(vec![Delivery::Hls, Delivery::Dash, Delivery::HlsAndDash]),
        (gop_seconds, gops) in (1_u32..=10, 1_u32..=30),
        low_latency in any::<bool>(),
        window_seconds in 0_u32..=14_400,
        reconnect_seconds in 0_u32..=1800,
        protection in select(vec![None, Some(Protection::CbcsClearKey)]),
        bucket in "[a-z0-9][a-z0-9-]{1,20}[a-z0-9]",
        mut video in vec(video(), 0..=10),
        audio in vec(("[a-zA-Z0-9][a-zA-Z0-9_-]{0,20}", rules::AUDIO_BITRATE_BPS), 1..=5),
    ) -> JobSpec {
        // The index keeps names apart, and the letter keeps them from naming a period.
        let name = |label: &str, kind: char, index: usize| RenditionName::new(format!("{label}{kind}{index}")).unwrap();
        let video = video.drain(..).enumerate()
            .map(|(index, (label, video))| VideoRendition { name: name(&label, 'v', index), ..video }).collect();
        let audio = audio.iter().enumerate().map(|(index, (label, bps))| AudioRendition {
            name: name(label, 'a', index),
            codec: AudioCodec::Aac,
            bitrate: Bitrate::from_bps(*bps),
        }).collect();
        let segment_seconds = gop_seconds * (gops.min(30 / gop_seconds));
        JobSpec {
            delivery, segment_seconds, gop_seconds, low_latency, window_seconds, reconnect_seconds,
            protection, bucket: BucketName::new(bucket).unwrap(), video, audio,
        }
    }
}

/// Values of every type, many just inside or outside a limit of something.
fn value() -> impl Strategy<Value = Value> {
    let odd = vec![
        json!(null),
        json!(true),
        json!(false),
        json!(""),
        json!("hls"),
        json!("dash"),
        json!("fmp4"),
        json!("h264"),
        json!("aac"),
        json!("av1"),
        json!("500k"),
        json!("1.5m"),
        json!("64"),
        json!("1-1"),
        json!("a b"),
        json!([]),
        json!({}),
        json!([null]),
        json!([{}]),
        json!({"Bucket": "abc"}),
        json!({"Protection_system": "FairPlay"}),
        json!(-1),
        json!(0),
        json!(1),
        json!(0.5),
        json!(2.0),
        json!(29.97),
        json!(119.999),
        json!(120.001),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(14_400),
        json!(1800),
        json!(3840),
        json!(2160),
    ];
    prop_oneof![3 => select(odd), 2 => (0_u64..=130).prop_map(Value::from), 1 => "\\PC{0,8}".prop_map(Value::from)]
}

fn key() -> impl Strategy<Value = String> {
    let known: Vec<String> =
        keys::OBJECTS.iter().flat_map(|(_, keys)| keys.iter().map(|key| (*key).to_owned())).collect();
    prop_oneof![8 => select(known), 1 => "[a-zA-Z_/~]{0,6}"]
}

/// One change: the element at `position` (counted through the whole document) gets `key` set to `value`.
fn mutate(document: &mut Value, position: &mut usize, key: &str, value: &Value) {
    let is_here = *position == 0;
    // Passes zero only once: after it, no position comes up again.
    *position = position.wrapping_sub(1);
    if is_here {
        if let Value::Object(members) = document {
            members.insert(key.to_owned(), value.clone());
        } else {
            *document = value.clone();
        }
        return;
    }
    match document {
        Value::Object(members) => {
            members.values_mut().for_each(|member| mutate(member, position, key, value));
        }
        Value::Array(elements) => {
            elements.iter_mut().for_each(|element| mutate(element, position, key, value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Checks what must hold of any body; tells whether it was accepted.
fn check(body: &[u8]) -> Result<bool, TestCaseError> {
    match parse(body) {
        Err(faults) => {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(!fault.detail.is_empty());
                prop_assert!(fault.pointer.is_empty() || fault.pointer.starts_with('/'), "{:?}", fault);
            }
            Ok(false)
        }
        Ok(job) => {
            prop_assert_eq!(broken_limit(&job.spec), None);
            let again = parse(&body_of(&job.spec));
            prop_assert_eq!(again.map(|again| again.spec), Ok(job.spec));
            Ok(true)
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in vec(any::<u8>(), 0..200)) {
        check(&body)?;
    }

    #[test]
    fn no_damage_to_a_sample_panics(
        cut in 0..SAMPLE.len(), length in 0_usize..20, patch in vec(any::<u8>(), 0..6),
    ) {
        let mut body = SAMPLE.as_bytes().to_vec();
        body.splice(cut..(cut + length).min(SAMPLE.len()), patch);
        check(&body)?;
    }

    #[test]
    fn a_specification_survives_its_wire_form(spec in spec()) {
        let first = parse(&body_of(&spec));
        prop_assert_eq!(first.as_ref().map(|job| &job.spec), Ok(&spec));
        let job = first.unwrap();
        prop_assert!(!job.dry_run);
        prop_assert_eq!(parse(&body_of(&job.spec)).unwrap().warnings, job.warnings);
    }

    #[test]
    fn changed_specifications_keep_all_limits_or_are_refused(
        spec in spec(), changes in vec((0_usize..60, key(), value()), 1..3),
    ) {
        let mut document = serde_json::to_value(SpecDocument::from(&spec)).unwrap();
        for (mut position, key, value) in changes {
            mutate(&mut document, &mut position, &key, &value);
        }
        let body = document.to_string();
        check(body.as_bytes())?;
        for fault in parse(body.as_bytes()).err().unwrap_or_default() {
            // The place itself may be what is missing; what it should be in is there.
            let parent = fault.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            prop_assert!(document.pointer(parent).is_some(), "{:?}", fault);
        }
    }

    #[test]
    fn keys_are_found_in_any_case(spec in spec(), flips in vec(any::<bool>(), 64)) {
        fn flip(value: Value, flips: &mut impl Iterator<Item = bool>) -> Value {
            match value {
                Value::Object(members) => members.into_iter().map(|(key, value)| {
                    let key: String = key.chars()
                        .map(|letter| if flips.next() == Some(true) { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() })
                        .collect();
                    (key, flip(value, flips))
                }).collect(),
                Value::Array(elements) => elements.into_iter().map(|element| flip(element, flips)).collect(),
                scalar => scalar,
            }
        }
        let document = serde_json::to_value(SpecDocument::from(&spec)).unwrap();
        let flipped = flip(document, &mut flips.into_iter().cycle());
        prop_assert_eq!(parse(flipped.to_string().as_bytes()).map(|job| job.spec), Ok(spec));
    }
}

#[test]
fn the_limits_checker_sees_a_broken_limit() {
    let sound = parse(SAMPLE.as_bytes()).unwrap().spec;
    assert_eq!(broken_limit(&sound), None);
    let mut spec = sound.clone();
    spec.video[0].width = 641;
    assert_eq!(broken_limit(&spec), Some("width"));
    let mut spec = sound.clone();
    spec.video[1].name = spec.video[0].name.clone();
    assert_eq!(broken_limit(&spec), Some("names"));
    let mut spec = sound.clone();
    spec.video[1].max_bitrate = Bitrate::from_bps(10_000);
    assert_eq!(broken_limit(&spec), Some("peak above average"));
    let mut spec = sound;
    spec.gop_seconds = 3;
    assert_eq!(broken_limit(&spec), Some("gop divides segment"));
}

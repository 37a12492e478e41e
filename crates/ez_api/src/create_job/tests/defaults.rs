//! What accepted requests become.

use ez_domain::spec::{Delivery, JobSpec, Preset, Protection, VideoCodec};
use ez_domain::units::Bitrate;
use serde_json::{Value, json};

use super::{SAMPLE, SAMPLE_WITH_DRM, parse, parsed, put, valid, with};
use crate::spec_document::SpecDocument;

fn document_of(spec: &JobSpec) -> Value {
    serde_json::to_value(SpecDocument::from(spec)).unwrap()
}

/// Where `whole` lacks or changes something that `part` has.
fn differences(part: &Value, whole: &Value, pointer: &str) -> Vec<String> {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .flat_map(|(key, value)| {
                differences(value, whole.get(key).unwrap_or(&Value::Null), &format!("{pointer}/{key}"))
            })
            .collect(),
        (Value::Array(part), Value::Array(whole)) if part.len() == whole.len() => part
            .iter()
            .zip(whole)
            .enumerate()
            .flat_map(|(index, (part, whole))| differences(part, whole, &format!("{pointer}/{index}")))
            .collect(),
        (part, whole) if part == whole => Vec::new(),
        // The original takes and answers 0 and 1; its own sample says `false`.
        (Value::Bool(flag), Value::Number(digit)) if digit.as_u64() == Some(u64::from(*flag)) => Vec::new(),
        (part, whole) => vec![format!("{pointer}: {part} became {whole}")],
    }
}

#[test]
fn the_sample_is_taken_unchanged() {
    let sample: Value = serde_json::from_str(SAMPLE).unwrap();
    let job = parse(SAMPLE.as_bytes()).unwrap();
    assert!(!job.dry_run);
    assert_eq!(differences(&sample, &document_of(&job.spec), ""), Vec::<String>::new());

    // The comparison sees a change, and something missing.
    let mut changed = sample;
    put(&mut changed, "/Output/Video_outputs/1/Threads", json!(3));
    put(&mut changed, "/Output/Other", json!(1));
    assert_eq!(differences(&changed, &document_of(&job.spec), "").len(), 2);
}

#[test]
fn the_sample_with_drm_is_taken_and_protected() {
    let job = parse(SAMPLE_WITH_DRM.as_bytes()).unwrap();
    assert_eq!(job.spec.protection, Some(Protection::CbcsClearKey));
    let drm = json!({"Disable_clear_key": 0, "Protection_system": "FairPlay", "Protection_scheme": "cbcs"});
    assert_eq!(document_of(&job.spec)["Output"]["Drm"], drm);
    for spelling in ["FAIRPLAY", "fairplay", "Fairplay"] {
        let drm = json!({"Protection_system": spelling, "Protection_scheme": "CBCS"});
        assert_eq!(parsed(&with("/Output/Drm", drm)).spec.protection, Some(Protection::CbcsClearKey));
    }
}

#[test]
fn the_wire_form_with_every_default() {
    insta::assert_json_snapshot!("spec_document", SpecDocument::from(&parsed(&valid()).spec));
}

#[test]
fn what_is_left_out_has_its_default() {
    let spec = parsed(&valid()).spec;
    assert_eq!(spec.delivery, Delivery::HlsAndDash);
    assert_eq!((spec.segment_seconds, spec.gop_seconds), (4, 1));
    assert_eq!((spec.window_seconds, spec.reconnect_seconds, spec.low_latency), (120, 60, false));
    let names: Vec<&str> = spec.rendition_names().map(|name| name.as_str()).collect();
    assert_eq!(names, ["video_500k", "video_1500k", "audio_128k"]);
    let video = &spec.video[0];
    assert_eq!((video.codec, video.preset, video.threads), (VideoCodec::H264, Preset::Veryfast, 2));
    assert_eq!((video.crf, video.frame_rate), (None, None));
    assert_eq!(video.max_bitrate, Bitrate::from_kbps(600));
    assert_eq!(video.buffer_bits, Bitrate::from_kbps(1000));
}

#[test]
fn a_default_never_leaves_the_limits() {
    let spec = parsed(&with("/Output/Video_outputs/0/Bitrate", json!("100m"))).spec;
    assert_eq!(spec.video[0].max_bitrate, Bitrate::from_kbps(100_000));
    assert_eq!(spec.video[0].buffer_bits, Bitrate::from_kbps(200_000));
}

#[test]
fn null_and_the_unset_values_of_the_original_are_absences() {
    let expected = parsed(&valid());
    for (pointer, value) in [
        ("/Input", json!(null)),
        ("/Api_test", json!(null)),
        ("/Api_test", json!(0)),
        ("/Output/Segment_format", json!("")),
        ("/Output/Segment_format", json!("fmp4")),
        ("/Output/Segment_format", json!("cmaf")),
        ("/Output/Segment_duration", json!(null)),
        ("/Output/Segment_duration", json!(4.0)),
        ("/Output/Low_latency_mode", json!(0)),
        ("/Output/Reconnect_window", json!(null)),
        ("/Output/Drm", json!(null)),
        ("/Output/Drm", json!({})),
        (
            "/Output/Drm",
            json!({"disable_clear_key": false, "Protection_system": "", "Protection_scheme": ""}),
        ),
        ("/Output/Drm", json!({"Disable_clear_key": 0, "Protection_system": null})),
        ("/Output/Detection", json!({})),
        ("/Output/Detection", json!({"Encode_crf": 0, "Encode_codec": ""})),
        ("/Output/Video_outputs/0/Framerate", json!(0)),
        ("/Output/Video_outputs/0/Crf", json!(0)),
        ("/Output/Video_outputs/0/Max_bitrate", json!("")),
        ("/Output/Video_outputs/0/Preset", json!("")),
        ("/Output/Video_outputs/0/Label", json!("")),
        ("/Output/Video_outputs/0/Label", json!("video_500k")),
    ] {
        assert_eq!(parsed(&with(pointer, value.clone())), expected, "{pointer} = {value}");
    }
}

#[test]
fn spellings_that_mean_the_same() {
    for spelling in
        [json!("500k"), json!("500K"), json!("0.5m"), json!("0.50M"), json!(500_000), json!("500000")]
    {
        let spec = parsed(&with("/Output/Video_outputs/0/Bitrate", spelling.clone())).spec;
        assert_eq!(spec, parsed(&valid()).spec, "{spelling}");
    }
    for (spelling, expected) in
        [(json!(1), true), (json!(true), true), (json!(0), false), (json!(false), false)]
    {
        let job = parsed(&with("/Output/Low_latency_mode", spelling.clone()));
        assert_eq!(job.spec.low_latency, expected, "{spelling}");
        assert_eq!(parsed(&with("/Api_test", spelling.clone())).dry_run, expected, "{spelling}");
    }
    for (spelling, rate) in [
        (json!(25), "25"),
        (json!(25.0), "25"),
        (json!(29.97), "30000/1001"),
        (json!(1), "1"),
        (json!(120), "120"),
    ] {
        let spec = parsed(&with("/Output/Video_outputs/0/Framerate", spelling.clone())).spec;
        assert_eq!(spec.video[0].frame_rate.unwrap().to_string(), rate, "{spelling}");
    }
    let lower = valid().to_string().to_lowercase();
    assert_eq!(parse(lower.as_bytes()).unwrap(), parsed(&valid()), "keys in lower case");
}

#[test]
fn sound_alone_and_pictures_alone_are_jobs() {
    let mut audio_only = valid();
    audio_only["Output"].as_object_mut().unwrap().remove("Video_outputs");
    let spec = parsed(&audio_only).spec;
    assert_eq!((spec.video.len(), spec.audio.len()), (0, 1));
    assert_eq!(document_of(&spec)["Output"]["Video_outputs"], json!([]), "an empty list, never null");

    let spec = parsed(&with("/Output/Audio_outputs", json!(null))).spec;
    assert_eq!((spec.video.len(), spec.audio.len()), (2, 0));
    assert_eq!(document_of(&spec)["Output"]["Audio_outputs"], json!([]));
}

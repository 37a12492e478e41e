//! Each way to be wrong, with the place and the mend that the client is told.

use serde_json::{Value, json};

use super::super::keys;
use super::{put, refused, valid, with};
use crate::fault::Fault;

const V: &str = "/Output/Video_outputs/0";
const A: &str = "/Output/Audio_outputs/0";

/// (where the value is put, the value, where the fault is, what its detail says)
fn single_faults() -> Vec<(String, Value, String, &'static str)> {
    let mut cases: Vec<(String, Value, String, &'static str)> = Vec::new();
    let mut case = |pointer: &str, value: Value, mend: &'static str| {
        cases.push((pointer.to_owned(), value, pointer.to_owned(), mend));
    };
    // Shape.
    case("/Output", json!(null), "Output is missing; give an object");
    case("/Output", json!([]), "an object is needed, a list was given; write {…} with Stream_type");
    case("/Output", json!("x"), "an object is needed, \"x\" was given");
    case("/Api_test", json!("1"), "write 1 without quotation marks");
    case("/Api_test", json!(2), "write true or false");
    // Keys.
    case("/Ouput", json!({}), "did you mean \"Output\"?");
    case("/Video_outputs", json!([]), "it belongs in Output");
    case("/Bucket", json!("x"), "it belongs in S3_output");
    case("/Label", json!("x"), "it belongs in an element of Video_outputs or an element of Audio_outputs");
    case("/Output/Segment_length", json!(4), "remove it; the keys here are Stream_type, Segment_format");
    case("/Output/Segment_Durations", json!(4), "did you mean \"Segment_duration\"?");
    case("/Output/S3_output/Bukcet", json!("b"), "did you mean \"Bucket\"?");
    case("/Output/Video_outputs/0/Bit_rates", json!("500k"), "did you mean \"Bitrate\"?");
    case("/Output/Video_outputs/0/Profile", json!("high"), "remove it; the keys here are Label, Codec");
    case("/Output/Audio_outputs/0/Width", json!(2), "it belongs in an element of Video_outputs");
    // Delivery and timing.
    case(
        "/Output/Stream_type",
        json!(null),
        "Stream_type is missing; give \"hls\", \"dash\" or \"hls+dash\"",
    );
    case("/Output/Stream_type", json!(""), "Stream_type is missing");
    case("/Output/Stream_type", json!("HLS"), "use \"hls\", \"dash\" or \"hls+dash\"");
    case("/Output/Stream_type", json!(7), "7 is not known here; use \"hls\"");
    case(
        "/Output/Segment_format",
        json!("mpegts"),
        "HLS and DASH share the same fMP4 segments here; use \"fmp4\"",
    );
    case("/Output/Segment_format", json!("webm"), "\"webm\" is no segment format known here; use \"fmp4\"");
    case("/Output/Segment_format", json!(1), "use \"fmp4\"");
    case("/Output/Segment_duration", json!(0), "0 is outside the limits; give 1 to 30 seconds");
    case("/Output/Segment_duration", json!(31), "give 1 to 30 seconds");
    case("/Output/Segment_duration", json!(-4), "-4 is outside the limits; give 1 to 30 seconds");
    case("/Output/Segment_duration", json!(2.5), "a whole number is needed, 2.5 was given; give 1 to 30");
    case("/Output/Segment_duration", json!("4"), "write 4 without quotation marks");
    case(
        "/Output/Segment_duration",
        json!("four"),
        "a whole number is needed, \"four\" was given; give 1 to 30",
    );
    case("/Output/Segment_duration", json!(true), "a whole number is needed, true was given");
    case("/Output/Segment_duration", json!(1e300), "give 1 to 30 seconds");
    case("/Output/Segment_duration", json!(u64::MAX), "give 1 to 30 seconds");
    case("/Output/Fragment_duration", json!(11), "give 1 to 10 seconds");
    case("/Output/Fragment_duration", json!(3), "does not divide the Segment_duration of 4 s");
    case("/Output/Fragment_duration", json!(8), "give one of 1, 2, 4");
    case("/Output/Low_latency_mode", json!("false"), "write false without quotation marks");
    case("/Output/Low_latency_mode", json!(0.5), "write true or false");
    case("/Output/Time_shift_buffer_depth", json!(14_401), "give 0 to 14400 seconds");
    case("/Output/Time_shift_buffer_depth", json!(-1), "give 0 to 14400 seconds");
    case("/Output/Reconnect_window", json!(1801), "give 0 to 1800 seconds");
    case("/Output/Reconnect_window", json!([]), "a whole number is needed, a list was given");
    case("/Output/Drm", json!("FairPlay"), "an object is needed");
    case("/Output/Detection", json!({"Encode_codec": "h264"}), "not supported here; remove Detection");
    // Origin.
    case("/Output/S3_output", json!(null), "S3_output is missing; give {\"Bucket\": \"name\"}");
    case(
        "/Output/S3_output",
        json!("my-live-bucket"),
        "an object is needed, \"my-live-bucket\" was given; write {…} with Bucket",
    );
    case("/Output/S3_output/Bucket", json!(""), "Bucket is missing; give the name of the bucket");
    case("/Output/S3_output/Bucket", json!(null), "Bucket is missing");
    case("/Output/S3_output/Bucket", json!("My_Bucket"), "3 to 63 lower-case letters");
    case("/Output/S3_output/Bucket", json!("bucket/prefix"), "use an S3 bucket name");
    case("/Output/S3_output/Bucket", json!(5), "a text is needed, 5 was given; write it in quotation marks");
    // Lists.
    case("/Output/Video_outputs", json!({"Codec": "h264"}), "one object was given; put it in [ ]");
    case("/Output/Video_outputs", json!("h264"), "write [ ] with one object for each rendition");
    case("/Output/Audio_outputs", json!(5), "a list is needed, 5 was given; write [ ] with one object");
    case("/Output/Video_outputs/0", json!(null), "an object is needed, null was given");
    case("/Output/Audio_outputs/0", json!([]), "an object is needed, a list was given");
    // Video.
    let mut video = |key: &str, value: Value, mend: &'static str| {
        let pointer = format!("{V}/{key}");
        cases.push((pointer.clone(), value, pointer, mend));
    };
    video("Codec", json!(null), "Codec is missing; use \"h264\"");
    video("Codec", json!("h265"), "\"h265\" is not available in this release; use \"h264\"");
    video("Codec", json!("av1"), "\"av1\" is not available in this release; use \"h264\"");
    video("Codec", json!("vp9"), "\"vp9\" is no codec known here; use \"h264\"");
    video("Codec", json!(264), "264 is no codec; use \"h264\"");
    video("Width", json!(null), "Width is missing; give an even number of pixels from 64 to 3840");
    video("Width", json!(3842), "give 64 to 3840 pixels");
    video("Width", json!(62), "give 64 to 3840 pixels");
    video("Width", json!(641), "641 is odd; give an even number, 640 or 642");
    video("Width", json!("640"), "write 640 without quotation marks");
    video("Height", json!(2162), "give 64 to 2160 pixels");
    video("Height", json!(361), "361 is odd; give an even number, 360 or 362");
    video("Framerate", json!(121), "give 1 to 120 frames per second, or 0");
    video("Framerate", json!(0.5), "give 1 to 120 frames per second");
    video("Framerate", json!(-25), "or 0 for the rate of the contribution");
    video("Framerate", json!("25"), "write 25 without quotation marks");
    video("Framerate", json!("30000/1001"), "a number is needed, \"30000/1001\" was given; give 1 to 120");
    video("Bitrate", json!(null), "Bitrate is missing; give the average bit rate, for example \"500k\"");
    video("Bitrate", json!(""), "Bitrate is missing");
    video("Bitrate", json!("NaNk"), "\"NaNk\" is not a bit rate; write a number with k or m");
    video("Bitrate", json!("500kb"), "for example \"500k\" or \"1.5m\"");
    video("Bitrate", json!("1g"), "write a number with k or m");
    video(
        "Bitrate",
        json!(500),
        "500 is 500 bits, outside the limits; give 10k to 100000k; did you mean \"500k\"?",
    );
    video("Bitrate", json!("500"), "did you mean \"500k\"?");
    video("Bitrate", json!("9k"), "give 10k to 100000k");
    video("Bitrate", json!("100.1m"), "give 10k to 100000k");
    video("Bitrate", json!(-1), "is no whole number of bit/s");
    video("Bitrate", json!(500_000.5), "is no whole number of bit/s");
    video("Bitrate", json!(true), "a bit rate is needed, true was given");
    video("Bitrate", json!("99999999999999999999k"), "too large to be a bit rate");
    video("Max_bitrate", json!("499k"), "499k is less than Bitrate; give 500k or more, or leave it out");
    video("Max_bitrate", json!("200m"), "give 10k to 100000k");
    video("Buf_size", json!("1k"), "give 10k to 200000k");
    video("Buf_size", json!("0.0001k"), "write fewer decimal places");
    video("Preset", json!("turbo"), "use \"ultrafast\", \"superfast\", \"veryfast\", \"faster\"");
    video("Preset", json!(8), "8 is not known here; use \"ultrafast\"");
    video("Crf", json!(52), "give 1 to 51, or 0 to encode by bit rate alone");
    video("Crf", json!(-1), "give 1 to 51");
    video("Crf", json!("23"), "write 23 without quotation marks");
    video("Threads", json!(0), "give 1 to 64 threads, or leave it out");
    video("Threads", json!(65), "give 1 to 64 threads");
    video("Label", json!("1-1"), "\"1-1\" cannot be used; use 1 to 32 letters");
    video("Label", json!("../etc"), "use 1 to 32 letters");
    video("Label", json!("a,b"), "use 1 to 32 letters");
    video("Label", json!(1), "a text is needed, 1 was given; write it in quotation marks");
    // Audio.
    let mut audio = |key: &str, value: Value, mend: &'static str| {
        let pointer = format!("{A}/{key}");
        cases.push((pointer.clone(), value, pointer, mend));
    };
    audio("Codec", json!("mp3"), "\"mp3\" is not available in this release; use \"aac\"");
    audio("Codec", json!("opus"), "\"opus\" is no codec known here; use \"aac\"");
    audio("Codec", json!(""), "Codec is missing; use \"aac\"");
    audio("Bitrate", json!(null), "Bitrate is missing; give the bit rate, for example \"128k\"");
    audio("Bitrate", json!("513k"), "give 8k to 512k");
    audio("Bitrate", json!(128), "did you mean \"128k\"?");
    audio("Label", json!("a b"), "use 1 to 32 letters");
    audio("Label", json!("video_500k"), "already the name of /Output/Video_outputs/0; give another Label");
    // Half a protection is none, and none was not asked for.
    let mut drm = |value: Value, key: &str, mend: &'static str| {
        cases.push(("/Output/Drm".to_owned(), value, format!("/Output/Drm/{key}"), mend));
    };
    let (system, scheme) = ("Protection_system", "Protection_scheme");
    drm(
        json!({system: "FairPlay"}),
        scheme,
        "Protection_scheme is missing; Protection_system \"FairPlay\" and",
    );
    drm(json!({scheme: "cbcs"}), system, "Protection_system is missing; Protection_system \"FairPlay\" and");
    drm(
        json!({system: "Widevine", scheme: "cbcs"}),
        system,
        "\"Widevine\" is not known here; use \"FairPlay\"",
    );
    drm(json!({system: 5, scheme: "cbcs"}), system, "5 is not known here; use \"FairPlay\"");
    drm(json!({system: "FairPlay", scheme: "cenc"}), scheme, "\"cenc\" is not known here; use \"cbcs\"");
    drm(json!({system: "FairPlay", scheme: " "}), scheme, "use \"cbcs\"");
    let mut switch = |value: Value, mend| {
        drm(
            json!({system: "FairPlay", scheme: "cbcs", "Disable_clear_key": value}),
            "Disable_clear_key",
            mend,
        );
    };
    switch(json!(1), "only the clear-key mode is available: the key lies beside the media");
    switch(json!(true), "only the clear-key mode is available");
    switch(json!("no"), "true or false is needed");
    // A fault that lies elsewhere than what caused it.
    cases.push((
        "/Output/Video_outputs/1/Bitrate".to_owned(),
        json!("0.5m"),
        "/Output/Video_outputs/1/Label".to_owned(),
        "the default name \"video_500k\" is already that of /Output/Video_outputs/0; give each of them a Label",
    ));
    cases.push((
        format!("{V}/Label"),
        json!("audio_128k"),
        format!("{A}/Label"),
        "the default name \"audio_128k\" is already that of /Output/Video_outputs/0",
    ));
    cases
}

#[test]
fn each_fault_is_named_alone_at_its_place_with_its_mend() {
    for (pointer, value, place, mend) in single_faults() {
        let document = with(&pointer, value.clone()).to_string();
        let faults = refused(&document);
        let [Fault { pointer: at, detail }] = faults.as_slice() else {
            panic!("{pointer} = {value}: exactly one fault is expected, not {faults:#?}");
        };
        assert_eq!(*at, place, "{pointer} = {value}: {detail}");
        assert!(detail.contains(mend), "{pointer} = {value}: {detail:?} does not say {mend:?}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let mut document = valid();
    for (pointer, value) in [
        ("/Api_test", json!("yes")),
        ("/Output/Stream_type", json!("hsl")),
        ("/Output/Segment_duration", json!(99)),
        ("/Output/Drm", json!({"Protection_system": "FairPlay"})),
        ("/Output/S3_output/Bucket", json!("No")),
        ("/Output/Video_outputs/0/Codec", json!("vp9")),
        ("/Output/Video_outputs/0/Width", json!(1)),
        ("/Output/Video_outputs/0/Bitrate", json!("fast")),
        ("/Output/Video_outputs/1/Crf", json!(99)),
        ("/Output/Audio_outputs/0/Bitrat", json!("1k")),
        ("/Outputs", json!(1)),
    ] {
        put(&mut document, pointer, value);
    }
    let mut places: Vec<String> =
        refused(&document.to_string()).into_iter().map(|fault| fault.pointer).collect();
    places.sort();
    assert_eq!(
        places,
        [
            "/Api_test",
            "/Output/Audio_outputs/0/Bitrat",
            "/Output/Drm/Protection_scheme",
            "/Output/S3_output/Bucket",
            "/Output/Segment_duration",
            "/Output/Stream_type",
            "/Output/Video_outputs/0/Bitrate",
            "/Output/Video_outputs/0/Codec",
            "/Output/Video_outputs/0/Width",
            "/Output/Video_outputs/1/Crf",
            "/Outputs",
        ]
    );
}

#[test]
fn a_codec_to_come_has_its_other_settings_checked_by_its_own_rules() {
    for (settings, expected) in [
        (json!({"Preset": "8", "Crf": 60}), &[][..]),
        (json!({"Preset": 13}), &[]),
        (json!({"Preset": "14"}), &["/Preset"]),
        (json!({"Preset": "veryfast", "Crf": 64}), &["/Preset", "/Crf"]),
    ] {
        let mut document = with(&format!("{V}/Codec"), json!("av1"));
        for (key, value) in settings.as_object().unwrap() {
            put(&mut document, &format!("{V}/{key}"), value.clone());
        }
        let places: Vec<String> =
            refused(&document.to_string()).into_iter().map(|fault| fault.pointer).collect();
        let expected: Vec<String> = std::iter::once("/Codec")
            .chain(expected.iter().copied())
            .map(|key| format!("{V}{key}"))
            .collect();
        assert_eq!(places, expected, "{settings}");
    }
}

#[test]
fn repeated_keys_are_told_in_the_spelling_of_the_client() {
    for (document, place, detail) in [
        (r#"{"Output": {}, "output": {}}"#, "/output", "\"output\" repeats \"Output\""),
        (r#"{"Output": {"Drm": null, "Drm": null}}"#, "/Output/Drm", "\"Drm\" repeats \"Drm\""),
        (
            r#"{"oUtput": {"STREAM_TYPE": "hls", "Stream_type": "dash"}}"#,
            "/oUtput/Stream_type",
            "keep one of them",
        ),
    ] {
        let faults = refused(document);
        let fault = faults.iter().find(|fault| fault.detail.contains("repeats")).unwrap();
        assert_eq!(fault.pointer, place);
        assert!(fault.detail.contains(detail), "{fault:?}");
    }
}

#[test]
fn faults_point_into_the_document_as_it_was_spelled() {
    let document =
        r#"{"OUTPUT": {"stream_type": "x", "s3_output": {"BUCKET": "?"}, "video_outputs": [{"width": 1}]}}"#;
    let places: Vec<String> = refused(document).into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(
        places,
        [
            "/OUTPUT/stream_type",
            "/OUTPUT/s3_output/BUCKET",
            "/OUTPUT/video_outputs/0/Codec",
            "/OUTPUT/video_outputs/0/width",
            "/OUTPUT/video_outputs/0/Height",
            "/OUTPUT/video_outputs/0/Bitrate",
        ]
    );
    let odd = refused(r#"{"Output": 1, "a/b~c": 1}"#);
    assert_eq!(odd[0].pointer, "/a~1b~0c");
}

#[test]
fn the_number_of_renditions_is_limited() {
    let video = |count: usize| -> Value {
        (0..count)
            .map(|index| json!({"Codec": "h264", "Width": 640, "Height": 360, "Bitrate": 500_000 + index}))
            .collect()
    };
    let audio = |count: usize| -> Value {
        (0..count).map(|index| json!({"Codec": "aac", "Bitrate": 128_000 + index})).collect()
    };
    let mut full = with("/Output/Video_outputs", video(10));
    put(&mut full, "/Output/Audio_outputs", audio(5));
    let job = super::parsed(&full);
    assert_eq!((job.spec.video.len(), job.spec.audio.len()), (10, 5));

    for (document, place, mend) in [
        (
            with("/Output/Video_outputs", video(11)),
            "/Output/Video_outputs",
            "11 renditions are too many; give at most 10",
        ),
        (
            with("/Output/Audio_outputs", audio(6)),
            "/Output/Audio_outputs",
            "6 renditions are too many; give at most 5",
        ),
    ] {
        assert_eq!(
            refused(&document.to_string()),
            [Fault { pointer: place.to_owned(), detail: mend.to_owned() }]
        );
    }
    let mut none = with("/Output/Video_outputs", json!([]));
    put(&mut none, "/Output/Audio_outputs", json!(null));
    let faults = refused(&none.to_string());
    assert_eq!((faults.len(), faults[0].pointer.as_str()), (1, "/Output"));
    assert!(faults[0].detail.contains("give at least one rendition"), "{faults:?}");
}

#[test]
fn what_is_not_one_json_object_is_told_so() {
    for (body, detail) in [
        ("", "cannot be read as JSON: EOF"),
        ("{", "EOF while parsing"),
        ("{} {}", "trailing characters"),
        ("{'Output': 1}", "key must be a string at line 1 column 2"),
        ("{\"Output\": NaN}", "expected value"),
        ("{\"Output\": 1e999}", "number out of range"),
        ("{\"Output\": {},}", "trailing comma"),
        ("[]", "an object is needed, a list was given; write {…} with Output"),
        ("null", "an object is needed, null was given"),
        ("4", "an object is needed, 4 was given"),
    ] {
        let faults = refused(body);
        assert_eq!((faults.len(), faults[0].pointer.as_str()), (1, ""), "{body}");
        assert!(faults[0].detail.contains(detail), "{body}: {faults:?}");
    }
    assert!(super::parse(b"{\"Output\": \"\xff\"}").unwrap_err()[0].detail.contains("UTF-8"));
    let deep = format!("{{\"Output\": {}1{}}}", "[".repeat(20), "]".repeat(20));
    assert!(refused(&deep)[0].detail.contains("nested deeper than 16 levels"));
}

#[test]
fn a_flood_of_faults_is_cut_and_counted() {
    let unknown: Vec<String> = (0..1000).map(|index| format!("\"unknown{index}\": 1")).collect();
    let faults = refused(&format!("{{{}}}", unknown.join(", ")));
    assert_eq!(faults.len(), 101);
    // 1000 unknown keys and the missing Output.
    assert!(faults[100].detail.starts_with("901 more faults"), "{:?}", faults[100]);
}

#[test]
fn every_known_key_has_a_case() {
    let cases = single_faults();
    for (_, known) in keys::OBJECTS {
        for key in known {
            let is_covered = cases.iter().any(|(pointer, _, at, _)| {
                pointer.ends_with(&format!("/{key}")) || at.ends_with(&format!("/{key}"))
            });
            // Input is never a fault.
            assert!(is_covered || *key == "Input", "{key}");
        }
    }
}

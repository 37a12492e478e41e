//! What is allowed but said to be unwise.

use serde_json::{Value, json};

use super::{SAMPLE, parse, parsed, valid, with};

#[test]
fn a_sound_specification_has_no_warnings() {
    assert_eq!(parsed(&valid()).warnings, []);
    assert_eq!(parse(SAMPLE.as_bytes()).unwrap().warnings, []);
}

#[test]
fn each_unwise_setting_is_told_with_its_reason() {
    let video = "/Output/Video_outputs/0";
    let cases: Vec<(String, Value, &str)> = vec![
        (format!("{video}/Preset"), json!("medium"), "may be too slow to keep up"),
        (format!("{video}/Preset"), json!("placebo"), "may be too slow to keep up"),
        (format!("{video}/Crf"), json!(17), "Crf 17 is below 18: most pictures will run into Max_bitrate"),
        (format!("{video}/Max_bitrate"), json!("1001k"), "1001k is more than twice the Bitrate of 500k"),
        (format!("{video}/Buf_size"), json!("1001k"), "more than twice the Bitrate of 500k: the rate swings"),
        (format!("{video}/Threads"), json!(1), "one core only"),
        ("/Output/Audio_outputs/0/Bitrate".to_owned(), json!("257k"), "257k is more than 256k"),
        ("/Output/Audio_outputs".to_owned(), json!([]), "no audio rendition"),
        ("/Output/Video_outputs".to_owned(), json!([]), "the encoder must send pictures too"),
        ("/Output/Time_shift_buffer_depth".to_owned(), json!(11), "fewer than 3 segments of 4 s"),
        ("/Input".to_owned(), json!({"Url": "rtmp://x"}), "Input is ignored"),
    ];
    for (pointer, value, reason) in cases {
        let warnings = parsed(&with(&pointer, value.clone())).warnings;
        assert_eq!(warnings.len(), 1, "{pointer} = {value}: {warnings:?}");
        assert_eq!(warnings[0].pointer, pointer);
        assert!(warnings[0].detail.contains(reason), "{pointer} = {value}: {warnings:?}");
    }
}

#[test]
fn the_last_wise_values_are_not_warned_of() {
    for (pointer, value) in [
        ("/Output/Video_outputs/0/Preset", json!("fast")),
        ("/Output/Video_outputs/0/Crf", json!(18)),
        ("/Output/Video_outputs/0/Crf", json!(0)),
        ("/Output/Video_outputs/0/Max_bitrate", json!("1000k")),
        ("/Output/Video_outputs/0/Buf_size", json!("1m")),
        ("/Output/Video_outputs/0/Threads", json!(2)),
        ("/Output/Audio_outputs/0/Bitrate", json!("256k")),
        ("/Output/Time_shift_buffer_depth", json!(12)),
        ("/Output/Time_shift_buffer_depth", json!(0)),
    ] {
        assert_eq!(parsed(&with(pointer, value.clone())).warnings, [], "{pointer} = {value}");
    }
}

#[test]
fn renditions_that_differ_in_name_only_are_pointed_out() {
    let rendition = |label: &str, height: u32| json!({"Label": label, "Codec": "h264", "Width": 640, "Height": height, "Bitrate": "500k"});
    let document =
        with("/Output/Video_outputs", json!([rendition("a", 360), rendition("b", 362), rendition("c", 360)]));
    let warnings = parsed(&document).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].pointer, "/Output/Video_outputs/2");
    assert!(warnings[0].detail.contains("those of rendition 0"), "{warnings:?}");
}

#[test]
fn frame_rates_without_a_common_grid_are_pointed_out_once() {
    let rendition = |height: u32, rate: Value| json!({"Label": format!("v{height}"), "Codec": "h264", "Width": 640, "Height": height, "Bitrate": "500k", "Framerate": rate});
    let warnings = |rates: &[Value]| {
        let renditions = (360..).step_by(2).zip(rates).map(|(height, rate)| rendition(height, rate.clone()));
        parsed(&with("/Output/Video_outputs", renditions.collect())).warnings
    };
    for rates in [json!([30, 60]), json!([24, 25]), json!([29.97, 59.94]), json!([25, 0, 50]), json!([0, 0])]
    {
        assert_eq!(warnings(rates.as_array().unwrap()), [], "{rates}");
    }
    let found = warnings(&[json!(30), json!(0), json!(29.97), json!(59.94)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].pointer, "/Output/Video_outputs/2/Framerate");
    assert!(found[0].detail.contains("no common grid"), "{found:?}");
}

use std::collections::BTreeSet;

use ez_domain::spec::rules;
use serde_json::Value;

use super::*;
use crate::create_job::keys;

fn schema<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap()
}

fn properties(schema: &Value) -> BTreeSet<&str> {
    schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_document_has_the_keys_that_are_read() {
    for (schema, keys) in [
        (schema::<JobRequest>(), &keys::ROOT[..]),
        (schema::<OutputRequest>(), &keys::OUTPUT),
        (schema::<S3Request>(), &keys::S3_OUTPUT),
        (schema::<DrmRequest>(), &keys::DRM),
        (schema::<VideoRequest>(), &keys::VIDEO),
        (schema::<AudioRequest>(), &keys::AUDIO),
    ] {
        assert_eq!(properties(&schema), keys.iter().copied().collect());
        assert_eq!(schema["additionalProperties"], false, "an unknown key is refused: {schema}");
    }
}

/// What the document says about numbers is what the rules say.
#[test]
fn limits_are_those_of_the_rules() {
    let output = schema::<OutputRequest>();
    let video = schema::<VideoRequest>();
    let range = |schema: &Value, key: &str| {
        let of = &schema["properties"][key];
        (of["minimum"].as_f64().unwrap(), of["maximum"].as_f64().unwrap())
    };
    let rule = |range: std::ops::RangeInclusive<u64>| {
        let bound = |bound: &u64| f64::from(u32::try_from(*bound).unwrap());
        (bound(range.start()), bound(range.end()))
    };
    for (schema, key, wanted) in [
        (&output, "Segment_duration", rule(rules::SEGMENT_SECONDS)),
        (&output, "Fragment_duration", rule(rules::GOP_SECONDS)),
        (&output, "Time_shift_buffer_depth", rule(rules::WINDOW_SECONDS)),
        (&output, "Reconnect_window", rule(rules::RECONNECT_SECONDS)),
        (&video, "Width", rule(rules::WIDTH)),
        (&video, "Height", rule(rules::HEIGHT)),
        (&video, "Threads", rule(rules::THREADS)),
        (&video, "Framerate", (0.0, rules::MAX_FRAME_RATE)),
        (&video, "Crf", (0.0, rule(rules::CRF_AV1).1)),
    ] {
        assert_eq!(range(schema, key), wanted, "{key}");
    }
    let items = |key: &str| output["properties"][key]["maxItems"].as_u64().unwrap();
    assert_eq!(items("Video_outputs"), rules::MAX_VIDEO_RENDITIONS as u64);
    assert_eq!(items("Audio_outputs"), rules::MAX_AUDIO_RENDITIONS as u64);
}

#[test]
fn what_is_required_is_what_is_missed() {
    let missed = |body: &str| -> Vec<String> {
        let faults = crate::create_job::parse(body.as_bytes()).unwrap_err();
        faults.into_iter().map(|fault| fault.pointer).collect()
    };
    let required = |schema: Value, at: &str| -> BTreeSet<String> {
        let keys = schema["required"].as_array().unwrap();
        keys.iter().map(|key| format!("{at}/{}", key.as_str().unwrap())).collect()
    };
    assert_eq!(required(schema::<JobRequest>(), ""), missed("{}").into_iter().collect());
    let output: BTreeSet<_> =
        missed(r#"{"Output": {"Video_outputs": [{}], "Audio_outputs": [{}]}}"#).into_iter().collect();
    let expected = [
        required(schema::<OutputRequest>(), "/Output"),
        required(schema::<VideoRequest>(), "/Output/Video_outputs/0"),
        required(schema::<AudioRequest>(), "/Output/Audio_outputs/0"),
    ];
    assert_eq!(output, expected.into_iter().flatten().collect());
}

//! What requests become, and what is said of those that are refused.

mod defaults;
mod faults;
mod properties;
mod reference;
mod warnings;

use serde_json::{Value, json};

use super::{CreateJob, parse};
use crate::fault::Fault;

pub(super) const SAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sample_live_job_without_drm.json"));
pub(super) const SAMPLE_WITH_DRM: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sample_live_job.json"));

/// A small specification without fault or warning.
fn valid() -> Value {
    json!({"Output": {
        "Stream_type": "hls+dash",
        "S3_output": {"Bucket": "my-live-bucket"},
        "Video_outputs": [
            {"Codec": "h264", "Width": 640, "Height": 360, "Bitrate": "500k"},
            {"Codec": "h264", "Width": 1280, "Height": 720, "Bitrate": "1.5m"}
        ],
        "Audio_outputs": [{"Codec": "aac", "Bitrate": "128k"}]
    }})
}

/// `valid()` with `value` put at `pointer`, whose parent exists.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = valid();
    put(&mut document, pointer, value);
    document
}

fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(members) => {
            members.insert(key.to_owned(), value);
        }
        Value::Array(elements) => {
            let index: usize = key.parse().unwrap();
            elements.resize(elements.len().max(index + 1), Value::Null);
            elements[index] = value;
        }
        other => panic!("{parent} is {other}"),
    }
}

fn parsed(document: &Value) -> CreateJob {
    parse(document.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{document}\n{faults:#?}"))
}

fn refused(document: &str) -> Vec<Fault> {
    match parse(document.as_bytes()) {
        Ok(job) => panic!("accepted: {document}\n{job:#?}"),
        Err(faults) => faults,
    }
}

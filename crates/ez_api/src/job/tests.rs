use serde_json::{Value, json};

use super::*;
use crate::create_job;

const KEY: &str = "9a1c7f2e-stream-key";

fn job() -> LiveJob {
    let body = json!({"Output": {"Stream_type": "hls", "S3_output": {"Bucket": "my-live-bucket"},
        "Audio_outputs": [{"Codec": "aac", "Bitrate": "128k"}]}});
    let spec = create_job::parse(body.to_string().as_bytes()).unwrap().spec;
    LiveJob {
        id: "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f".parse().unwrap(),
        state: State::Streaming,
        time_last_worker_report_ms: 1_720_660_455_123,
        ingress_bandwidth_kbps: 2500,
        transcoding_cpu_utilization: "143.0".to_owned(),
        total_bytes_ingested: 1,
        total_up_seconds: 2,
        total_active_seconds: 3,
        playback_url: "https://my-live-bucket.s3.amazonaws.com/output_x/master.m3u8".to_owned(),
        rtmp_ingest_url: Secret::new(format!("rtmp://203.0.113.7:1935/live/{KEY}")),
        rtmp_ingest_port: 1935,
        input_info_url: String::new(),
        spec: SpecDocument::from(&spec),
        job_validation_warnings: String::new(),
        stream_key: Secret::new(KEY.to_owned()),
        time_created: Some(Timestamp::from_millis(1_720_660_455_123)),
        time_received_by_scheduler: None,
        time_received_by_worker: None,
        assigned_worker_id: String::new(),
        drm_encryption_key_info: DrmEncryptionKeyInfo::default(),
        stop: false,
        delete: false,
        phase: "streaming".to_owned(),
        reason: "a publisher is connected".to_owned(),
        fault: None,
        playback_urls: PlaybackUrls::default(),
        epoch: Epoch::new(7),
        restarts: 1,
        failure: Some(Failure {
            fault: "destination".to_owned(),
            reason: "the bucket refuses writes".to_owned(),
            at: Some(Timestamp::from_millis(0)),
        }),
        statistics: Statistics::default(),
    }
}

/// Keys of the outermost object in the order in which they are written.
fn top_level_keys(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("  \""))
        .filter_map(|line| line.split_once('"').map(|(key, _)| key))
        .collect()
}

#[test]
fn keys_stand_in_the_order_of_the_original() {
    let text = serde_json::to_string_pretty(&job()).unwrap();
    let expected = "Id State Time_last_worker_report_ms Ingress_bandwidth_kbps Transcoding_cpu_utilization \
        Total_bytes_ingested Total_up_seconds Total_active_seconds Playback_url RtmpIngestUrl RtmpIngestPort \
        Input_info_url Spec Job_validation_warnings StreamKey Time_created Time_received_by_scheduler \
        Time_received_by_worker Assigned_worker_id DrmEncryptionKeyInfo Stop Delete Phase Reason Fault \
        Playback_urls \
        Epoch Restarts Failure Statistics";
    assert_eq!(top_level_keys(&text), expected.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn the_wire_form() {
    insta::assert_json_snapshot!("live_job", job());
}

#[test]
fn an_answer_reads_back_equal() {
    let job = job();
    let text = serde_json::to_string(&job).unwrap();
    assert_eq!(serde_json::from_str::<LiveJob>(&text).unwrap(), job);
}

#[test]
fn a_job_without_failure_says_null() {
    let value = serde_json::to_value(LiveJob { failure: None, ..job() }).unwrap();
    assert_eq!(value["Failure"], Value::Null);
    assert!(value.as_object().unwrap().contains_key("Failure"));
}

#[test]
fn times() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder(#[serde(with = "time")] Option<Timestamp>);

    for (millis, text) in [
        (None, "0001-01-01T00:00:00Z"),
        (Some(0), "1970-01-01T00:00:00Z"),
        (Some(1_720_660_455_123), "2024-07-11T01:14:15.123Z"),
        (Some(1_720_660_455_100), "2024-07-11T01:14:15.1Z"),
    ] {
        let holder = Holder(millis.map(Timestamp::from_millis));
        assert_eq!(serde_json::to_value(&holder).unwrap(), text);
        assert_eq!(serde_json::from_value::<Holder>(json!(text)).unwrap(), holder);
    }
    let with_offset: Holder = serde_json::from_value(json!("1970-01-01T01:00:00+01:00")).unwrap();
    assert_eq!(with_offset, Holder(Some(Timestamp::from_millis(0))));
    for bad in ["", "yesterday", "1969-12-31T23:59:59Z", "2024-07-11"] {
        assert!(serde_json::from_value::<Holder>(json!(bad)).is_err(), "{bad}");
    }
    let damaged = serde_json::to_value(Holder(Some(Timestamp::from_millis(u64::MAX)))).unwrap();
    assert!(damaged.as_str().unwrap().starts_with("9999-12-30T"), "{damaged}");
}

#[test]
fn nothing_that_lets_a_reader_publish_is_in_a_list_or_a_log() {
    let job = job();
    assert!(serde_json::to_string(&job).unwrap().contains(KEY), "the owner is shown the key");
    assert!(!format!("{job:?}").contains(KEY));

    let masked = job.clone().masked();
    assert_eq!(masked.rtmp_ingest_url.expose(), "rtmp://203.0.113.7:1935/live/********");
    assert!(!serde_json::to_string(&masked).unwrap().contains(KEY));

    let unknown_key = LiveJob { stream_key: Secret::new(String::new()), ..job.clone() }.masked();
    assert!(!serde_json::to_string(&unknown_key).unwrap().contains(KEY));
    assert_eq!(unknown_key.stream_key.expose(), "");

    let unbound = LiveJob { rtmp_ingest_url: Secret::new(String::new()), ..job }.masked();
    assert_eq!(unbound.rtmp_ingest_url.expose(), "", "an address that is not there is not made up");
}

/// Every key of an answer that `text` does not explain.
fn unexplained(text: &str) -> Vec<String> {
    let value = serde_json::to_value(job()).unwrap();
    let members = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let mut keys = members(&value);
    for nested in ["Statistics", "Failure", "Playback_urls", "DrmEncryptionKeyInfo"] {
        keys.extend(members(&value[nested]));
    }
    keys.retain(|key| !text.contains(&format!("`{key}`")));
    keys
}

#[test]
fn every_key_of_an_answer_is_in_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/job-reference.md");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(unexplained(&text), Vec::<String>::new());
    assert_eq!(unexplained(&text.replace("`Upload_backlog`", "")), ["Upload_backlog"]);
}

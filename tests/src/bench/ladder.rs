//! The job that is measured.

use serde_json::{Value, json};

/// The usual ladder of three renditions up to 720p30, in segments of 2 s.
pub(super) fn job(preset: &str, low_latency: bool) -> Value {
    let video = |label: &str, width: u32, height: u32, kbps: u32| {
        json!({"Label": label, "Codec": "h264", "Framerate": 30, "Width": width, "Height": height,
               "Bitrate": format!("{kbps}k"), "Max_bitrate": format!("{}k", kbps * 4 / 3),
               "Preset": preset, "Threads": 2})
    };
    json!({"Output": {
        "Stream_type": "hls+dash", "Segment_format": "fmp4", "Fragment_duration": 1, "Segment_duration": 2,
        "Low_latency_mode": low_latency, "Time_shift_buffer_depth": 120,
        "S3_output": {"Bucket": "ezlive"},
        "Video_outputs": [
            video("v360", 640, 360, 600), video("v480", 854, 480, 1200), video("v720", 1280, 720, 2400)
        ],
        "Audio_outputs": [{"Label": "a128", "Codec": "aac", "Bitrate": "128k"}]
    }})
}

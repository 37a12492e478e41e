//! Job specifications that the tests of this crate share.

use ez_domain::spec::{
    AudioCodec, AudioRendition, BucketName, Delivery, JobSpec, Preset, RenditionName, VideoCodec,
    VideoRendition,
};
use ez_domain::units::{Bitrate, FrameRate};

/// A rendition name that is known to be good.
pub(crate) fn name(text: &str) -> RenditionName {
    RenditionName::new(text).unwrap()
}

/// A frame rate that is known to be good.
pub(crate) fn rate(numerator: u32, denominator: u32) -> FrameRate {
    FrameRate::new(numerator, denominator).unwrap()
}

/// An H.264 rendition with the given size and rates in kb/s.
pub(crate) fn video(
    label: &str,
    (width, height): (u32, u32),
    kbps: u64,
    max_kbps: u64,
    preset: Preset,
) -> VideoRendition {
    VideoRendition {
        name: name(label),
        codec: VideoCodec::H264,
        width,
        height,
        frame_rate: None,
        bitrate: Bitrate::from_kbps(kbps),
        max_bitrate: Bitrate::from_kbps(max_kbps),
        buffer_bits: Bitrate::from_kbps(max_kbps),
        preset,
        crf: None,
        threads: 2,
    }
}

/// An AAC rendition.
pub(crate) fn audio(label: &str, kbps: u64) -> AudioRendition {
    AudioRendition { name: name(label), codec: AudioCodec::Aac, bitrate: Bitrate::from_kbps(kbps) }
}

/// The published sample job (`sample_live_job.json`; its DRM is not part of the specification).
pub(crate) fn sample_job() -> JobSpec {
    let mut renditions = vec![
        video("video365k", (640, 360), 365, 500, Preset::Faster),
        video("video550k", (768, 432), 550, 750, Preset::Faster),
    ];
    for rendition in &mut renditions {
        rendition.frame_rate = Some(rate(25, 1));
    }
    JobSpec {
        delivery: Delivery::Hls,
        segment_seconds: 4,
        gop_seconds: 1,
        low_latency: false,
        window_seconds: 120,
        reconnect_seconds: 60,
        protection: None,
        bucket: BucketName::new("my-live-bucket").unwrap(),
        video: renditions,
        audio: vec![audio("audio128k", 128)],
    }
}

/// The three-rung 720p ladder that costs were measured with; takes the contribution's rate.
pub(crate) fn ladder() -> JobSpec {
    JobSpec {
        delivery: Delivery::HlsAndDash,
        segment_seconds: 2,
        gop_seconds: 2,
        video: vec![
            video("v360", (640, 360), 400, 500, Preset::Veryfast),
            video("v480", (854, 480), 800, 1000, Preset::Veryfast),
            video("v720", (1280, 720), 1500, 2000, Preset::Veryfast),
        ],
        audio: vec![audio("a128", 128)],
        ..sample_job()
    }
}

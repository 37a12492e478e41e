//! Limits and defaults of a job specification, each in one place.
//!
//! `ez_api` turns a broken limit into a fault with a JSON pointer; the reference in
//! `docs/job-reference.md` states the same numbers and is checked against them.

use std::ops::RangeInclusive;

use super::Preset;

/// Video renditions in one job.
pub const MAX_VIDEO_RENDITIONS: usize = 10;
/// Audio renditions in one job.
pub const MAX_AUDIO_RENDITIONS: usize = 5;
/// Width of a video rendition in pixels.
pub const WIDTH: RangeInclusive<u64> = 64..=3840;
/// Height of a video rendition in pixels.
pub const HEIGHT: RangeInclusive<u64> = 64..=2160;
/// Lowest constant output frame rate.
pub const MIN_FRAME_RATE: f64 = 1.0;
/// Highest constant output frame rate.
pub const MAX_FRAME_RATE: f64 = 120.0;
/// Video bit rate in bit/s.
pub const VIDEO_BITRATE_BPS: RangeInclusive<u64> = 10_000..=100_000_000;
/// Peak bit rate when the request names none, in percent of the bit rate.
///
/// Enough for a scene cut, little enough that a player's choice by `BANDWIDTH` stays true.
pub const DEFAULT_MAX_BITRATE_PERCENT: u64 = 120;
/// Decoder buffer in bits.
pub const VIDEO_BUFFER_BITS: RangeInclusive<u64> = 10_000..=200_000_000;
/// Decoder buffer when the request names none, in percent of one second at the bit rate.
pub const DEFAULT_BUFFER_PERCENT: u64 = 200;
/// Peak bit rate or decoder buffer, in percent of the bit rate, beyond which a warning is given.
pub const UNWISE_PEAK_PERCENT: u64 = 200;
/// Audio bit rate in bit/s.
pub const AUDIO_BITRATE_BPS: RangeInclusive<u64> = 8_000..=512_000;
/// Audio bit rate in bit/s beyond which a warning is given.
pub const UNWISE_AUDIO_BITRATE_BPS: u64 = 256_000;
/// Segment duration in seconds.
pub const SEGMENT_SECONDS: RangeInclusive<u64> = 1..=30;
/// Segment duration when the request names none.
pub const DEFAULT_SEGMENT_SECONDS: u32 = 4;
/// Key-frame interval in seconds.
pub const GOP_SECONDS: RangeInclusive<u64> = 1..=10;
/// Key-frame interval when the request names none.
pub const DEFAULT_GOP_SECONDS: u32 = 1;
/// Time-shift window in seconds.
pub const WINDOW_SECONDS: RangeInclusive<u64> = 0..=14_400;
/// Time-shift window when the request names none.
pub const DEFAULT_WINDOW_SECONDS: u32 = 120;
/// Reconnect window in seconds.
pub const RECONNECT_SECONDS: RangeInclusive<u64> = 0..=1800;
/// Reconnect window when the request names none.
pub const DEFAULT_RECONNECT_SECONDS: u32 = 60;
/// Encoder threads of one rendition.
pub const THREADS: RangeInclusive<u64> = 1..=64;
/// Encoder threads of one rendition when the request names none.
///
/// Each further frame thread holds one more frame back: 24 threads add 0.74 s over 2.
pub const DEFAULT_THREADS: u32 = 2;
/// Constant rate factor of x264 and x265.
pub const CRF: RangeInclusive<u64> = 1..=51;
/// Constant rate factor of SVT-AV1.
pub const CRF_AV1: RangeInclusive<u64> = 1..=63;
/// Constant rate factor below which a warning is given.
pub const UNWISE_CRF: u32 = 18;
/// Encoder threads of one rendition below which a warning is given.
pub const UNWISE_THREADS: u32 = 2;
/// Encoder preset of the x264 family when the request names none.
pub const DEFAULT_PRESET: Preset = Preset::Veryfast;
/// Preset numbers of SVT-AV1.
pub const PRESET_AV1: RangeInclusive<u64> = 0..=13;
/// Encoder preset of SVT-AV1 when the request names none.
pub const DEFAULT_PRESET_AV1: Preset = Preset::SvtAv1(12);
/// Segments that the time-shift window should hold at least; players start three from its end.
pub const WISE_WINDOW_SEGMENTS: u32 = 3;

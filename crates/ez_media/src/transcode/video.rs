//! Encoder options of the video renditions of one feed.
//!
//! Every option that differs between renditions carries the index of its stream
//! (`-b:v:1`): an option given twice without one would hold for all streams, with the
//! last value.

use ez_domain::spec::{Preset, VideoCodec, VideoRendition};
use ez_domain::units::FrameRate;

use super::Plan;
use crate::argv::Argv;
use crate::cut::key_frame_expression;
use crate::feed::Feed;

pub(super) fn options(argv: &mut Argv, plan: &Plan<'_>, feed: &Feed<'_>) {
    let Some(grid) = plan.cut_grid().filter(|_| !feed.video.is_empty()) else {
        return;
    };
    // Constant rate: holes of the contribution are filled with the last picture, and every
    // segment has its exact length. Without it ffmpeg guesses 29.91 from FLV's milliseconds.
    argv.option("-fps_mode:v", "cfr");
    // Key frames by output time, the same expression for every rendition of every feed.
    argv.option("-force_key_frames:v", key_frame_expression(grid, plan.spec.gop_seconds));
    for (stream, (_, rendition)) in feed.video.iter().enumerate() {
        let rate = plan.rate_of(rendition);
        argv.option(format!("-r:v:{stream}"), rate);
        match rendition.codec {
            VideoCodec::H264 => h264(argv, plan, stream, rendition),
            VideoCodec::H265 => h265(argv, plan, stream, rendition),
            VideoCodec::Av1 => av1(argv, plan, stream, rendition),
        }
        // The encoder's own key-frame interval is only a net below the forced one.
        argv.option(format!("-g:v:{stream}"), safety_interval(rate, plan.spec.gop_seconds));
        // Never left to the default of one per core: each frame thread holds back a frame.
        argv.option(format!("-threads:v:{stream}"), rendition.threads);
    }
}

/// Twice the key-frame interval, in frames: never reached while key frames are forced.
fn safety_interval(rate: FrameRate, gop_seconds: u32) -> u64 {
    let frames = 2 * u64::from(gop_seconds) * u64::from(rate.numerator());
    frames.div_ceil(u64::from(rate.denominator())).saturating_add(2).min(100_000)
}

fn h264(argv: &mut Argv, plan: &Plan<'_>, stream: usize, rendition: &VideoRendition) {
    argv.option(format!("-c:v:{stream}"), "libx264");
    argv.option(format!("-preset:v:{stream}"), x26x_preset(rendition.preset));
    if plan.spec.low_latency {
        // No look-ahead and no B-frames: 0.55 s less delay.
        argv.option(format!("-tune:v:{stream}"), "zerolatency");
    }
    // High 4:2:0 8 bit: what every device of the last ten years decodes in hardware. The
    // level is left to x264, which derives the lowest from size, rate and buffer.
    argv.option(format!("-profile:v:{stream}"), "high");
    rate_control(argv, stream, rendition);
    // No key frames of the encoder's own choice: renditions would be cut differently.
    argv.option(format!("-sc_threshold:v:{stream}"), "0");
    // Forced key frames are IDR frames: GOPs are closed, segments independent.
    argv.option(format!("-forced-idr:v:{stream}"), "1");
    argv.option(format!("-flags:v:{stream}"), "+cgop");
}

fn h265(argv: &mut Argv, plan: &Plan<'_>, stream: usize, rendition: &VideoRendition) {
    argv.option(format!("-c:v:{stream}"), "libx265");
    argv.option(format!("-preset:v:{stream}"), x26x_preset(rendition.preset));
    if plan.spec.low_latency {
        argv.option(format!("-tune:v:{stream}"), "zerolatency");
    }
    argv.option(format!("-profile:v:{stream}"), "main");
    rate_control(argv, stream, rendition);
    // x265 makes CRA pictures (open GOP) of forced key frames unless told otherwise, has its
    // own scene-cut detection, and takes all cores for its pool unless bounded. It writes to
    // stderr itself; its banner of 15 lines per rendition is left out.
    argv.option(format!("-forced-idr:v:{stream}"), "1");
    argv.option(
        format!("-x265-params:v:{stream}"),
        format_args!(
            "open-gop=0:scenecut=0:min-keyint=1:pools={}:frame-threads=1:log-level=warning",
            rendition.threads
        ),
    );
}

fn av1(argv: &mut Argv, plan: &Plan<'_>, stream: usize, rendition: &VideoRendition) {
    argv.option(format!("-c:v:{stream}"), "libsvtav1");
    argv.option(format!("-preset:v:{stream}"), svt_av1_preset(rendition.preset));
    let mode = match rendition.crf {
        // Capped constant quality. SVT honours the cap only with random access, which holds
        // back 16 frames and more.
        Some(crf) if !plan.spec.low_latency => {
            argv.option(format!("-crf:v:{stream}"), crf);
            argv.option(format!("-maxrate:v:{stream}"), rendition.max_bitrate);
            "rc=0:pred-struct=2"
        }
        // Constant rate with low-delay prediction, also where delay matters less: it costs a
        // fifth less than random access, whose variable rate overshoots by half. `rtc` is its
        // real-time mode. Quality without a cap is no choice: the advertised bandwidth must hold.
        Some(_) | None => {
            argv.option(format!("-b:v:{stream}"), rendition.bitrate);
            argv.option(format!("-bufsize:v:{stream}"), rendition.buffer_bits);
            "rc=2:pred-struct=1:rtc=1"
        }
    };
    // SVT's level of parallelism, up to 6; `-threads` does not bound it. No key frames of its
    // own choice.
    let parallelism = rendition.threads.min(6);
    argv.option(format!("-svtav1-params:v:{stream}"), format_args!("{mode}:scd=0:lp={parallelism}"));
}

/// Average rate, or constant quality; in both modes the buffer keeps the peak below the
/// advertised bandwidth.
fn rate_control(argv: &mut Argv, stream: usize, rendition: &VideoRendition) {
    match rendition.crf {
        Some(crf) => argv.option(format!("-crf:v:{stream}"), crf),
        None => argv.option(format!("-b:v:{stream}"), rendition.bitrate),
    }
    argv.option(format!("-maxrate:v:{stream}"), rendition.max_bitrate);
    argv.option(format!("-bufsize:v:{stream}"), rendition.buffer_bits);
}

/// The named preset; SVT-AV1's numbers become the name of about the same speed.
pub(crate) const fn x26x_preset(preset: Preset) -> Preset {
    match preset {
        Preset::SvtAv1(12..) => Preset::Superfast,
        Preset::SvtAv1(10 | 11) => Preset::Veryfast,
        Preset::SvtAv1(8 | 9) => Preset::Fast,
        Preset::SvtAv1(0..=7) => Preset::Medium,
        named => named,
    }
}

/// SVT-AV1's number; x264's names become the number of about the same speed.
pub(crate) const fn svt_av1_preset(preset: Preset) -> u8 {
    match preset {
        Preset::SvtAv1(number) if number > 13 => 13,
        Preset::SvtAv1(number) => number,
        Preset::Ultrafast => 12,
        Preset::Superfast => 11,
        Preset::Veryfast => 10,
        Preset::Faster => 9,
        Preset::Fast => 8,
        Preset::Medium => 7,
        Preset::Slow => 6,
        Preset::Slower => 5,
        Preset::Veryslow => 4,
        Preset::Placebo => 3,
    }
}

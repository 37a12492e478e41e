//! The processor time that a job will take, estimated before it runs.
//!
//! In millicores: thousandths of one core, averaged over time. The figures were measured
//! with ffmpeg 8.1 on a detailed, noisy source; easy material costs a fifth less. Placement
//! starts from this estimate and goes on with what the worker measures.
//!
//! The model is linear: so many millicores per million pixels in a second, by encoder and
//! preset. The contribution's size is not known yet; it is taken to be the largest rung's.

use ez_domain::spec::{AudioCodec, JobSpec, Preset, VideoCodec, VideoRendition};

use crate::transcode::Plan;

/// An estimate by part, in millicores.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Decoding the contribution, once.
    pub decode: f64,
    /// Scaling to the sizes of the ladder.
    pub scale: f64,
    /// Encoding all video renditions.
    pub video: f64,
    /// Decoding, resampling and encoding audio.
    pub audio: f64,
    /// Packager.
    pub package: f64,
}

impl Cost {
    /// What ffmpeg takes.
    pub fn ffmpeg_millicores(&self) -> f64 {
        self.decode + self.scale + self.video + self.audio
    }

    /// What the job takes, rounded up to whole millicores; at least one.
    pub fn total_millicores(&self) -> u32 {
        let total = (self.ffmpeg_millicores() + self.package).ceil().clamp(1.0, f64::from(u32::MAX));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the range of u32"
        )]
        let total = total as u32;
        total
    }
}

/// H.264 at 720p30 (27.6 million pixels in a second) takes 48.
const DECODE: f64 = 1.75;
/// Two scalings from 720p30 to 360p and 480p take 40, by pixels in plus pixels out.
const SCALE: f64 = 0.54;
/// Decoding and resampling of audio, once, and the encoding of each rendition.
const AUDIO_INPUT: f64 = 4.0;
const AAC: f64 = 12.0;
const MP3: f64 = 14.0;
/// Packager with one FIFO: 30 for four streams.
const PACKAGE_BASE: f64 = 14.0;
const PACKAGE_PER_RENDITION: f64 = 4.0;

/// Estimates the cost of a job.
pub fn estimate(plan: &Plan<'_>) -> Cost {
    let spec = plan.spec;
    let pixel_rates = spec.video.iter().map(|rendition| million_pixels_per_second(plan, rendition));
    let source = pixel_rates.clone().fold(0.0, f64::max);
    let largest = spec.video.iter().map(|rendition| (rendition.width, rendition.height)).max();
    let scaled = spec.video.iter().filter(|rendition| Some((rendition.width, rendition.height)) != largest);
    let renditions = spec.video.len() + spec.audio.len();
    let audio_encoders: f64 = spec
        .audio
        .iter()
        .map(|rendition| match rendition.codec {
            AudioCodec::Aac => AAC,
            AudioCodec::Mp3 => MP3,
        })
        .sum();
    Cost {
        decode: source * DECODE,
        scale: scaled.map(|rendition| (source + million_pixels_per_second(plan, rendition)) * SCALE).sum(),
        video: pixel_rates
            .zip(&spec.video)
            .map(|(pixels, rendition)| pixels * encoder(spec, rendition))
            .sum(),
        audio: if spec.audio.is_empty() { 0.0 } else { AUDIO_INPUT + audio_encoders },
        package: PACKAGE_BASE
            + PACKAGE_PER_RENDITION * f64::from(u32::try_from(renditions).unwrap_or(u32::MAX)),
    }
}

fn million_pixels_per_second(plan: &Plan<'_>, rendition: &VideoRendition) -> f64 {
    f64::from(rendition.width) * f64::from(rendition.height) * plan.rate_of(rendition).as_f64() / 1e6
}

/// Millicores per million pixels in a second.
fn encoder(spec: &JobSpec, rendition: &VideoRendition) -> f64 {
    match rendition.codec {
        VideoCodec::H264 => x264(crate::transcode::x26x_preset(rendition.preset), spec.low_latency),
        VideoCodec::H265 => x265(crate::transcode::x26x_preset(rendition.preset), spec.low_latency),
        VideoCodec::Av1 => svt_av1(crate::transcode::svt_av1_preset(rendition.preset)),
    }
}

/// libx264, with look-ahead and with `-tune zerolatency`.
fn x264(preset: Preset, low_latency: bool) -> f64 {
    let (usual, zerolatency) = match preset {
        Preset::Ultrafast => (3.6, 3.1),
        Preset::Superfast => (7.6, 5.1),
        Preset::Veryfast | Preset::SvtAv1(_) => (11.7, 7.8),
        Preset::Faster => (18.5, 12.5),
        Preset::Fast => (27.0, 18.0),
        Preset::Medium => (31.0, 20.0),
        Preset::Slow => (50.0, 35.0),
        Preset::Slower => (95.0, 65.0),
        Preset::Veryslow => (165.0, 110.0),
        Preset::Placebo => (400.0, 270.0),
    };
    if low_latency { zerolatency } else { usual }
}

/// libx265; without look-ahead it analyses each frame more deeply and costs more.
fn x265(preset: Preset, low_latency: bool) -> f64 {
    let (usual, zerolatency) = match preset {
        Preset::Ultrafast => (23.0, 32.0),
        Preset::Superfast => (30.0, 35.0),
        Preset::Veryfast | Preset::SvtAv1(_) => (36.0, 39.0),
        Preset::Faster => (38.0, 42.0),
        Preset::Fast => (44.0, 48.0),
        Preset::Medium => (54.0, 60.0),
        Preset::Slow => (120.0, 130.0),
        Preset::Slower => (300.0, 320.0),
        Preset::Veryslow => (450.0, 480.0),
        Preset::Placebo => (900.0, 900.0),
    };
    if low_latency { zerolatency } else { usual }
}

/// SVT-AV1 with low-delay prediction, by preset number.
const fn svt_av1(preset: u8) -> f64 {
    match preset {
        12.. => 11.0,
        11 => 11.5,
        10 => 15.0,
        9 => 24.0,
        8 => 38.0,
        7 => 58.0,
        6 => 87.0,
        5 => 130.0,
        4 => 200.0,
        0..=3 => 400.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn cost(spec: &JobSpec) -> Cost {
        estimate(&Plan { spec, frame_rate: samples::rate(30, 1), preroll_ms: 0 })
    }

    /// Measured: 720p30 source, rungs 360p, 480p and 720p, one AAC, ffmpeg alone.
    #[test]
    fn the_measured_ladders_come_out_within_a_quarter() {
        for (preset, low_latency, measured) in [
            (Preset::Veryfast, false, 655.0),
            (Preset::Superfast, false, 465.0),
            (Preset::Ultrafast, false, 278.0),
            (Preset::Veryfast, true, 468.0),
            (Preset::Superfast, true, 340.0),
            (Preset::Ultrafast, true, 248.0),
        ] {
            let mut spec = samples::ladder();
            spec.low_latency = low_latency;
            spec.video.iter_mut().for_each(|rendition| rendition.preset = preset);
            assert_near(cost(&spec).ffmpeg_millicores(), measured, &format!("{preset} {low_latency}"));
        }
    }

    /// Measured: 360p from a 720p30 source without audio; here the source is taken for 360p,
    /// so decoding and scaling of 720p are added.
    #[test]
    fn the_measured_codecs_come_out_within_a_quarter() {
        for (codec, preset, low_latency, measured) in [
            (VideoCodec::H264, Preset::Veryfast, false, 137.0),
            (VideoCodec::H265, Preset::Ultrafast, false, 227.0),
            (VideoCodec::H265, Preset::Veryfast, true, 333.0),
            (VideoCodec::Av1, Preset::SvtAv1(12), false, 132.0),
        ] {
            let mut spec = samples::ladder();
            spec.low_latency = low_latency;
            spec.video.truncate(1);
            spec.video[0].codec = codec;
            spec.video[0].preset = preset;
            let decode_and_scale = 1280.0 * 720.0 * 30.0 / 1e6 * DECODE + (27.6 + 6.9) * SCALE;
            assert_near(cost(&spec).video + decode_and_scale, measured, &format!("{codec} {preset}"));
        }
    }

    fn assert_near(estimate: f64, measured: f64, what: &str) {
        assert!((estimate / measured - 1.0).abs() < 0.25, "{what}: {estimate:.0}, measured {measured}");
    }

    #[test]
    fn slower_larger_and_faster_cost_more() {
        let base = cost(&samples::ladder()).total_millicores();
        let mut slower = samples::ladder();
        slower.video[0].preset = Preset::Medium;
        let mut larger = samples::ladder();
        larger.video[0].width = 1920;
        let faster =
            estimate(&Plan { spec: &samples::ladder(), frame_rate: samples::rate(60, 1), preroll_ms: 0 });
        assert!(cost(&slower).total_millicores() > base);
        assert!(cost(&larger).total_millicores() > base);
        assert!(faster.total_millicores() > base);
        for codec in [VideoCodec::H264, VideoCodec::H265] {
            let mut last = 0;
            for (_, preset) in Preset::NAMED {
                let mut spec = samples::ladder();
                spec.video
                    .iter_mut()
                    .for_each(|rendition| (rendition.codec, rendition.preset) = (codec, preset));
                let total = cost(&spec).total_millicores();
                assert!(total > last, "{codec} {preset}");
                last = total;
            }
        }
    }

    #[test]
    fn audio_alone_is_cheap_but_not_free() {
        let mut spec = samples::ladder();
        spec.video.clear();
        let cost = cost(&spec);
        assert_eq!((cost.decode, cost.scale, cost.video), (0.0, 0.0, 0.0));
        assert_eq!(cost.total_millicores(), 34);
    }
}

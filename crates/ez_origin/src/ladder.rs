//! The timeline of a channel and its specification: what follows from the other, and whether it still does.

use ez_domain::spec::{AudioCodec, JobSpec, VideoCodec};
use ez_domain::units::FrameRate;
use ez_manifest::timeline::{Error, Kind, Rendition, Settings, Timeline};

/// Players begin this far behind the live edge, at least three segments.
const PRESENTATION_DELAY_MS: u32 = 6000;

/// A timeline that has published nothing.
pub(crate) fn new_timeline(spec: &JobSpec, frame_rate: FrameRate) -> Result<Timeline, Error> {
    Timeline::new(settings(spec, frame_rate), renditions(spec, frame_rate))
}

/// Lets a resumed channel go on by the specification as it is now.
pub(crate) fn renew(timeline: &mut Timeline, spec: &JobSpec, frame_rate: FrameRate) -> Result<(), Error> {
    let settings = settings(spec, frame_rate);
    if follows(timeline, spec) && *timeline.settings() == settings {
        return Ok(());
    }
    tracing::info!("the specification was replaced: the channel goes on with its new ladder");
    timeline.rebuild(settings, renditions(spec, frame_rate))
}

/// Whether media of `spec` can stand beside what the timeline holds.
///
/// Periods have init segments of their own, so what only changes the bytes (a preset, the GOP) may
/// differ; what manifests say once for the whole channel may not.
pub(crate) fn follows(timeline: &Timeline, spec: &JobSpec) -> bool {
    let fixed = timeline.settings().frame_rate;
    let Some(frame_rate) = fixed.and_then(|(numerator, denominator)| FrameRate::new(numerator, denominator))
    else {
        return false;
    };
    let wanted = renditions(spec, frame_rate);
    let codecs = spec.video.iter().map(|rendition| video_entries(rendition.codec));
    let codecs = codecs.chain(spec.audio.iter().map(|rendition| audio_entries(rendition.codec)));
    let ladder = timeline.ladder();
    timeline.settings().target_duration_s == spec.segment_seconds
        && ladder.len() == wanted.len()
        && ladder.iter().zip(&wanted).zip(codecs).all(|((present, wanted), entries)| {
            let is_codec = |name: &String| entries.iter().any(|entry| name.starts_with(entry));
            present.name == wanted.name
                && present.declared_bps == wanted.declared_bps
                && is_alike(&present.kind, &wanted.kind)
                && present.codec.as_ref().is_none_or(is_codec)
        })
}

/// The frame rate that the first contribution fixed for as long as the specification holds.
pub(crate) fn resolved_frame_rate(timeline: &Timeline, spec: &JobSpec) -> Option<FrameRate> {
    let (numerator, denominator) = timeline.settings().frame_rate.filter(|_| follows(timeline, spec))?;
    FrameRate::new(numerator, denominator)
}

fn settings(spec: &JobSpec, frame_rate: FrameRate) -> Settings {
    let segment_ms = spec.segment_seconds.saturating_mul(1000);
    Settings {
        target_duration_s: spec.segment_seconds,
        segment_ms,
        window_s: spec.window_seconds,
        presentation_delay_ms: PRESENTATION_DELAY_MS.max(segment_ms.saturating_mul(3)),
        frame_rate: Some(frame_rate.into()),
    }
}

fn renditions(spec: &JobSpec, frame_rate: FrameRate) -> Vec<Rendition> {
    let video = spec.video.iter().map(|rendition| {
        let rate = rendition.frame_rate.unwrap_or(frame_rate);
        let kind =
            Kind::Video { width: rendition.width, height: rendition.height, frame_rate: Some(rate.into()) };
        Rendition::new(rendition.name.as_str(), kind, rendition.max_bitrate.bps())
    });
    let audio = spec.audio.iter().map(|rendition| {
        let kind = Kind::Audio { sample_rate: None, channels: None, language: None };
        Rendition::new(rendition.name.as_str(), kind, rendition.bitrate.bps())
    });
    video.chain(audio).collect()
}

/// Equal but for what init segments tell later.
fn is_alike(present: &Kind, wanted: &Kind) -> bool {
    match (present, wanted) {
        (Kind::Audio { .. }, Kind::Audio { .. }) => true,
        (Kind::Video { .. }, Kind::Video { .. }) => present == wanted,
        (Kind::Audio { .. }, Kind::Video { .. }) | (Kind::Video { .. }, Kind::Audio { .. }) => false,
    }
}

/// How RFC 6381 names of a codec begin.
const fn video_entries(codec: VideoCodec) -> &'static [&'static str] {
    match codec {
        VideoCodec::H264 => &["avc1", "avc3"],
        VideoCodec::H265 => &["hvc1", "hev1"],
        VideoCodec::Av1 => &["av01"],
    }
}

/// As [`video_entries`]; MP3 has object types of its own (ISO/IEC 14496-1 7.2.6.6).
const fn audio_entries(codec: AudioCodec) -> &'static [&'static str] {
    match codec {
        AudioCodec::Aac => &["mp4a.40"],
        AudioCodec::Mp3 => &["mp4a.69", "mp4a.6B"],
    }
}

#[cfg(test)]
mod tests;

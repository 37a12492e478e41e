//! The first timeline of a channel, from its specification.

use ez_domain::spec::JobSpec;
use ez_domain::units::FrameRate;
use ez_manifest::timeline::{Error, Kind, Rendition, Settings, Timeline};

/// Players begin this far behind the live edge, at least three segments.
const PRESENTATION_DELAY_MS: u32 = 6000;

/// A timeline that has published nothing.
pub(crate) fn new_timeline(spec: &JobSpec, frame_rate: FrameRate) -> Result<Timeline, Error> {
    let segment_ms = spec.segment_seconds.saturating_mul(1000);
    let settings = Settings {
        target_duration_s: spec.segment_seconds,
        segment_ms,
        window_s: spec.window_seconds,
        presentation_delay_ms: PRESENTATION_DELAY_MS.max(segment_ms.saturating_mul(3)),
        frame_rate: Some(frame_rate.into()),
    };
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
    Timeline::new(settings, video.chain(audio).collect())
}

/// The frame rate that the first contribution fixed for the life of the job.
pub(crate) fn resolved_frame_rate(timeline: &Timeline) -> Option<FrameRate> {
    let (numerator, denominator) = timeline.settings().frame_rate?;
    FrameRate::new(numerator, denominator)
}

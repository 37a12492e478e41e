//! What a job is estimated to cost while it runs.

use ez_domain::spec::JobSpec;
use ez_domain::units::FrameRate;
use ez_media::cost::estimate;
use ez_media::transcode::Plan;

/// Frames per second that a rendition is taken to have when it follows the contribution.
const ASSUMED_RATE: u32 = 30;

/// The estimate in thousandths of a core.
pub(super) fn cost_millicores(spec: &JobSpec) -> u32 {
    // The fraction has no zero in it, so there is always a rate.
    FrameRate::new(ASSUMED_RATE, 1)
        .map_or(1, |frame_rate| estimate(&Plan { spec, frame_rate, preroll_ms: 0 }).total_millicores())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(framerate: u32) -> JobSpec {
        let body = format!(
            r#"{{"Output": {{"Stream_type": "hls", "S3_output": {{"Bucket": "my-bucket"}}, "Video_outputs":
            [{{"Codec": "h264", "Width": 640, "Height": 360, "Bitrate": "500k", "Framerate": {framerate}}}]}}}}"#
        );
        ez_api::create_job::parse(body.as_bytes()).unwrap().spec
    }

    #[test]
    fn a_rendition_that_follows_the_contribution_costs_what_30_frames_cost() {
        let (following, thirty, fifteen) = (spec(0), spec(30), spec(15));
        assert_eq!(cost_millicores(&following), cost_millicores(&thirty));
        assert!(cost_millicores(&fifteen) < cost_millicores(&thirty));
    }
}

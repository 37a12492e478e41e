//! The one filter graph: a split, then one branch per video rendition.

use ez_domain::spec::JobSpec;

use super::Plan;

/// Name of the graph's output for the rendition at `index` of the specification.
pub(super) fn output_label(index: usize) -> String {
    format!("[v{index}]")
}

/// The graph's description.
///
/// Each branch scales, even to the source's own size: otherwise a publisher that comes back
/// with another size would change the size of the rendition. `setsar=1` because rounding to
/// even sizes makes pixels that are not quite square, and 854x480 would be announced as
/// 853x480. `format` brings 10-bit and 4:2:2 sources to what every player decodes.
pub(super) fn description(spec: &JobSpec) -> String {
    let mut graph = format!("[0:v:0]split={}", spec.video.len());
    for index in 0..spec.video.len() {
        graph.push_str(&format!("[s{index}]"));
    }
    for (index, rendition) in spec.video.iter().enumerate() {
        let (width, height) = (rendition.width, rendition.height);
        let label = output_label(index);
        graph.push_str(&format!(";[s{index}]scale={width}:{height},setsar=1,format=yuv420p{label}"));
    }
    graph
}

/// Pixels per second that one filter thread scales comfortably: 1080p at 60.
const PIXELS_PER_SECOND_PER_THREAD: u64 = 1920 * 1080 * 60;

/// Threads of the graph: as few as carry the ladder; each further one costs a few per cent.
pub(super) fn threads(plan: &Plan<'_>) -> u64 {
    let pixels_per_second: u64 = plan
        .spec
        .video
        .iter()
        .map(|rendition| {
            let rate = plan.rate_of(rendition);
            let pixels = u64::from(rendition.width).saturating_mul(u64::from(rendition.height));
            pixels.saturating_mul(u64::from(rate.numerator())) / u64::from(rate.denominator())
        })
        .fold(0, u64::saturating_add);
    pixels_per_second.div_ceil(PIXELS_PER_SECOND_PER_THREAD).clamp(1, 16)
}

//! Which of a run's figures still mean something.

use ez_api::job::Statistics;
use ez_domain::id::JobId;
use ez_domain::units::Timestamp;

/// Figures come every two seconds; older than this, they tell nothing about now.
const FRESH_MS: u64 = 10_000;

/// The figures to show: all of them while they are fresh and a run is there, else only the totals.
pub(super) fn shown(
    id: JobId,
    kept: Option<&(Timestamp, String)>,
    has_run: bool,
    now: Timestamp,
) -> Statistics {
    let Some((at, json)) = kept else {
        return Statistics::default();
    };
    let figures: Statistics = serde_json::from_str(json).unwrap_or_else(|error| {
        tracing::warn!(job = %id, %error, "the figures of the run cannot be read");
        Statistics::default()
    });
    if has_run && now.millis_since(*at) <= FRESH_MS { figures } else { totals(&figures) }
}

fn totals(figures: &Statistics) -> Statistics {
    Statistics {
        bytes_ingested: figures.bytes_ingested,
        up_seconds: figures.up_seconds,
        active_seconds: figures.active_seconds,
        dropped_frames: figures.dropped_frames,
        duplicated_frames: figures.duplicated_frames,
        given_up_segments: figures.given_up_segments,
        store_failures: figures.store_failures,
        publisher_disconnects: figures.publisher_disconnects,
        segment_uploads: figures.segment_uploads.clone(),
        input_info_stored: figures.input_info_stored,
        ..Statistics::default()
    }
}

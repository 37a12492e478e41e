//! The live runs as metrics: what their transcoders last said, labelled by job.
//!
//! A transcoder has no port of its own, so its worker speaks for it. A run that ended is told no more. Two
//! runs of one job can live side by side for a moment, when the worker gets a job back that it
//! has just been told to abandon: then only the newer one is told, and no series is told twice.

use std::collections::BTreeMap;
use std::time::Duration;

use ez_api::job::SegmentUploads;
use ez_domain::durations::BOUNDS_MS;
use ez_domain::id::JobId;
use ez_domain::lifecycle::RunState;
use ez_service::latest::Latest as _;
use ez_service::metrics::{Counted, Facts};

use super::Runs;
use super::supervisor::Seen;

/// What is told of a run: name, meaning, and where it stands.
type Gauge = (&'static str, &'static str, fn(&Seen) -> f64);
/// The same for what only grows in the life of a transcoder process.
type Count = (&'static str, &'static str, fn(&Seen) -> u64);

const GAUGES: [Gauge; 10] = [
    ("input_fps", "Frame rate of the contribution", |seen| seen.statistics.video_fps),
    ("input_bits_per_second", "Bit rate of the contribution", |seen| {
        number(seen.statistics.ingress_kbps.saturating_mul(1000))
    }),
    ("input_gop_seconds", "Distance of the contribution's key frames", |seen| {
        seen.statistics.key_frame_interval_seconds
    }),
    ("encode_speed_ratio", "Speed of the encoder against real time; below 1 it falls behind", |seen| {
        seen.statistics.encode_speed
    }),
    ("upload_queue_length", "Segments that wait for the object store", |seen| {
        number(seen.statistics.upload_backlog)
    }),
    ("playlist_age_seconds", "Age of the newest media that the playlists name", |seen| {
        seen.statistics.newest_segment_age_seconds
    }),
    (
        "end_to_end_latency_seconds",
        "Time from the arrival of the newest segment's last frame until the playlists named it",
        |seen| seen.statistics.publish_latency_seconds,
    ),
    ("input_drift_seconds", "How far the publisher's clock has fallen behind", |seen| {
        seen.statistics.clock_drift_seconds
    }),
    ("run_cpu_cores", "What transcoder, ffmpeg and packager together use of the processors", |seen| {
        seen.statistics.cpu_cores
    }),
    ("run_connected", "Whether the run's transcoder is connected to this worker_app", |seen| {
        if seen.connected { 1.0 } else { 0.0 }
    }),
];

const COUNTS: [Count; 9] = [
    ("input_bytes", "Bytes received from publishers", |seen| seen.statistics.bytes_ingested),
    ("encode_frames_dropped", "Frames left out to keep the constant rate", |seen| {
        seen.statistics.dropped_frames
    }),
    ("encode_frames_duplicated", "Frames repeated to keep the constant rate", |seen| {
        seen.statistics.duplicated_frames
    }),
    ("upload_segments_given_up", "Segments left out because the spool was full", |seen| {
        seen.statistics.given_up_segments
    }),
    ("input_disconnects", "Publishers that went, whether they said so or were lost", |seen| {
        seen.statistics.publisher_disconnects
    }),
    ("segment_upload_failures", "Requests that the object store failed; they are made again", |seen| {
        seen.statistics.store_failures
    }),
    ("run_up_seconds", "Time that the run's transcoder is up", |seen| seen.statistics.up_seconds),
    ("run_active_seconds", "Time that the run had a publisher", |seen| seen.statistics.active_seconds),
    ("run_restarts", "Restarts of the run's transcoder on the spot", |seen| u64::from(seen.restarts)),
];

const STATES: [&str; 5] = ["starting", "listening", "streaming", "interrupted", "stopping"];

impl Runs {
    /// Adds the live runs.
    pub(crate) fn tell(&self, facts: &mut Facts) {
        let live = self.live();
        let in_state = |name: &str| live.values().filter(|seen| state_name(seen) == Some(name)).count();
        let states =
            STATES.map(|name| ([("state", name)], number(u64::try_from(in_state(name)).unwrap_or(0))));
        facts.gauge("host_runs", "Live runs on this worker, by state", states);
        for (name, help, figure) in GAUGES {
            facts.gauge(name, help, live.iter().map(|(job, seen)| (of(*job), figure(seen))));
        }
        for (name, help, figure) in COUNTS {
            facts.counter(name, help, live.iter().map(|(job, seen)| (of(*job), figure(seen))));
        }
        let uploads = live.iter().map(|(job, seen)| (of(*job), uploads(&seen.statistics.segment_uploads)));
        facts.histogram("segment_upload_seconds", "How long segments took to be stored", uploads);
    }

    fn live(&self) -> BTreeMap<JobId, Seen> {
        let table = self.table();
        // In the order of epochs, so the newest run of a job stays.
        let all = table.entries.iter().map(|(id, entry)| (id.job, entry.seen.latest()));
        all.filter(|(_, seen)| !seen.has_ended()).collect()
    }
}

fn of(job: JobId) -> [(&'static str, String); 1] {
    [("job_id", job.to_string())]
}

fn uploads(uploads: &SegmentUploads) -> Counted {
    let bounds = BOUNDS_MS.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
    // A transcoder that has not spoken yet counted nothing.
    let counts = uploads.counts.iter().copied().chain(std::iter::repeat(0));
    Counted { sum: seconds(uploads.sum_ms), buckets: bounds.zip(counts).collect() }
}

fn seconds(milliseconds: u64) -> f64 {
    Duration::from_millis(milliseconds).as_secs_f64()
}

const fn state_name(seen: &Seen) -> Option<&'static str> {
    match seen.state {
        RunState::Starting => Some("starting"),
        RunState::Listening { .. } => Some("listening"),
        RunState::Streaming { .. } => Some("streaming"),
        RunState::Interrupted { .. } => Some("interrupted"),
        RunState::Stopping => Some("stopping"),
        RunState::Exited { .. } => None,
    }
}

/// Counts here are far below the 2^53 up to which this is exact.
#[expect(clippy::cast_precision_loss, reason = "see above")]
const fn number(count: u64) -> f64 {
    count as f64
}

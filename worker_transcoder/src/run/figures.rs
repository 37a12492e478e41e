//! The live figures of the run.

use std::collections::VecDeque;
use std::time::Duration;

use ez_api::job::{SegmentUploads, Statistics};
use ez_contribution::timeline::Figures;
use ez_media::progress::Progress;

use ez_origin::Progress as Published;
use ez_service::clock::RunClock;

use super::cpu::Use;

/// Figures alone are sent this often.
const PERIOD: Duration = Duration::from_secs(1);
/// The encode speed is that of the last so many seconds: an average since the start would hide for
/// hours that the worker has become too slow.
const SPEED_WINDOW: Duration = Duration::from_secs(10);

/// Adds up what outlives a publisher or a period.
#[derive(Debug)]
pub(crate) struct Meter {
    clock: RunClock,
    earlier_bytes: u64,
    active: Duration,
    publishing_since: Option<Duration>,
    encoder: Progress,
    /// When ffmpeg had put out how many microseconds, oldest first.
    put_out: VecDeque<(Duration, i64)>,
    last_second: Duration,
    is_due: bool,
    disconnects: u64,
    cpu: Use,
    /// Slots that were published when last looked, and how long after its last frame came the newest one was.
    published: u64,
    publish_latency: Duration,
}

impl Meter {
    pub(crate) fn new(clock: RunClock) -> Self {
        Self {
            clock,
            earlier_bytes: 0,
            active: Duration::ZERO,
            publishing_since: None,
            encoder: Progress::default(),
            put_out: VecDeque::new(),
            last_second: Duration::ZERO,
            is_due: true,
            disconnects: 0,
            cpu: Use::default(),
            published: 0,
            publish_latency: Duration::ZERO,
        }
    }

    pub(crate) fn publisher_started(&mut self, now: Duration) {
        self.publisher_ended(now);
        self.publishing_since = Some(now);
    }

    pub(crate) fn publisher_ended(&mut self, now: Duration) {
        if let Some(since) = self.publishing_since.take() {
            self.active += now.saturating_sub(since);
            self.disconnects = self.disconnects.saturating_add(1);
        }
    }

    /// Age of the present publisher; zero without one.
    pub(crate) fn publishing_for(&self, now: Duration) -> Duration {
        self.publishing_since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// Keeps the totals of a contribution that is being dropped.
    pub(crate) fn forget(&mut self, figures: &Figures) {
        self.earlier_bytes = self.earlier_bytes.saturating_add(figures.total_bytes);
        self.encoder = Progress::default();
        self.put_out.clear();
    }

    pub(crate) fn progress(&mut self, progress: Progress) {
        if let Some(out) = progress.out_time_us {
            self.put_out_until(out, self.clock.now());
        }
        self.encoder = progress;
    }

    fn put_out_until(&mut self, out_us: i64, now: Duration) {
        if self.put_out.back().is_some_and(|(_, before)| out_us < *before) {
            // Another ffmpeg, from zero.
            self.put_out.clear();
        }
        self.put_out.push_back((now, out_us));
        while self.put_out.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= SPEED_WINDOW) {
            self.put_out.pop_front();
        }
    }

    /// Media seconds per second, lately; what ffmpeg itself tells is an average since its start.
    fn encode_speed(&self) -> f64 {
        let (Some((from, first)), Some((to, last))) = (self.put_out.front(), self.put_out.back()) else {
            return 0.0;
        };
        let seconds = to.saturating_sub(*from).as_secs_f64();
        let media = Duration::from_micros(last.abs_diff(*first)).as_secs_f64();
        if seconds > 0.0 {
            (media / seconds * 1000.0).round() / 1000.0
        } else {
            self.encoder.speed.unwrap_or(0.0)
        }
    }

    /// A second has passed; `children` are the processes that work for the run.
    pub(crate) fn second(&mut self, now: Duration, children: Vec<u32>) {
        self.cpu.look(now, children.into_iter().chain([std::process::id()]));
        if now.saturating_sub(self.last_second) >= PERIOD / 2 {
            self.last_second = now;
            self.is_due = true;
        }
    }

    /// The origin has published something, perhaps a segment.
    pub(crate) fn published(&mut self, origin: &Published) {
        if origin.committed > self.published
            && let Some(end) = origin.media_end_ms
        {
            self.publish_latency = milliseconds(self.clock.wall_now_ms().saturating_sub(end));
        }
        self.published = origin.committed;
    }

    /// Whether figures should be sent though no state changed; asking takes the turn.
    pub(crate) fn is_due(&mut self) -> bool {
        std::mem::take(&mut self.is_due)
    }

    pub(crate) fn statistics(&self, figures: Option<&Figures>, origin: &Published) -> Statistics {
        let now = self.clock.now();
        let publishing = self.publishing_for(now);
        let age = origin.media_end_ms.map(|end| milliseconds(self.clock.wall_now_ms().saturating_sub(end)));
        let mut statistics = Statistics {
            bytes_ingested: self.earlier_bytes,
            up_seconds: now.as_secs(),
            active_seconds: (self.active + publishing).as_secs(),
            encode_speed: self.encode_speed(),
            dropped_frames: self.encoder.drop_frames.unwrap_or(0),
            duplicated_frames: self.encoder.dup_frames.unwrap_or(0),
            upload_backlog: origin.backlog,
            given_up_segments: origin.given_up,
            store_failures: origin.store_failures,
            newest_segment_age_seconds: age.unwrap_or_default().as_secs_f64(),
            publish_latency_seconds: self.publish_latency.as_secs_f64(),
            segment_uploads: SegmentUploads::from(&origin.segment_uploads),
            publisher_disconnects: self.disconnects,
            cpu_cores: self.cpu.cores(),
            input_info_stored: origin.input_info_stored,
            ..Statistics::default()
        };
        if let Some(figures) = figures {
            statistics.bytes_ingested = self.earlier_bytes.saturating_add(figures.total_bytes);
            statistics.ingress_kbps = figures.bits_per_second / 1000;
            statistics.video_fps = figures.frames_per_second.unwrap_or(0.0);
            statistics.video_width = figures.width.unwrap_or(0);
            statistics.video_height = figures.height.unwrap_or(0);
            statistics.video_codec = figures.video.map(|codec| codec.to_string()).unwrap_or_default();
            statistics.audio_codec = figures.audio.map(|codec| codec.to_string()).unwrap_or_default();
            statistics.clock_drift_seconds = seconds_of(figures.drift_ms);
            statistics.key_frame_interval_seconds =
                figures.key_frame_interval.map_or(0.0, |interval| interval.as_secs_f64());
        }
        statistics
    }
}

/// Zero where clocks disagree and it would be negative.
fn milliseconds(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

fn seconds_of(milliseconds: i64) -> f64 {
    let size = Duration::from_millis(milliseconds.unsigned_abs()).as_secs_f64();
    if milliseconds < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_speed_is_that_of_the_last_seconds() {
        let mut meter = Meter::new(RunClock::start());
        let mut out = 0;
        let mut run = |seconds: std::ops::Range<u64>, speed_percent: i64| {
            for second in seconds {
                out += 10_000 * speed_percent;
                meter.put_out_until(out, Duration::from_secs(second));
            }
            meter.encode_speed()
        };
        assert!((run(0..3600, 100) - 1.0).abs() < 1e-9);
        assert!((run(3600..3612, 80) - 0.8).abs() < 1e-9, "an hour at full speed hides nothing");
        assert!((run(3612..3617, 100) - 0.9).abs() < 1e-9);
        meter.put_out_until(0, Duration::from_secs(3617));
        meter.put_out_until(2_000_000, Duration::from_secs(3618));
        assert!((meter.encode_speed() - 2.0).abs() < 1e-9, "a new period");
    }
}

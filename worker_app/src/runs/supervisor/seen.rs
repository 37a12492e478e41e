//! What is known about a run: the last word of its transcoder and our own observations.

use std::time::Duration;

use ez_api::job::Statistics;
use ez_domain::lifecycle::RunState;
use tokio::time::Instant;

/// One run as it is seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) state: RunState,
    pub(crate) statistics: Statistics,
    pub(crate) pid: Option<u32>,
    pub(crate) adopted: bool,
    pub(crate) connected: bool,
    pub(crate) rtmp_port: u16,
    pub(crate) restarts: u32,
    /// Time in which segments were committed, without the present stretch.
    streamed: Duration,
    streaming_since: Option<Instant>,
}

impl Seen {
    pub(crate) fn new(state: RunState, rtmp_port: u16) -> Self {
        Self {
            state,
            statistics: Statistics::default(),
            pid: None,
            adopted: false,
            connected: false,
            rtmp_port,
            restarts: 0,
            streamed: Duration::ZERO,
            streaming_since: None,
        }
    }

    /// Whether the run is over.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, RunState::Exited { .. })
    }

    /// A process is there.
    pub(super) fn begin(&mut self, pid: Option<u32>, adopted: bool) {
        self.pid = pid;
        self.adopted = adopted;
    }

    /// The transcoder told its state.
    pub(super) fn hear(&mut self, state: RunState, statistics: Statistics) {
        self.enter(state);
        self.statistics = statistics;
    }

    /// The process is gone and another one comes.
    pub(super) fn restart(&mut self) {
        self.enter(RunState::Starting);
        self.pid = None;
        self.connected = false;
        self.restarts = self.restarts.saturating_add(1);
    }

    /// The run is over.
    pub(super) fn end(&mut self, state: RunState) {
        self.enter(state);
        self.pid = None;
        self.connected = false;
    }

    fn enter(&mut self, state: RunState) {
        let streams = matches!(state, RunState::Streaming { .. });
        match (streams, self.streaming_since) {
            (true, None) => self.streaming_since = Some(Instant::now()),
            (false, Some(since)) => {
                self.streamed += since.elapsed();
                self.streaming_since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
        self.state = state;
    }

    /// Segments that a run whose transcoder died without a word has committed at least, judged by
    /// the time for which it said that it commits them.
    pub(super) fn segments_at_least(&self, segment_seconds: Option<u32>) -> u64 {
        let streamed = self.streamed + self.streaming_since.map_or(Duration::ZERO, |since| since.elapsed());
        segment_seconds
            .filter(|&seconds| seconds > 0)
            .map_or(0, |seconds| streamed.as_secs() / u64::from(seconds))
    }
}

#[cfg(test)]
mod tests {
    use ez_domain::job::Ingest;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_on_air_proves_segments() {
        let ingest = Ingest { host: "h".into(), port: 1 };
        let streaming = || RunState::Streaming { ingest: ingest.clone(), trouble: None };
        let mut seen = Seen::new(RunState::Starting, 1);
        advance(Duration::from_secs(60)).await;
        seen.hear(streaming(), Statistics::default());
        advance(Duration::from_secs(7)).await;
        seen.hear(streaming(), Statistics::default());
        seen.restart();
        advance(Duration::from_secs(60)).await;
        seen.hear(streaming(), Statistics::default());
        advance(Duration::from_secs(5)).await;
        assert_eq!(seen.segments_at_least(Some(4)), 3);
        assert_eq!((seen.segments_at_least(Some(0)), seen.segments_at_least(None)), (0, 0));
    }
}

//! What the children print: ffmpeg's progress, and the log lines of both.

use std::time::Duration;

use ez_media::log::{self, Level, Meaning, Source};
use ez_media::progress::Parser;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Event;

/// Longest line that is looked at; the rest of a longer one is skipped.
const LINE_LIMIT: u64 = 16 * 1024;

async fn next_line<R: AsyncRead + Unpin>(reader: &mut BufReader<R>, line: &mut Vec<u8>) -> bool {
    line.clear();
    let mut bounded = reader.take(LINE_LIMIT);
    matches!(bounded.read_until(b'\n', line).await, Ok(read) if read > 0)
}

/// Reads ffmpeg's `-progress` blocks to the end.
pub(super) async fn progress(local: u32, output: impl AsyncRead + Unpin, events: mpsc::Sender<(u32, Event)>) {
    let mut reader = BufReader::new(output);
    let mut parser = Parser::default();
    let mut line = Vec::new();
    while next_line(&mut reader, &mut line).await {
        if let Some(progress) = parser.push_line(String::from_utf8_lossy(&line).trim_end()) {
            // Figures may be late or lost; media never waits for them.
            drop(events.try_send((local, Event::Progress(progress))));
        }
    }
}

/// What is worth remembering of a child's log.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// The line that explains an end best: the last error, or the last line at all, as a runtime that
    /// aborts names no level.
    pub(super) line: Option<String>,
    pub(super) is_disk_full: bool,
}

/// Complaints of a child that are passed on in a [`FLOOD_WINDOW`]. A decoder that meets a broken stream complains of
/// every picture, and a log must not fill the worker's disk.
const FLOOD_LINES: u32 = 20;
const FLOOD_WINDOW: Duration = Duration::from_secs(10);

/// How many lines were passed on lately.
#[derive(Debug)]
struct Flood {
    began: Instant,
    lines: u32,
}

impl Flood {
    fn new(now: Instant) -> Self {
        Self { began: now, lines: 0 }
    }

    /// Whether one more line may be passed on, and how many were not before it.
    fn admit(&mut self, now: Instant) -> (bool, u32) {
        let mut held_back = 0;
        if now.saturating_duration_since(self.began) >= FLOOD_WINDOW {
            held_back = self.held_back();
            *self = Self::new(now);
        }
        self.lines = self.lines.saturating_add(1);
        (self.lines <= FLOOD_LINES, held_back)
    }

    /// How many were not passed on since it was last told.
    const fn held_back(&self) -> u32 {
        self.lines.saturating_sub(FLOOD_LINES)
    }
}

fn tell_held_back(source: Source, held_back: u32) {
    if held_back > 0 {
        tracing::warn!(?source, held_back, "complaints of a child were held back: there were too many");
    }
}

/// Passes log lines on, each at its level, as long as there are not too many.
pub(super) async fn log(source: Source, output: impl AsyncRead + Unpin) -> Remembered {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    let mut flood = Flood::new(Instant::now());
    let (mut last_error, mut last_line, mut is_disk_full) = (None, None, false);
    while next_line(&mut reader, &mut line).await {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() {
            continue;
        }
        let parsed = log::parse(source, text);
        let severity = parsed.severity();
        if severity == Level::Error {
            last_error = Some(parsed.text.to_owned());
        }
        is_disk_full |= parsed.meaning == Meaning::DiskFull;
        last_line = Some(parsed.text.to_owned());
        if severity >= Level::Warning {
            let (is_admitted, held_back) = flood.admit(Instant::now());
            tell_held_back(source, held_back);
            if !is_admitted {
                continue;
            }
        }
        match severity {
            Level::Error => tracing::warn!(?source, line = parsed.text, "child reports an error"),
            Level::Warning => tracing::warn!(?source, line = parsed.text, "child warns"),
            Level::Info | Level::Debug => tracing::debug!(?source, line = parsed.text, "child says"),
        }
    }
    tell_held_back(source, flood.held_back());
    Remembered { line: last_error.or(last_line), is_disk_full }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_says_too_much_is_held_back_and_counted() {
        let start = Instant::now();
        let mut flood = Flood::new(start);
        let admitted = (0..500).filter(|_| flood.admit(start).0).count();
        assert_eq!(admitted, 20);
        assert_eq!(flood.admit(start + Duration::from_secs(9)), (false, 0));
        assert_eq!(flood.admit(start + FLOOD_WINDOW), (true, 481), "all that were not passed on");
        assert_eq!(flood.admit(start + FLOOD_WINDOW), (true, 0));
    }

    #[tokio::test]
    async fn the_last_error_is_remembered_though_it_was_held_back() {
        let text = "[error] one\n".repeat(50) + "[error] the last\n";
        let remembered = log(Source::Ffmpeg, text.as_bytes()).await;
        assert!(remembered.line.is_some_and(|line| line.contains("the last")));
    }
}

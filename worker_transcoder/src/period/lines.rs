//! What the children print: ffmpeg's progress, and the log lines of both.

use ez_media::log::{self, Level, Meaning, Source};
use ez_media::progress::Parser;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::sync::mpsc;

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

/// Passes log lines on, each at its level.
pub(super) async fn log(source: Source, output: impl AsyncRead + Unpin) -> Remembered {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    let (mut last_error, mut last_line, mut is_disk_full) = (None, None, false);
    while next_line(&mut reader, &mut line).await {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() {
            continue;
        }
        let parsed = log::parse(source, text);
        match parsed.severity() {
            Level::Error => {
                tracing::warn!(?source, line = parsed.text, "child reports an error");
                last_error = Some(parsed.text.to_owned());
            }
            Level::Warning => tracing::warn!(?source, line = parsed.text, "child warns"),
            Level::Info | Level::Debug => tracing::debug!(?source, line = parsed.text, "child says"),
        }
        is_disk_full |= parsed.meaning == Meaning::DiskFull;
        last_line = Some(parsed.text.to_owned());
    }
    Remembered { line: last_error.or(last_line), is_disk_full }
}

//! Talking to the person at the terminal.
//!
//! Losing the terminal is no reason to end: failures to write are ignored.

use std::io::Write as _;

/// Says a line.
pub(super) fn say(line: impl AsRef<str>) {
    drop(writeln!(std::io::stdout().lock(), "{}", line.as_ref()));
}

/// Says what went wrong.
pub(super) fn complain(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "error: {line}"));
}

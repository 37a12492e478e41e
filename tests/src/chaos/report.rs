//! The table of many rounds.

use std::fmt::Write as _;
use std::time::Duration;

use super::fault::Fault;
use super::round::Outcome;

/// One line a fault: rounds, waits, frames, violations.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| fault | rounds | longest wait for a segment: median | p95 | worst | later than steady: median | worst | frames lost | of them in flight | doubled | violations |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for fault in Fault::ALL {
        let of: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.fault == fault).collect();
        if of.is_empty() {
            continue;
        }
        let mut waits: Vec<Duration> = of.iter().map(|outcome| outcome.longest_wait).collect();
        waits.sort();
        let at = |percent: usize| waits.get(((waits.len() - 1) * percent).div_ceil(100)).copied();
        let shown = |wait: Option<Duration>| format!("{:.2} s", wait.unwrap_or_default().as_secs_f64());
        let mut lags: Vec<i64> = of.iter().map(|outcome| outcome.lag_beyond_ms.max(0)).collect();
        lags.sort_unstable();
        let lag = |at: usize| format!("{} ms", lags.get(at).copied().unwrap_or_default());
        let lost: usize = of.iter().map(|outcome| outcome.frames.lost).sum();
        let in_flight: usize = of.iter().map(|outcome| outcome.frames.in_flight).sum();
        let doubled: usize = of.iter().map(|outcome| outcome.frames.doubled).sum();
        let violations: usize = of.iter().map(|outcome| outcome.violations.len()).sum();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {lost} | {in_flight} | {doubled} | {violations} |",
            fault.name(),
            of.len(),
            shown(at(50)),
            shown(at(95)),
            shown(waits.last().copied()),
            lag(lags.len() / 2),
            lag(lags.len() - 1),
        );
    }
    text
}

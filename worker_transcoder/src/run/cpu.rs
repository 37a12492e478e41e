//! What the processes of a run use of the processors.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The use is that of the last so many seconds.
const WINDOW: Duration = Duration::from_secs(10);
/// Ticks of a second in `/proc`: `USER_HZ`, which is 100 on every architecture that we build for.
const TICKS: f64 = 100.0;

/// Adds up what processes used while they lived.
#[derive(Debug, Default)]
pub(super) struct Use {
    /// Ticks of each process at the last look.
    seen: HashMap<u32, u64>,
    total: u64,
    /// The total at each look, oldest first.
    totals: VecDeque<(Duration, u64)>,
}

impl Use {
    /// Looks at these processes. What one used since the look before is lost when it ended meanwhile.
    pub(super) fn look(&mut self, now: Duration, processes: impl IntoIterator<Item = u32>) {
        self.count(now, processes.into_iter().filter_map(|process| Some((process, ticks(process)?))));
    }

    fn count(&mut self, now: Duration, processes: impl IntoIterator<Item = (u32, u64)>) {
        let seen: HashMap<u32, u64> = processes.into_iter().collect();
        for (process, ticks) in &seen {
            let before = self.seen.get(process).copied().unwrap_or(0);
            self.total = self.total.saturating_add(ticks.saturating_sub(before));
        }
        self.seen = seen;
        self.totals.push_back((now, self.total));
        while self.totals.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
            self.totals.pop_front();
        }
    }

    /// Cores in use, to a thousandth; 0 before the second look.
    pub(super) fn cores(&self) -> f64 {
        let (Some((from, first)), Some((to, last))) = (self.totals.front(), self.totals.back()) else {
            return 0.0;
        };
        let seconds = to.saturating_sub(*from).as_secs_f64();
        if seconds <= 0.0 {
            return 0.0;
        }
        // Of some seconds: far below 2^32.
        let ticks = u32::try_from(last.saturating_sub(*first)).unwrap_or(u32::MAX);
        (f64::from(ticks) / TICKS / seconds * 1000.0).round() / 1000.0
    }
}

/// User and system time of a process in ticks: `utime` and `stime` of `/proc/PID/stat` (`proc_pid_stat(5)`).
fn ticks(process: u32) -> Option<u64> {
    parse(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn parse(stat: &str) -> Option<u64> {
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    // Fields are numbered from 1 and the name is the second.
    let mut times = fields.split_whitespace().skip(14 - 3);
    let (user, system): (u64, u64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a) R (b)) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 9 9 20 0 3 0 100 200 300";
        assert_eq!(parse(stat), Some(300));
        assert_eq!(parse("7 (a) S 1"), None);
        assert!(ticks(std::process::id()).is_some());
        assert_eq!(ticks(0), None, "there is no such process");
    }

    #[test]
    fn use_is_that_of_the_last_seconds() {
        let mut used = Use::default();
        assert_eq!(used.cores().to_bits(), 0.0_f64.to_bits());
        let mut run = |seconds: std::ops::Range<u64>, processes: &[(u32, u64)]| {
            let first = seconds.start;
            for second in seconds {
                let grown = processes.iter().map(|(process, each)| (*process, each * (second - first + 1)));
                used.count(Duration::from_secs(second), grown);
            }
            used.cores()
        };
        assert!((run(0..60, &[(1, 50), (2, 100)]) - 1.5).abs() < 1e-9);
        // Another process begins at zero; what ended is no step back.
        assert!((run(60..75, &[(3, 25)]) - 0.25).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(stat in "[0-9a-z() ]{0,120}") {
            parse(&stat);
        }
    }
}

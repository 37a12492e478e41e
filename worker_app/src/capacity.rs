//! What the host can carry and how busy it is.
//!
//! Capacity is cores, cut to the quota of the control group (cgroup v2 `cpu.max`). Use is what the
//! whole host does (`/proc/stat`), because strangers on it take from our runs as well.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

/// Two looks closer than this say more about the clock tick than about the load.
const SHORTEST_SPAN: Duration = Duration::from_millis(500);

/// Capacity in thousandths of a core.
pub(crate) fn measured_millicores() -> u32 {
    let cores = std::fs::read_to_string("/proc/stat").ok().and_then(|text| CpuTimes::parse(&text));
    let cores = cores.map_or(1, |times| times.cores.max(1)).saturating_mul(1000);
    quota_millicores().map_or(cores, |quota| cores.min(quota)).max(1)
}

/// The tightest quota of the control group and all above it.
fn quota_millicores() -> Option<u32> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Path::new("/sys/fs/cgroup")
        .join(path)
        .ancestors()
        .take_while(|folder| folder.starts_with("/sys/fs/cgroup"))
        .filter_map(|folder| parse_cpu_max(&std::fs::read_to_string(folder.join("cpu.max")).ok()?))
        .min()
}

/// Reads `<quota> <period>` in microseconds, or `max <period>`.
fn parse_cpu_max(text: &str) -> Option<u32> {
    let mut words = text.split_ascii_whitespace();
    let quota = words.next()?.parse::<u64>().ok()?;
    let period = words.next()?.parse::<u64>().ok().filter(|&period| period > 0)?;
    u32::try_from(quota.saturating_mul(1000) / period).ok()
}

/// Time spent by all cores since boot, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CpuTimes {
    busy: u64,
    total: u64,
    cores: u32,
}

impl CpuTimes {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let all = lines.next()?.strip_prefix("cpu ")?;
        // user nice system idle iowait irq softirq steal; guest times are part of user already.
        let ticks: Vec<u64> =
            all.split_ascii_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
        let (idle, waiting) = (ticks.get(3)?, ticks.get(4)?);
        let total = ticks.iter().fold(0_u64, |sum, &tick| sum.saturating_add(tick));
        let cores = lines.take_while(|line| line.starts_with("cpu")).count();
        Some(Self {
            busy: total.saturating_sub(idle.saturating_add(*waiting)),
            total,
            cores: u32::try_from(cores).ok()?,
        })
    }

    /// Use between `before` and this look, in thousandths of a core.
    fn millicores_since(self, before: Self) -> Option<u32> {
        let total = self.total.checked_sub(before.total).filter(|&ticks| ticks > 0)?;
        // The kernel's idle counters can step back a little.
        let busy = self.busy.saturating_sub(before.busy).min(total);
        let millicores = u128::from(busy) * u128::from(self.cores) * 1000 / u128::from(total);
        u32::try_from(millicores).ok()
    }
}

/// Measures use from one look to the next.
#[derive(Debug)]
pub(crate) struct Meter {
    last: Option<(Instant, CpuTimes)>,
    used_millicores: u32,
}

impl Meter {
    /// Takes the first look.
    pub(crate) fn start() -> Self {
        let mut meter = Self { last: None, used_millicores: 0 };
        meter.used_millicores();
        meter
    }

    /// Use since the last look, in thousandths of a core.
    pub(crate) fn used_millicores(&mut self) -> u32 {
        let now = Instant::now();
        if self.last.is_some_and(|(at, _)| now.duration_since(at) < SHORTEST_SPAN) {
            return self.used_millicores;
        }
        if let Some(times) =
            std::fs::read_to_string("/proc/stat").ok().and_then(|text| CpuTimes::parse(&text))
        {
            if let Some(used) = self.last.and_then(|(_, before)| times.millicores_since(before)) {
                self.used_millicores = used;
            }
            self.last = Some((now, times));
        }
        self.used_millicores
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotas() {
        for (text, millicores) in [
            ("max 100000\n", None),
            ("150000 100000\n", Some(1500)),
            ("50000 100000", Some(500)),
            ("400000 50000", Some(8000)),
            ("100000 0", None),
            ("100000", None),
            ("", None),
            ("99999999999999999999 1", None),
        ] {
            assert_eq!(parse_cpu_max(text), millicores, "{text}");
        }
    }

    #[test]
    fn use_is_what_is_neither_idle_nor_waiting() {
        let look = |user: u64, idle: u64, waiting: u64| {
            CpuTimes::parse(&format!("cpu  {user} 0 0 {idle} {waiting} 0 0 0 77 0\ncpu0 1\ncpu1 1\nintr 5\n"))
                .unwrap()
        };
        assert_eq!(look(100, 0, 0).cores, 2);
        assert_eq!(look(150, 130, 20).millicores_since(look(100, 100, 0)), Some(1000));
        assert_eq!(look(200, 100, 0).millicores_since(look(100, 100, 0)), Some(2000));
        assert_eq!(look(100, 200, 0).millicores_since(look(100, 100, 0)), Some(0));
        assert_eq!(look(100, 100, 0).millicores_since(look(100, 100, 0)), None);
    }

    #[test]
    fn this_host_has_a_capacity() {
        assert!(measured_millicores() >= 1);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_readers(text in "(cpu )?[ 0-9a-z\n]{0,80}", other in "cpu [ 0-9]{0,80}") {
            parse_cpu_max(&text);
            if let (Some(a), Some(b)) = (CpuTimes::parse(&text), CpuTimes::parse(&other)) {
                a.millicores_since(b);
            }
        }
    }
}

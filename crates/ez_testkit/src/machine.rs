//! Whether the machine was there while something was tested in real time.
//!
//! A shared machine is taken away for seconds now and then: from the publisher and the viewer as much as
//! from what is tested. What goes wrong then says nothing about the product.

use std::fmt;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::Result;
use futures::FutureExt as _;
use tokio::time::Instant;

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(20);
/// Between two looks at what was stolen.
const WINDOW: Duration = Duration::from_secs(1);
/// What a busy scheduler delays a tick by.
const BEARABLE_DELAY: Duration = Duration::from_millis(500);
/// The share of a second that may go to other machines of the same host.
const BEARABLE_SHARE: f64 = 0.2;
/// How often a test is given a machine.
const TRIES: u32 = 4;
/// How long the machine must have been calm before a test is tried again.
const CALM: Duration = Duration::from_secs(5);
/// How often that is looked for before the test is tried all the same.
const CALM_LOOKS: u32 = 12;

/// The worst that the machine did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Disturbance {
    /// For how long nothing ran.
    pub stood_still: Duration,
    /// The greatest share of a second that the host took from it (`steal` in `proc_stat(5)`).
    pub stolen: f64,
}

impl Disturbance {
    /// Whether what was tested meanwhile counts.
    pub fn is_bearable(&self) -> bool {
        self.stood_still <= BEARABLE_DELAY && self.stolen <= BEARABLE_SHARE
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the machine stood still for {:.1} s, and {:.0} % of a second went to others",
            self.stood_still.as_secs_f64(),
            self.stolen * 100.0
        )
    }
}

/// Looks at the machine until it is dropped.
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Mutex<Disturbance>>,
}

impl Watch {
    /// Begins to look, from a thread of its own: a busy runtime is not a busy machine.
    pub fn begin() -> Self {
        let seen = Arc::new(Mutex::new(Disturbance::default()));
        let for_thread = Arc::downgrade(&seen);
        std::thread::spawn(move || look(&for_thread));
        Self { seen }
    }

    /// The worst so far.
    pub fn seen(&self) -> Disturbance {
        *lock(&self.seen)
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own has no runtime to sleep in")]
fn look(seen: &Weak<Mutex<Disturbance>>) {
    let mut before = Instant::now();
    let mut window = (before, processor_times());
    while let Some(seen) = seen.upgrade() {
        std::thread::sleep(TICK);
        let now = Instant::now();
        let late = (now - before).saturating_sub(TICK);
        before = now;
        let mut seen = lock(&seen);
        seen.stood_still = seen.stood_still.max(late);
        if now - window.0 >= WINDOW {
            let times = processor_times();
            if let (Some((stolen_before, all_before)), Some((stolen, all))) = (window.1, times) {
                let share = (stolen - stolen_before) / (all - all_before).max(1.0);
                seen.stolen = seen.stolen.max(share);
            }
            window = (now, times);
        }
    }
}

fn lock(seen: &Mutex<Disturbance>) -> MutexGuard<'_, Disturbance> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stolen and all processor time since the machine started, in ticks.
fn processor_times() -> Option<(f64, f64)> {
    parse(&std::fs::read_to_string("/proc/stat").ok()?)
}

fn parse(stat: &str) -> Option<(f64, f64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<f64> = line.split_whitespace().map_while(|time| time.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; what guests used is in the first two.
    let all: f64 = times.get(..8)?.iter().sum();
    Some((times[7], all))
}

/// Runs a test that needs real time. One that fails while the machine was away is run again when
/// it is back, three times at most; one that fails otherwise, or again, has failed.
///
/// # Errors
/// Those of the test.
///
/// # Panics
/// As the test does.
pub async fn undisturbed(test: impl AsyncFn() -> Result<()>) -> Result<()> {
    let mut tries = 1;
    loop {
        let watch = Watch::begin();
        let ended = AssertUnwindSafe(test()).catch_unwind().await;
        if matches!(ended, Ok(Ok(()))) {
            return Ok(());
        }
        let seen = watch.seen();
        if seen.is_bearable() || tries >= TRIES {
            return ended.unwrap_or_else(|panic| resume_unwind(panic));
        }
        report(&seen, tries);
        calm_down().await;
        tries += 1;
    }
}

/// Waits until the machine is there again; such a time may last for minutes.
async fn calm_down() {
    for _ in 0..CALM_LOOKS {
        let watch = Watch::begin();
        tokio::time::sleep(CALM).await;
        if watch.seen().is_bearable() {
            return;
        }
    }
}

#[expect(clippy::print_stderr, reason = "for whoever reads why the test took so long")]
fn report(seen: &Disturbance, tries: u32) {
    eprintln!("try {tries} does not count, since {seen}: again");
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use anyhow::bail;

    use super::*;

    #[test]
    fn the_kernel_s_times_are_read() {
        let text = "cpu  100 1 20 800 5 0 3 71 9 9\ncpu0 1 1 1 1 1 1 1 1\n";
        assert_eq!(parse(text), Some((71.0, 1000.0)));
        assert_eq!(parse("intr 5"), None);
        assert_eq!(parse("cpu 1 2 3"), None);
        assert!(processor_times().is_some());
    }

    #[test]
    fn what_is_bearable() {
        let disturbance = |ms, stolen| Disturbance { stood_still: Duration::from_millis(ms), stolen };
        assert!(disturbance(400, 0.1).is_bearable());
        assert!(!disturbance(700, 0.0).is_bearable());
        assert!(!disturbance(0, 0.3).is_bearable());
    }

    #[tokio::test]
    async fn what_fails_on_a_calm_machine_fails_at_once() {
        let runs = AtomicU32::new(0);
        let failed = undisturbed(async || {
            runs.fetch_add(1, Ordering::SeqCst);
            bail!("broken")
        });
        assert!(failed.await.is_err());
        assert!((1..=TRIES).contains(&runs.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn a_panic_stays_one() {
        let test = undisturbed(async || panic!("broken"));
        assert!(AssertUnwindSafe(test).catch_unwind().await.is_err());
    }
}

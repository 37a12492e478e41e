//! Moments at which the machine stood still.
//!
//! A shared machine is taken away for a second now and then, from the publisher and the viewer as much
//! as from what is tested. A round with such a moment says nothing about the product.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

const TICK: Duration = Duration::from_millis(20);
/// What a busy scheduler delays a tick by; a round bears it.
pub const BEARABLE: Duration = Duration::from_millis(500);

/// Looks at the clock all the time; stops when dropped.
#[derive(Debug)]
pub struct Stalls {
    longest_ms: Arc<AtomicU64>,
    _task: JoinSet<()>,
}

impl Stalls {
    /// Begins to look.
    pub fn watch() -> Self {
        let longest_ms = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&longest_ms);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut before = Instant::now();
            loop {
                tokio::time::sleep(TICK).await;
                let late = before.elapsed().saturating_sub(TICK);
                seen.fetch_max(u64::try_from(late.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
                before = Instant::now();
            }
        });
        Self { longest_ms, _task: task }
    }

    /// The longest one so far.
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.longest_ms.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "stands for a machine that stands still")]
    async fn a_machine_that_stands_still_is_noticed() {
        let stalls = Stalls::watch();
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(700));
        tokio::time::sleep(TICK * 3).await;
        assert!(stalls.longest() > BEARABLE, "{:?}", stalls.longest());
    }
}

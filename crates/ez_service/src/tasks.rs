//! Background tasks that nobody forgets: each has a name, a failure is seen, shutdown waits.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the end of a task by an error or a panic means for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Logged; the service goes on.
    Log,
    /// Logged, and the whole group is cancelled: the service cannot do its work without it.
    Stop,
}

/// The tasks of one service or run.
#[derive(Debug, Clone)]
pub struct TaskGroup {
    tracker: TaskTracker,
    shutdown: CancellationToken,
}

impl TaskGroup {
    /// A group whose tasks end when `shutdown` is cancelled.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { tracker: TaskTracker::new(), shutdown }
    }

    /// The token that ends the group.
    pub const fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Runs `future` in the background until it ends by itself; it watches the token on its own.
    pub fn spawn<F>(&self, name: &'static str, on_failure: OnFailure, future: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shutdown = self.shutdown.clone();
        let running = self.tracker.spawn(future);
        self.tracker.spawn(async move {
            let failed = match running.await {
                Ok(Ok(())) => false,
                Ok(Err(error)) => {
                    tracing::error!(task = name, error = format!("{error:#}"), "task failed");
                    true
                }
                Err(error) => {
                    tracing::error!(task = name, panicked = error.is_panic(), "task ended abnormally");
                    true
                }
            };
            if failed && on_failure == OnFailure::Stop {
                shutdown.cancel();
            }
        });
    }

    /// Cancels the group and waits for its tasks; `false` when some outlived `grace`.
    pub async fn finish(&self, grace: Duration) -> bool {
        self.shutdown.cancel();
        self.tracker.close();
        let ended = tokio::time::timeout(grace, self.tracker.wait()).await.is_ok();
        if !ended {
            tracing::warn!(tasks = self.tracker.len(), "tasks outlived the grace period");
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_essential_task_ends_the_group() {
        let group = TaskGroup::new(CancellationToken::new());
        group.spawn("essential", OnFailure::Stop, async { anyhow::bail!("broke") });
        tokio::time::timeout(Duration::from_secs(5), group.shutdown().cancelled()).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_seen_and_survived() {
        let group = TaskGroup::new(CancellationToken::new());
        group.spawn("optional", OnFailure::Log, async { panic!("a test panics") });
        assert!(group.finish(Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn finish_tells_when_a_task_does_not_end() {
        let group = TaskGroup::new(CancellationToken::new());
        group.spawn("stuck", OnFailure::Log, std::future::pending());
        assert!(!group.finish(Duration::from_millis(1)).await);
    }
}

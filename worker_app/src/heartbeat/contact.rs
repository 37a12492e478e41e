//! Whether the scheduler answers: for `/readyz`, and for log lines that come once, not every beat.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Without an answer for this long, our leases may be given to others.
const FRESH: Duration = Duration::from_secs(6);
/// Time between two log lines about the same outage.
const REMINDER: Duration = Duration::from_secs(60);

/// What is known about the scheduler.
#[derive(Debug, Default)]
pub(crate) struct Contact {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    registered: bool,
    /// When the last answered beat was sent.
    answered: Option<Instant>,
    /// Since when it does not answer, and when that was last logged.
    outage: Option<(Instant, Instant)>,
    /// The last failure in words.
    failure: Option<String>,
}

impl Contact {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_registered(&self) -> bool {
        self.state().registered
    }

    pub(super) fn registered(&self) {
        self.state().registered = true;
    }

    pub(super) fn forgotten(&self) {
        self.state().registered = false;
    }

    pub(super) fn answered(&self, asked: Instant) {
        let mut state = self.state();
        state.answered = Some(asked);
        state.failure = None;
        if let Some((since, _)) = state.outage.take() {
            let seconds = since.elapsed().as_secs();
            tracing::info!(seconds, "the scheduler answers again");
        }
    }

    pub(super) fn failed(&self, why: &str) {
        let now = Instant::now();
        let mut state = self.state();
        let (since, logged) = state.outage.unwrap_or((now, now));
        let first = state.outage.is_none();
        // A new reason is worth a line of its own.
        if first || now.duration_since(logged) >= REMINDER || state.failure.as_deref() != Some(why) {
            let seconds = now.duration_since(since).as_secs();
            tracing::warn!(error = why, seconds, "no contact with the scheduler; runs go on as they are");
            state.outage = Some((since, now));
        }
        state.failure = Some(why.to_owned());
    }

    /// Time since the last answered beat was sent; `None` before the first.
    pub(crate) fn silence(&self) -> Option<Duration> {
        self.state().answered.map(|at| at.elapsed())
    }

    /// Whether this worker can take runs up; the error says what is missing.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let state = self.state();
        let why = || state.failure.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        match state.answered {
            _ if !state.registered => Err(format!("not registered with the scheduler{}", why())),
            Some(at) if at.elapsed() <= FRESH => Ok(()),
            Some(at) => Err(format!("no heartbeat was answered for {} s{}", at.elapsed().as_secs(), why())),
            None => Err(format!("no heartbeat was answered yet{}", why())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ready_means_registered_and_lately_answered() {
        let contact = Contact::default();
        contact.failed("refused");
        assert_eq!(contact.ready().unwrap_err(), "not registered with the scheduler: refused");
        contact.registered();
        assert!(contact.ready().unwrap_err().contains("yet"));
        contact.answered(Instant::now());
        contact.ready().unwrap();
        tokio::time::advance(Duration::from_millis(6001)).await;
        assert!(contact.ready().unwrap_err().contains("6 s"));
        contact.answered(Instant::now());
        contact.forgotten();
        assert!(contact.ready().is_err());
    }
}

//! A service with its supervisor at work: what is wanted of it, how it is, and the waits for both.

use std::time::Duration;

use ez_service::latest::Latest as _;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::error::Error;
use super::services::Service;
use super::supervise::{Status, Wanted, last_words};

/// Longest time for one service to become ready.
const READY: Duration = Duration::from_secs(60);

pub(super) struct Supervised {
    pub(super) service: Service,
    pub(super) wanted: watch::Sender<Wanted>,
    pub(super) status: watch::Receiver<Status>,
}

impl Supervised {
    /// Waits for the first readiness; a service that dies before that has failed. Its last words stand in
    /// its log from byte `log_began_at` on.
    pub(super) async fn first_ready(&self, log_began_at: usize) -> Result<(), Error> {
        let status = self.wait_ready(|status| status.ready || status.ended.is_some()).await?;
        let Some(reason) = status.ended else { return Ok(()) };
        let Service { name, log, .. } = &self.service;
        let (service, words) = (name.clone(), last_words(log, log_began_at));
        Err(if words.is_empty() {
            Error::NotStarted { service, reason }
        } else {
            Error::Ended { service, reason, words, log: log.clone() }
        })
    }

    /// Waits for a status that is `enough`.
    pub(super) async fn wait_ready(&self, enough: impl Fn(&Status) -> bool) -> Result<Status, Error> {
        let mut status = self.status.clone();
        let waited = timeout_at(Instant::now() + READY, status.wait_for(|status| enough(status))).await;
        if let Ok(Ok(status)) = waited {
            return Ok(status.clone());
        }
        let Service { name, log, .. } = &self.service;
        Err(Error::NotReady {
            service: name.clone(),
            seconds: READY.as_secs(),
            reason: self.status.latest().missing,
            log: log.clone(),
        })
    }

    /// Waits for the end of the supervisor: it drops its side of the channel.
    pub(super) async fn ended(&self) {
        let mut status = self.status.clone();
        while status.changed().await.is_ok() {}
    }
}

//! Trying again: when, how long, and when to stop.
//!
//! Only requests that may be repeated come here; who repeats a write makes sure that an earlier
//! attempt that did arrive is recognised ([`crate::immutable`], [`crate::stable`]).

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::dice::Dice;
use crate::error::{Cause, Error};

/// From this failure on a retry is worth a warning: it is no longer a passing hiccup.
const FAILURES_BEFORE_WARNING: u32 = 3;

/// How long one upload of a segment may take. Not longer, because after an outage in which requests just
/// vanished, the last of them still has to be waited for.
const LONGEST_UPLOAD: Duration = Duration::from_secs(30);

/// How a request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The upper bound of the first pause; it doubles from failure to failure.
    pub first_pause: Duration,
    /// The upper bound of every pause.
    pub longest_pause: Duration,
    /// How long the first attempt may take; doubled after each that was cut off.
    pub attempt_timeout: Duration,
    /// How long any attempt may take. Longer than the first where an attempt carries much: on a thin link
    /// one that is always cut off at the same time never arrives.
    pub longest_attempt: Duration,
    /// After how long no further attempt is begun; `None` tries for as long as the caller waits.
    pub give_up_after: Option<Duration>,
}

impl Policy {
    /// The policy for objects of a channel with segments of this duration.
    ///
    /// An upload that takes longer than two segments can never catch up, so it is begun anew; below
    /// three seconds a slow link would be cut off needlessly. No pause is longer than a segment: a store that fails
    /// now and then would hold up the channel by several of them for one unlucky object.
    #[must_use]
    pub fn for_segments_of(duration: Duration) -> Self {
        let attempt_timeout = Duration::from_secs(3).max(duration * 2);
        let longest_pause = duration.clamp(Duration::from_secs(1), Self::default().longest_pause);
        Self { attempt_timeout, longest_attempt: attempt_timeout, longest_pause, ..Self::default() }
    }

    /// The same, for requests that carry much.
    #[must_use]
    pub fn for_large_bodies(self) -> Self {
        Self { longest_attempt: LONGEST_UPLOAD.max(self.attempt_timeout * 2), ..self }
    }

    /// The same, for playlists: they are small at first, and grow to hundreds of kilobytes in a long window.
    #[must_use]
    pub fn for_playlists(self) -> Self {
        Self { longest_attempt: self.attempt_timeout * 4, ..self }
    }

    /// How long an attempt may take after so many that were cut off.
    fn limit(&self, cut_off: u32) -> Duration {
        self.attempt_timeout.saturating_mul(1 << cut_off.min(16)).min(self.longest_attempt)
    }

    /// A time after the given number of failures in a row: uniform between zero and a bound that
    /// doubles ("full jitter"), so that thousands of channels do not come back in step.
    pub fn pause(&self, failures: u32, dice: &mut Dice) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let bound = self.first_pause.saturating_mul(1 << doublings).min(self.longest_pause);
        Duration::from_micros(
            dice.below(u64::try_from(bound.as_micros()).unwrap_or(u64::MAX).saturating_add(1)),
        )
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(10),
            longest_attempt: Duration::from_secs(10),
            give_up_after: None,
        }
    }
}

/// The attempts at one request.
#[derive(Debug)]
pub struct Attempts<'a> {
    policy: &'a Policy,
    dice: &'a mut Dice,
    begun: Instant,
    failures: u32,
    cut_off: u32,
}

impl<'a> Attempts<'a> {
    /// Begins now.
    pub fn new(policy: &'a Policy, dice: &'a mut Dice) -> Self {
        Self { policy, dice, begun: Instant::now(), failures: 0, cut_off: 0 }
    }

    /// How many attempts have failed.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Makes one attempt, cut off after the time of the policy.
    pub async fn once<T>(
        &mut self,
        operation: &'static str,
        key: &str,
        attempt: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let answer = bounded(self.policy.limit(self.cut_off), operation, key, attempt).await;
        if answer.as_ref().is_err_and(|error| error.cause == Cause::Timeout) {
            self.cut_off = self.cut_off.saturating_add(1);
        }
        answer
    }

    /// Waits until the next attempt, or gives `error` back if there shall be none.
    pub async fn pause_after(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_retryable() {
            return Err(error);
        }
        self.failures = self.failures.saturating_add(1);
        let pause = self.policy.pause(self.failures, self.dice);
        if self.policy.give_up_after.is_some_and(|limit| self.begun.elapsed() + pause >= limit) {
            return Err(error);
        }
        if self.failures >= FAILURES_BEFORE_WARNING {
            tracing::warn!(failures = self.failures, ?pause, error = %chain(&error), "store: trying again");
        } else {
            tracing::debug!(failures = self.failures, ?pause, error = %chain(&error), "store: trying again");
        }
        sleep(pause).await;
        Ok(())
    }
}

/// Repeats a request that changes nothing, or nothing twice (get, head, list, delete).
pub async fn persist<T, F>(
    policy: &Policy,
    dice: &mut Dice,
    operation: &'static str,
    key: &str,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut attempts = Attempts::new(policy, dice);
    loop {
        match attempts.once(operation, key, attempt()).await {
            Ok(value) => return Ok(value),
            Err(error) => attempts.pause_after(error).await?,
        }
    }
}

/// Cuts `attempt` off after `limit`; what was sent by then may still arrive.
pub(crate) async fn bounded<T>(
    limit: Duration,
    operation: &'static str,
    key: &str,
    attempt: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(limit, attempt).await.unwrap_or_else(|_| {
        Err(Error::new(operation, key, Cause::Timeout, format!("no answer within {limit:?}")))
    })
}

/// The error with all errors below it, in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(source) = below {
        text.push_str(": ");
        text.push_str(&source.to_string());
        below = source.source();
    }
    text
}

#[cfg(test)]
mod tests;

//! When a refusal of the store is believed.

use std::time::Duration;

use ez_domain::fault::{Failure, Fault};
use ez_objects::Error;
use ez_objects::dice::Dice;
use ez_objects::health::Trouble;
use ez_objects::retry::Policy;

/// Tries at a store that refuses, before the refusal is believed: permissions take a moment to spread.
const TRIES: u32 = 3;
/// Least time before the second try; twice as long before the third. A channel is not ended by what is over in a
/// second.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// The refusals of one request.
#[derive(Debug)]
pub(crate) struct Refusals {
    policy: Policy,
    dice: Dice,
    count: u32,
}

impl Refusals {
    pub(crate) const fn new(policy: Policy, dice: Dice) -> Self {
        Self { policy, dice, count: 0 }
    }

    /// Waits until the next try, or gives `error` back if it is to be believed. What may succeed later
    /// never is: a store that is away must not end a channel.
    pub(crate) async fn doubt(&mut self, error: Error) -> Result<(), Error> {
        self.count = self.count.saturating_add(1);
        if self.count >= TRIES && !error.is_retryable() {
            return Err(error);
        }
        tracing::warn!(%error, refusals = self.count, "the store refuses");
        let least =
            if error.is_retryable() { Duration::ZERO } else { LEAST_PAUSE.saturating_mul(self.count) };
        tokio::time::sleep(least + self.policy.pause(self.count, &mut self.dice)).await;
        Ok(())
    }
}

/// A refusal of the store, as the user is told of it.
pub(crate) fn failure(error: &Error) -> Failure {
    let fault = error.fault();
    if fault == Fault::Worker {
        // Its disk, or a rival: another worker, with another epoch, has neither.
        return Failure::retryable(fault, format!("this worker cannot upload the media: {error}"));
    }
    let reason = format!(
        "the bucket does not take the media: {error}; check that the bucket exists and that the worker's \
         credentials may write to it"
    );
    Failure { fault, reason, retryable: error.is_retryable() }
}

/// A store that does not answer, as the user is told of it.
pub(crate) fn trouble(trouble: &Trouble) -> Failure {
    let reason = format!(
        "the bucket takes nothing at the moment ({}); media waits on the worker's disk and is uploaded when it \
         does again",
        trouble.error
    );
    Failure::retryable(Fault::Destination, reason)
}

#[cfg(test)]
mod tests {
    use ez_objects::Cause;

    use super::*;

    #[test]
    fn only_what_another_worker_would_meet_too_ends_the_job() {
        for (cause, retryable, says) in [
            (Cause::Refused, false, "check that the bucket exists"),
            (Cause::Unsupported, false, "check that the bucket exists"),
            (Cause::File, true, "this worker cannot upload"),
            (Cause::PreconditionFailed, true, "this worker cannot upload"),
        ] {
            let told = failure(&Error::new("put", "a/b", cause, ""));
            assert_eq!(told.retryable, retryable, "{cause:?}");
            assert!(told.reason.contains(says), "{cause:?}: {}", told.reason);
        }
    }
}

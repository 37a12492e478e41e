//! The one publisher's seat of a listener, and who may take it.
//!
//! Invariant: from [`Seat::claim`] to the drop of the [`Seated`] it gave, nobody else holds the seat. A
//! silent holder is asked to go, and the claimer waits until it has gone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(crate) struct Seat {
    takeover_after: Duration,
    created: Instant,
    holder: Mutex<Option<Arc<Holder>>>,
    vacated: Notify,
}

#[derive(Debug)]
struct Holder {
    asked_to_go: CancellationToken,
    /// Milliseconds from the seat's creation since which the holder's socket gives nothing; or [`BUSY`].
    quiet_since: AtomicU64,
}

/// The holder's last bytes are still being handed on: silence is not its fault.
const BUSY: u64 = u64::MAX;

/// Proof of holding the seat.
#[derive(Debug)]
pub(crate) struct Seated {
    seat: Arc<Seat>,
    holder: Arc<Holder>,
}

/// Somebody else holds the seat and is alive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken;

impl Seat {
    pub(crate) fn new(takeover_after: Duration) -> Arc<Self> {
        Arc::new(Self {
            takeover_after,
            created: Instant::now(),
            holder: Mutex::default(),
            vacated: Notify::new(),
        })
    }

    /// Takes the seat if it is free, or once its silent holder has gone.
    pub(crate) async fn claim(self: &Arc<Self>) -> Result<Seated, Taken> {
        loop {
            // Listens before it looks, so that a seat vacated in between is not missed.
            let vacated = self.vacated.notified();
            match self.try_claim() {
                Ok(seated) => return Ok(seated),
                Err(holder) if self.is_silent(&holder) => holder.asked_to_go.cancel(),
                Err(_) => return Err(Taken),
            }
            vacated.await;
        }
    }

    fn try_claim(self: &Arc<Self>) -> Result<Seated, Arc<Holder>> {
        let mut seat = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = &*seat {
            return Err(Arc::clone(holder));
        }
        let asked_to_go = CancellationToken::new();
        let holder = Arc::new(Holder { asked_to_go, quiet_since: AtomicU64::new(BUSY) });
        *seat = Some(Arc::clone(&holder));
        Ok(Seated { seat: Arc::clone(self), holder })
    }

    /// Also true of a holder that was asked to go before or is leaving: it will not come back.
    fn is_silent(&self, holder: &Holder) -> bool {
        let since = holder.quiet_since.load(Ordering::Acquire);
        let takeover_after = u64::try_from(self.takeover_after.as_millis()).unwrap_or(u64::MAX);
        let is_quiet = since != BUSY && self.now().saturating_sub(since) >= takeover_after;
        is_quiet || holder.asked_to_go.is_cancelled()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.created.elapsed().as_millis()).unwrap_or(BUSY - 1)
    }
}

impl Seated {
    /// The holder waits for its peer from now on.
    pub(crate) fn wait_for_peer(&self) {
        self.holder.quiet_since.store(self.seat.now(), Ordering::Release);
    }

    /// The holder has heard of its peer and is busy.
    pub(crate) fn heard_peer(&self) {
        self.holder.quiet_since.store(BUSY, Ordering::Release);
    }

    /// The holder is on its way out: whoever claims the seat from now on waits for it instead of being
    /// refused, so that an encoder that reconnects at once is let in.
    pub(crate) fn leave(&self) {
        self.holder.asked_to_go.cancel();
    }

    /// Done when somebody claims the seat of this silent holder.
    pub(crate) async fn asked_to_go(&self) {
        self.holder.asked_to_go.cancelled().await;
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        *self.seat.holder.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.seat.vacated.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    /// Whether the future is still pending after one poll.
    async fn is_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_silent_holder_is_asked_to_go() {
        let seat = Seat::new(Duration::from_secs(3));
        let first = seat.claim().await.unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(seat.claim().await.unwrap_err(), Taken, "busy with its consumer");
        first.wait_for_peer();
        tokio::time::advance(Duration::from_millis(2999)).await;
        assert_eq!(seat.claim().await.unwrap_err(), Taken, "silent, but not long enough");
        tokio::time::advance(Duration::from_millis(1)).await;

        let mut second = pin!(seat.claim());
        let mut third = pin!(seat.claim());
        assert!(is_pending(second.as_mut()).await, "waits until the first has gone");
        assert!(is_pending(third.as_mut()).await);
        first.asked_to_go().await;
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(third.await.unwrap_err(), Taken, "one seat, one winner");
        second.leave();
        let mut fourth = pin!(seat.claim());
        assert!(is_pending(fourth.as_mut()).await, "the second is leaving, but still seated");
        drop(second);
        assert!(fourth.await.is_ok());
    }
}

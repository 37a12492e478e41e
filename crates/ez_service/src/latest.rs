//! What a watch channel holds, as a copy.
//!
//! `borrow` answers a read guard. Two guards of one channel in one statement stop both sides for good
//! as soon as the sender waits between them (the lock prefers writers; see tokio's documentation of
//! `watch::Receiver::borrow`), and a temporary lives to the end of its statement. A copy has no such
//! trap, so the lints allow nothing else.

use tokio::sync::watch;

/// Reads a watch channel without a guard that could be held.
pub trait Latest<T> {
    /// The value at this moment.
    fn latest(&self) -> T;
}

/// Reads a watch channel and marks what was read as seen.
pub trait LatestSeen<T> {
    /// The value at this moment; the next `changed` waits for another one.
    fn latest_seen(&mut self) -> T;
}

impl<T: Clone> Latest<T> for watch::Receiver<T> {
    #[expect(clippy::disallowed_methods, reason = "the guard ends with the statement")]
    fn latest(&self) -> T {
        self.borrow().clone()
    }
}

impl<T: Clone> Latest<T> for watch::Sender<T> {
    #[expect(clippy::disallowed_methods, reason = "the guard ends with the statement")]
    fn latest(&self) -> T {
        self.borrow().clone()
    }
}

impl<T: Clone> LatestSeen<T> for watch::Receiver<T> {
    #[expect(clippy::disallowed_methods, reason = "the guard ends with the statement")]
    fn latest_seen(&mut self) -> T {
        self.borrow_and_update().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seen_is_seen() {
        let (sender, mut receiver) = watch::channel(1);
        sender.send_replace(2);
        assert_eq!((receiver.latest(), sender.latest()), (2, 2));
        assert!(receiver.has_changed().unwrap());
        assert_eq!(receiver.latest_seen(), 2);
        assert!(!receiver.has_changed().unwrap());
    }
}

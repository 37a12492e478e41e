//! A store that fails as networks do, replayable from a seed.
//!
//! The three ways in which a write can end badly look alike to the caller and are not: the request
//! was lost (nothing happened), the answer was lost (it happened), or the request was held up on the
//! way and arrives *later*, after the caller has long tried again or another has written.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::sleep;

use crate::dice::Dice;
use crate::error::{Cause, Error};
use crate::object::{Body, ETag, ObjectInfo, ObjectStore, Page, PutOptions};

/// How often what goes wrong; the probabilities are in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// This many requests fail before anything else is thrown for.
    pub fail_first: u32,
    /// The store refuses for good (403).
    pub refuse: u16,
    /// The store is busy: nothing happens and the caller knows it.
    pub throttle: u16,
    /// The request is lost.
    pub lose_request: u16,
    /// The answer is lost.
    pub lose_answer: u16,
    /// A write is held up and arrives some requests later.
    pub delay_write: u16,
    /// Held-up writes arrive only when [`Unreliable::deliver_all`] lets them.
    pub hold: bool,
    /// A request takes a random time up to this.
    pub longest_delay: Duration,
}

/// A decorator that injects [`Faults`].
#[derive(Debug)]
pub struct Unreliable<S> {
    inner: S,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    dice: Dice,
    held_up: Vec<HeldUp>,
    requests: u64,
}

#[derive(Debug)]
struct HeldUp {
    key: String,
    body: Body,
    options: PutOptions,
}

enum Fate {
    Good,
    RequestLost(Cause),
    AnswerLost,
    HeldUp,
}

impl<S: ObjectStore> Unreliable<S> {
    /// Puts faults before `inner`.
    pub const fn new(inner: S, faults: Faults, dice: Dice) -> Self {
        Self { inner, state: Mutex::new(State { faults, dice, held_up: Vec::new(), requests: 0 }) }
    }

    /// The store behind.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// How many requests there were, whatever became of them.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// Goes on with other faults.
    pub fn set(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Ends all faults; writes that are held up arrive with the next requests.
    pub fn heal(&self) {
        self.set(Faults::default());
    }

    /// Lets every write arrive that is still held up.
    pub async fn deliver_all(&self) {
        let held_up = std::mem::take(&mut self.lock().held_up);
        for write in held_up {
            self.deliver(write).await;
        }
    }

    async fn deliver(&self, write: HeldUp) {
        // Nobody waits for this answer any more.
        let answer = self.inner.put(&write.key, &write.body, &write.options).await;
        tracing::trace!(key = %write.key, ?answer, "a held-up write arrived");
    }

    async fn throw(&self, is_write: bool) -> Fate {
        let (delay, late, fate) = {
            let state = &mut *self.lock();
            state.requests += 1;
            let longest = u64::try_from(state.faults.longest_delay.as_micros()).unwrap_or(u64::MAX);
            let delay = Duration::from_micros(state.dice.below(longest));
            let arrives = !state.held_up.is_empty()
                && !state.faults.hold
                && (state.faults == Faults::default() || state.dice.hits(300));
            let late = arrives.then(|| {
                let at = state.dice.below(state.held_up.len() as u64);
                state.held_up.swap_remove(usize::try_from(at).unwrap_or_default())
            });
            (delay, late, state.fate(is_write))
        };
        if let Some(write) = late {
            self.deliver(write).await;
        }
        if !delay.is_zero() {
            sleep(delay).await;
        }
        fate
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass<T>(
        &self,
        operation: &'static str,
        key: &str,
        request: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        match self.throw(false).await {
            Fate::Good | Fate::HeldUp => request.await,
            Fate::RequestLost(cause) => Err(Error::new(operation, key, cause, "injected: request lost")),
            Fate::AnswerLost => {
                request.await?;
                Err(Error::new(operation, key, Cause::Timeout, "injected: answer lost"))
            }
        }
    }
}

impl State {
    fn fate(&mut self, is_write: bool) -> Fate {
        if let Some(left) = self.faults.fail_first.checked_sub(1) {
            self.faults.fail_first = left;
            return Fate::RequestLost(Cause::Unavailable);
        }
        if self.dice.hits(self.faults.refuse) {
            Fate::RequestLost(Cause::Refused)
        } else if self.dice.hits(self.faults.throttle) {
            Fate::RequestLost(Cause::Throttled)
        } else if self.dice.hits(self.faults.lose_request) {
            Fate::RequestLost(Cause::Timeout)
        } else if self.dice.hits(self.faults.lose_answer) {
            Fate::AnswerLost
        } else if is_write && self.dice.hits(self.faults.delay_write) {
            Fate::HeldUp
        } else {
            Fate::Good
        }
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Unreliable<S> {
    async fn put(&self, key: &str, body: &Body, options: &PutOptions) -> Result<ETag, Error> {
        match self.throw(true).await {
            Fate::Good => self.inner.put(key, body, options).await,
            Fate::RequestLost(cause) => Err(Error::new("put", key, cause, "injected: request lost")),
            Fate::AnswerLost => {
                self.inner.put(key, body, options).await?;
                Err(Error::new("put", key, Cause::Timeout, "injected: answer lost"))
            }
            Fate::HeldUp => {
                let write = HeldUp { key: key.to_owned(), body: body.clone(), options: options.clone() };
                self.lock().held_up.push(write);
                Err(Error::new("put", key, Cause::Timeout, "injected: request held up"))
            }
        }
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectInfo)>, Error> {
        self.pass("get", key, self.inner.get(key)).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        self.pass("head", key, self.inner.head(key)).await
    }

    async fn delete_batch(&self, keys: &[String]) -> Result<(), Error> {
        self.pass("delete", keys.first().map_or("", String::as_str), self.inner.delete_batch(keys)).await
    }

    async fn list(&self, prefix: &str, continuation: Option<&str>) -> Result<Page, Error> {
        self.pass("list", prefix, self.inner.list(prefix, continuation)).await
    }
}

//! The pool of RTMP ports: each run holds one for its life, also across restarts.
//!
//! A port is given out only after it could be bound, so ports that other programs hold are passed
//! over. The search goes on from the last one given out, and passes over ports that other jobs had as long as there
//! are others: an encoder that still pushes to a run that ended should not hit the next run. A job that comes back
//! gets the port it had, if that is free: its encoder, which knows the old address and keeps trying, is then let in
//! again. That is known after an upgrade or a reboot, too, from `ports.json` in the data folder.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ez_domain::id::JobId;

use crate::identity::{Keep, write_private};

/// The pool.
#[derive(Debug, Clone)]
pub(crate) struct PortPool {
    host: String,
    base: u16,
    count: u16,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    held: BTreeSet<u16>,
    /// Whose run had a port last.
    last: BTreeMap<u16, JobId>,
    next: u16,
    /// Where `last` is kept.
    memory: Option<PathBuf>,
}

impl Book {
    /// `port` is that of `job` from now on.
    fn remember(&mut self, port: u16, job: JobId) {
        if self.last.get(&port) == Some(&job) {
            return;
        }
        self.last.retain(|_, last| *last != job);
        self.last.insert(port, job);
        if let Some(memory) = &self.memory
            && let Err(error) = write_private(memory, &self.last, Keep::AcrossCrash)
        {
            // Encoders may then find another's listener after a restart, and need the new address.
            tracing::warn!(path = %memory.display(), %error, "whose port is which cannot be kept");
        }
    }
}

/// A port that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct PortLease {
    port: u16,
    book: Arc<Mutex<Book>>,
}

/// No port is left.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no RTMP port between {first} and {last} is free: runs hold {held}, other programs {foreign}; raise Rtmp_ports or free some"
)]
pub(crate) struct NoPort {
    first: u16,
    last: u16,
    held: u16,
    foreign: u16,
}

fn open(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    // The book is consistent after each statement, so a panic elsewhere does not spoil it.
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PortPool {
    /// A pool of `count` ports from `base` on, for listeners on `host`. Whose port is which is kept in `memory`.
    pub(crate) fn new(host: &str, base: u16, count: u16, memory: Option<PathBuf>) -> Self {
        // One that is missing or damaged is none: nothing depends on it but comfort.
        let read = |path: &PathBuf| serde_json::from_slice(&std::fs::read(path).ok()?).ok();
        let last = memory.as_ref().and_then(read).unwrap_or_default();
        let book = Book { last, memory, ..Book::default() };
        Self { host: host.to_owned(), base, count, book: Arc::new(Mutex::new(book)) }
    }

    /// Takes a free port for a run of `job`; `wish` is tried first, without one the port of its last run.
    pub(crate) fn lease(&self, job: JobId, wish: Option<u16>) -> Result<PortLease, NoPort> {
        let mut book = open(&self.book);
        let wish = wish.or_else(|| book.last.iter().find(|(_, last)| **last == job).map(|(port, _)| *port));
        let (mut held, mut foreign) = (0, 0);
        let wish = wish.and_then(|port| port.checked_sub(self.base)).filter(|&offset| offset < self.count);
        let turn = (0..self.count)
            .map(|step| (u32::from(book.next) + u32::from(step)) % u32::from(self.count.max(1)));
        let turn =
            turn.filter_map(|offset| u16::try_from(offset).ok()).filter(|&offset| Some(offset) != wish);
        let is_of_another = |offset: &u16| {
            let port = self.base.saturating_add(*offset);
            book.last.get(&port).is_some_and(|last| *last != job)
        };
        let (of_others, free): (Vec<u16>, Vec<u16>) = turn.partition(is_of_another);
        let order: Vec<u16> = wish.into_iter().chain(free).chain(of_others).collect();
        for offset in order {
            let port = self.base.saturating_add(offset);
            if book.held.contains(&port) {
                held += 1;
            } else if TcpListener::bind((self.host.as_str(), port)).is_err() {
                foreign += 1;
            } else {
                book.held.insert(port);
                book.remember(port, job);
                book.next = (offset + 1) % self.count;
                return Ok(PortLease { port, book: Arc::clone(&self.book) });
            }
        }
        Err(NoPort {
            first: self.base,
            last: self.base.saturating_add(self.count.saturating_sub(1)),
            held,
            foreign,
        })
    }

    /// Books a port that a living transcoder of `job` holds.
    pub(crate) fn adopt(&self, job: JobId, port: u16) -> PortLease {
        let mut book = open(&self.book);
        book.held.insert(port);
        book.remember(port, job);
        PortLease { port, book: Arc::clone(&self.book) }
    }
}

impl PortLease {
    /// The port.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        open(&self.book).held.remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of `count` ports of which all could be bound just now.
    fn free_base(count: u16) -> u16 {
        (20_000 + u16::try_from(std::process::id() % 20_000).unwrap()..60_000)
            .step_by(usize::from(count))
            .find(|&base| (base..base + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()))
            .unwrap()
    }

    fn job(number: u128) -> JobId {
        JobId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_job_gets_its_port_back_unless_another_holds_it() {
        let base = free_base(3);
        let pool = PortPool::new("127.0.0.1", base, 3, None);
        let port_of = |number| pool.lease(job(number), None).unwrap();
        drop(port_of(1));
        assert_eq!(port_of(2).port(), base + 1);
        assert_eq!(port_of(1).port(), base);
        let taken = (port_of(3), port_of(4), port_of(5));
        assert_eq!((taken.0.port(), taken.1.port(), taken.2.port()), (base + 2, base, base + 1));
        drop(taken.0);
        assert_eq!(port_of(1).port(), base + 2, "its own is held");
    }

    #[test]
    fn a_job_gets_its_port_back_after_a_restart_whoever_comes_first() {
        let base = free_base(4);
        let folder = tempfile::tempdir().unwrap();
        let pool = || PortPool::new("127.0.0.1", base, 4, Some(folder.path().join("ports.json")));
        let before = pool();
        drop((before.lease(job(1), None).unwrap(), before.adopt(job(2), base + 1)));
        let after = pool();
        let new = after.lease(job(3), None).unwrap();
        let back = (after.lease(job(2), None).unwrap(), after.lease(job(1), None).unwrap());
        assert_eq!((new.port(), back.0.port(), back.1.port()), (base + 2, base + 1, base));
        std::fs::write(folder.path().join("ports.json"), "{").unwrap();
        assert_eq!(pool().lease(job(4), None).unwrap().port(), base, "a damaged file is none");
    }

    #[test]
    fn ports_are_passed_on_in_turn_and_come_back() {
        let base = free_base(3);
        let pool = PortPool::new("127.0.0.1", base, 3, None);
        let first = pool.lease(job(11), None).unwrap();
        let second = pool.lease(job(12), None).unwrap();
        assert_eq!((first.port(), second.port()), (base, base + 1));
        drop(first);
        let third = pool.lease(job(13), None).unwrap();
        assert_eq!(third.port(), base + 2, "not the one that was just given back");
        let fourth = pool.lease(job(14), None).unwrap();
        assert_eq!(fourth.port(), base);
        let refusal = pool.lease(job(15), None).unwrap_err();
        assert_eq!(refusal, NoPort { first: base, last: base + 2, held: 3, foreign: 0 });
        drop(second);
        assert_eq!(pool.lease(job(16), None).unwrap().port(), base + 1);
    }

    #[test]
    fn ports_of_others_are_passed_over_and_counted() {
        let base = free_base(3);
        let stranger = TcpListener::bind(("127.0.0.1", base)).unwrap();
        let pool = PortPool::new("127.0.0.1", base, 3, None);
        let first = pool.lease(job(17), None).unwrap();
        assert_eq!(first.port(), base + 1);
        let adopted = pool.adopt(job(21), base + 2);
        assert_eq!(
            pool.lease(job(18), None).unwrap_err(),
            NoPort { first: base, last: base + 2, held: 2, foreign: 1 }
        );
        drop((stranger, adopted));
        assert_eq!(
            pool.lease(job(19), Some(base + 2)).unwrap().port(),
            base + 2,
            "a wish is granted when it can be"
        );
        assert_eq!(
            pool.lease(job(20), Some(7)).unwrap().port(),
            base,
            "a wish outside of the pool is no wish"
        );
    }
}

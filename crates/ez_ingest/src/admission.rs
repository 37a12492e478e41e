//! Bounds the connections that have not shown a right key.
//!
//! When there are too many, the oldest one makes room. Refusing the newcomer instead would let whoever
//! fills the table lock the real encoder out; an encoder needs a fraction of a second to publish, so it is
//! seldom the oldest. A publisher has left this table and cannot be evicted.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(crate) struct Admission {
    max: usize,
    max_per_address: usize,
    waiting: Mutex<BTreeMap<u64, Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    address: IpAddr,
    evicted: CancellationToken,
}

/// A connection's place in the table; dropping it leaves the table.
#[derive(Debug)]
pub(crate) struct Admitted {
    id: u64,
    /// Cancelled when the connection has to make room.
    pub(crate) evicted: CancellationToken,
    table: Arc<Admission>,
}

impl Admission {
    pub(crate) fn new(max: usize, max_per_address: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_address, waiting: Mutex::default() })
    }

    /// Takes in connection `id`, newer than all before.
    pub(crate) fn admit(self: &Arc<Self>, id: u64, address: IpAddr) -> Admitted {
        let address = network(address);
        let evicted = CancellationToken::new();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_address = waiting.iter().filter(|(_, other)| other.address == address);
        let leaving = match of_address.next().map(|(id, _)| *id) {
            Some(oldest) if of_address.count() + 2 > self.max_per_address => Some(oldest),
            _ if waiting.len() >= self.max => waiting.keys().next().copied(),
            _ => None,
        };
        if let Some(left) = leaving.and_then(|id| waiting.remove(&id)) {
            left.evicted.cancel();
        }
        waiting.insert(id, Waiting { address, evicted: evicted.clone() });
        drop(waiting);
        Admitted { id, evicted, table: Arc::clone(self) }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.table.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// What counts as one address: an IPv4 address, or the /64 that one IPv6 host commands.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evicted(admitted: &[Admitted]) -> Vec<bool> {
        admitted.iter().map(|one| one.evicted.is_cancelled()).collect()
    }

    #[test]
    fn the_oldest_of_an_address_makes_room_for_its_next() {
        let table = Admission::new(10, 2);
        let addresses = ["::ffff:1.2.3.4", "9.9.9.9", "1.2.3.4", "1.2.3.4"];
        let admitted: Vec<_> =
            (0..).zip(addresses).map(|(id, address)| table.admit(id, address.parse().unwrap())).collect();
        assert_eq!(evicted(&admitted), [true, false, false, false]);
    }

    #[test]
    fn one_ipv6_host_is_one_address() {
        let table = Admission::new(10, 1);
        let addresses = ["2001:db8::1", "2001:db8:0:1::1", "2001:db8::2"];
        let admitted: Vec<_> =
            (0..).zip(addresses).map(|(id, address)| table.admit(id, address.parse().unwrap())).collect();
        assert_eq!(evicted(&admitted), [true, false, false]);
    }

    #[test]
    fn the_oldest_of_all_makes_room_when_the_table_is_full() {
        let table = Admission::new(2, 2);
        let first = table.admit(0, [10, 0, 0, 1].into());
        let second = table.admit(1, [10, 0, 0, 2].into());
        drop(first);
        let third = table.admit(2, [10, 0, 0, 3].into());
        let fourth = table.admit(3, [10, 0, 0, 4].into());
        assert_eq!(evicted(&[second, third, fourth]), [true, false, false]);
        assert_eq!(table.waiting.lock().unwrap().len(), 0, "dropped with their guards");
    }
}

//! How many connections there may be, in all and from one address (NET-6).
use dashmap::DashMap;
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Why a connection was closed before its first request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("max.connections ({0}) is reached")]
    Total(usize),
    #[error("max.connections.per.ip ({0}) is reached")]
    PerAddress(usize),
}

impl Refusal {
    /// The metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Refusal::Total(_) => "max.connections",
            Refusal::PerAddress(_) => "max.connections.per.ip",
        }
    }
}

/// Counts the open connections of all listeners.
pub struct ConnectionLimits {
    total_max: usize,
    per_address_max: usize,
    /// `max.connections.per.ip.overrides`.
    overrides: Vec<(IpAddr, usize)>,
    total: AtomicUsize,
    by_address: DashMap<IpAddr, usize>,
}

/// One counted connection; dropping it gives the place back.
pub struct Place {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

impl ConnectionLimits {
    pub fn new(total_max: usize, per_address_max: usize, overrides: Vec<(IpAddr, usize)>) -> Arc<ConnectionLimits> {
        Arc::new(ConnectionLimits {
            total_max,
            per_address_max,
            overrides,
            total: AtomicUsize::new(0),
            by_address: DashMap::new(),
        })
    }

    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Refusal> {
        let address = address.to_canonical();
        if self.total.fetch_add(1, Ordering::AcqRel) >= self.total_max {
            self.total.fetch_sub(1, Ordering::AcqRel);
            return Err(Refusal::Total(self.total_max));
        }
        let allowed = self
            .overrides
            .iter()
            .find(|(exception, _)| *exception == address)
            .map_or(self.per_address_max, |(_, allowed)| *allowed);
        let mut count = self.by_address.entry(address).or_insert(0);
        if *count >= allowed {
            drop(count);
            self.total.fetch_sub(1, Ordering::AcqRel);
            return Err(Refusal::PerAddress(allowed));
        }
        *count += 1;
        Ok(Place { limits: self.clone(), address })
    }

    pub fn open(&self) -> usize {
        self.total.load(Ordering::Acquire)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.limits.total.fetch_sub(1, Ordering::AcqRel);
        if let dashmap::Entry::Occupied(mut count) = self.limits.by_address.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn net_6_connections_are_limited_in_all_and_per_address() {
        let limits = ConnectionLimits::new(3, 1, vec![(address(9), 2)]);
        let one = limits.take(address(1)).ok();
        assert_eq!(limits.take(address(1)).err(), Some(Refusal::PerAddress(1)));
        let _nine = (limits.take(address(9)).ok().unwrap(), limits.take(address(9)).ok().unwrap());
        assert_eq!(limits.take(address(2)).err(), Some(Refusal::Total(3)));
        drop(one);
        assert_eq!(limits.open(), 2);
        assert!(limits.take(address(1)).is_ok());
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_is_the_same_address() {
        let limits = ConnectionLimits::new(10, 1, vec![]);
        let _one = limits.take(address(1)).ok().unwrap();
        assert!(limits.take("::ffff:127.0.0.1".parse().unwrap()).is_err());
    }
}

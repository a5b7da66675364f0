//! How many connections there may be, in all and from one address (NET-6).
use arc_swap::ArcSwap;
use dashmap::DashMap;
use parking_lot::Mutex;
use std::{
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Why a connection was closed before its first request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("max.connections ({0}) is reached")]
    Total(usize),
    #[error("max.connections.per.ip ({0}) is reached")]
    PerAddress(usize),
    #[error("the system's limit of open files leaves room for {0} connections, which there are: raise it (ulimit -n)")]
    OpenFiles(usize),
}

impl Refusal {
    /// The metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Refusal::Total(_) => "max.connections",
            Refusal::PerAddress(_) => "max.connections.per.ip",
            Refusal::OpenFiles(_) => "open files",
        }
    }
}

/// The limits themselves; they may change while the broker runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionRules {
    /// `max.connections`.
    pub total_max: usize,
    /// What the limit of open files leaves for connections. Past it the log could not open its files any more.
    pub open_files_max: usize,
    /// `max.connections.per.ip`.
    pub per_address_max: usize,
    /// `max.connections.per.ip.overrides`.
    pub overrides: Vec<(IpAddr, usize)>,
    /// `max.connection.creation.rate`: new connections per second.
    pub creation_rate_max: u32,
}

/// Places are made for so many connections at a time, and as many again are kept free.
const PLACES_STEP: usize = 64;

/// Makes places for so many connections, or lets others have what was kept for more.
pub type MakePlaces = Box<dyn Fn(usize) + Send + Sync>;

/// Counts the open connections of all listeners.
pub struct ConnectionLimits {
    rules: ArcSwap<ConnectionRules>,
    total: AtomicUsize,
    make_places: OnceLock<MakePlaces>,
    places: AtomicUsize,
    /// Held while places are made.
    making: Mutex<()>,
    by_address: DashMap<IpAddr, usize>,
    /// The second that runs, since the clock's begin, and how many connections it has seen. Held for a moment.
    created: Mutex<(u64, u32)>,
}

/// One counted connection; dropping it gives the place back.
pub struct Place {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

impl ConnectionLimits {
    pub fn new(rules: ConnectionRules) -> Arc<ConnectionLimits> {
        Arc::new(ConnectionLimits {
            rules: ArcSwap::from_pointee(rules),
            total: AtomicUsize::new(0),
            make_places: OnceLock::new(),
            places: AtomicUsize::new(usize::MAX),
            making: Mutex::new(()),
            by_address: DashMap::new(),
            created: Mutex::new((0, 0)),
        })
    }

    /// Whoever has open files that connections do not need gives them back by `make_places`, before there are more of these. Set
    /// once, at the start.
    pub fn share_files(&self, make_places: MakePlaces) {
        if self.make_places.set(make_places).is_ok() {
            self.places.store(0, Ordering::Release);
            self.make_places();
        }
    }

    fn make_places(&self) {
        let Some(make_places) = self.make_places.get() else { return };
        let _making = self.making.lock();
        let places = self.open().next_multiple_of(PLACES_STEP) + PLACES_STEP;
        if self.places.load(Ordering::Acquire) != places {
            make_places(places);
            self.places.store(places, Ordering::Release);
        }
    }

    /// New rules hold for new connections; those that are open stay.
    pub fn update(&self, rules: ConnectionRules) {
        self.rules.store(Arc::new(rules));
    }

    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Refusal> {
        let address = address.to_canonical();
        let rules = self.rules.load();
        let open = self.total.fetch_add(1, Ordering::AcqRel);
        if open >= rules.total_max.min(rules.open_files_max) {
            self.total.fetch_sub(1, Ordering::AcqRel);
            let by_setting = rules.total_max <= rules.open_files_max;
            return Err(if by_setting {
                Refusal::Total(rules.total_max)
            } else {
                Refusal::OpenFiles(rules.open_files_max)
            });
        }
        let own = rules.overrides.iter().find(|(exception, _)| *exception == address);
        let allowed = own.map_or(rules.per_address_max, |(_, allowed)| *allowed);
        let mut count = self.by_address.entry(address).or_insert(0);
        if *count >= allowed {
            let is_unused = *count == 0;
            drop(count);
            if is_unused {
                self.by_address.remove_if(&address, |_, count| *count == 0);
            }
            self.total.fetch_sub(1, Ordering::AcqRel);
            return Err(Refusal::PerAddress(allowed));
        }
        *count += 1;
        drop(count);
        if open >= self.places.load(Ordering::Acquire) {
            self.make_places();
        }
        Ok(Place { limits: self.clone(), address })
    }

    /// Counts a connection that is to be accepted at `now`; `Some` is how long to wait first, as this second has had
    /// its share.
    pub fn pace(&self, now: Duration) -> Option<Duration> {
        let rate_max = self.rules.load().creation_rate_max;
        let mut created = self.created.lock();
        if created.0 != now.as_secs() {
            *created = (now.as_secs(), 0);
        }
        if created.1 >= rate_max {
            return Some(Duration::from_secs(now.as_secs() + 1) - now);
        }
        created.1 += 1;
        None
    }

    pub fn open(&self) -> usize {
        self.total.load(Ordering::Acquire)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let open = self.limits.total.fetch_sub(1, Ordering::AcqRel);
        if open.saturating_add(3 * PLACES_STEP) <= self.limits.places.load(Ordering::Acquire) {
            self.limits.make_places();
        }
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

    fn rules(total_max: usize, per_address_max: usize) -> ConnectionRules {
        let open_files_max = usize::MAX;
        ConnectionRules { total_max, open_files_max, per_address_max, overrides: Vec::new(), creation_rate_max: 2 }
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn net_6_connections_are_limited_in_all_and_per_address() {
        let limits = ConnectionLimits::new(ConnectionRules { overrides: vec![(address(9), 2)], ..rules(3, 1) });
        let one = limits.take(address(1)).ok();
        assert_eq!(limits.take(address(1)).err(), Some(Refusal::PerAddress(1)));
        let _nine = (limits.take(address(9)).ok().unwrap(), limits.take(address(9)).ok().unwrap());
        assert_eq!(limits.take(address(2)).err(), Some(Refusal::Total(3)));
        drop(one);
        assert_eq!(limits.open(), 2);
        assert!(limits.take(address(1)).is_ok());
    }

    #[test]
    fn net_6_connections_leave_the_log_its_files() {
        let limits = ConnectionLimits::new(ConnectionRules { open_files_max: 1, ..rules(10, 10) });
        let one = limits.take(address(1)).ok().unwrap();
        assert_eq!(limits.take(address(2)).err(), Some(Refusal::OpenFiles(1)));
        drop(one);
        assert!(limits.take(address(2)).is_ok());
    }

    #[test]
    fn net_6_files_are_given_back_before_connections_need_them() {
        let limits = ConnectionLimits::new(rules(1_000, 1_000));
        let places = Arc::new(AtomicUsize::new(0));
        let told = places.clone();
        limits.share_files(Box::new(move |connections| told.store(connections, Ordering::SeqCst)));
        assert_eq!(places.load(Ordering::SeqCst), PLACES_STEP, "some are free at once");
        let mut open = Vec::new();
        while open.len() < 10 * PLACES_STEP {
            open.push(limits.take(address(1)).ok().unwrap());
            assert!(places.load(Ordering::SeqCst) >= open.len());
        }
        while open.pop().is_some() {
            let kept = places.load(Ordering::SeqCst);
            assert!((open.len()..=open.len() + 3 * PLACES_STEP).contains(&kept), "{kept} for {}", open.len());
        }
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_is_the_same_address() {
        let limits = ConnectionLimits::new(rules(10, 1));
        let _one = limits.take(address(1)).ok().unwrap();
        assert!(limits.take("::ffff:127.0.0.1".parse().unwrap()).is_err());
    }

    #[test]
    fn net_6_rules_change_while_connections_are_open() {
        let limits = ConnectionLimits::new(rules(10, 0));
        assert_eq!(limits.take(address(1)).err(), Some(Refusal::PerAddress(0)));
        assert!(limits.by_address.is_empty(), "an address that has nothing open is not remembered");
        limits.update(rules(10, 2));
        let _two = (limits.take(address(1)).ok().unwrap(), limits.take(address(1)).ok().unwrap());
        limits.update(rules(1, 2));
        assert_eq!(limits.take(address(2)).err(), Some(Refusal::Total(1)));
    }

    #[test]
    fn net_6_connections_of_one_second_are_limited() {
        let limits = ConnectionLimits::new(rules(10, 10));
        let at = |ms| limits.pace(Duration::from_millis(ms));
        assert_eq!((at(5_100), at(5_200)), (None, None));
        assert_eq!(at(5_300), Some(Duration::from_millis(700)));
        assert_eq!(at(6_000), None);
    }
}

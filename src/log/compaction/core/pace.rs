//! How fast compaction may read and write.
use std::time::Duration;

/// What may be done at once without a pause.
const BURST: Duration = Duration::from_millis(100);

/// Bytes per second, all threads together.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    bytes_per_second: f64,
    /// When everything done so far would be paid for.
    paid_at: Duration,
}

impl Pace {
    pub fn new(bytes_per_second: f64) -> Pace {
        Pace { bytes_per_second, paid_at: Duration::ZERO }
    }

    /// `bytes` were read or written at `now`: how long to wait before going on.
    pub fn spend(&mut self, now: Duration, bytes: u64) -> Duration {
        // A rate of more than any disk's is none; it would not fit a duration either.
        if !(1.0..1e15).contains(&self.bytes_per_second) {
            return Duration::ZERO;
        }
        let cost = Duration::from_secs_f64((bytes as f64 / self.bytes_per_second).min(3_600.0));
        self.paid_at = self.paid_at.max(now) + cost;
        (self.paid_at - now).checked_sub(BURST).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_over_time_and_pauses_are_not_saved_up() {
        let mut pace = Pace::new(1_000_000.0);
        let mut now = Duration::from_secs(50);
        let begin = now;
        for _ in 0..100 {
            now += pace.spend(now, 100_000);
        }
        let took = now - begin;
        assert!(took > Duration::from_millis(9_800) && took <= Duration::from_secs(10), "{took:?}");
        now += Duration::from_secs(100);
        assert_eq!(pace.spend(now, 100_000), Duration::ZERO);
        assert_eq!(pace.spend(now, 100_000), Duration::from_millis(100));
    }

    #[test]
    fn no_limit_is_no_wait() {
        for rate in [f64::MAX, 0.0, f64::NAN] {
            assert_eq!(Pace::new(rate).spend(Duration::ZERO, 1 << 40), Duration::ZERO);
        }
    }
}

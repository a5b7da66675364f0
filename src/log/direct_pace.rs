//! Which batches go past the page cache, and when not: a direct write waits for the disk, and a slow disk is not waited for.
use crate::log::DirectWrites;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Writes that take longer on average show a disk that others must not wait for: the page cache takes large batches for a while.
/// A single one says nothing, whoever else writes much causes it.
const SLOW_US: u64 = 20_000;
/// What the newest write counts for in the average.
const NEWEST_PART: u64 = 8;
/// How long then.
const PAUSE: Duration = Duration::from_secs(5);

/// One log directory's.
pub struct DirectPace {
    settings: DirectWrites,
    /// On the monotonic clock.
    paused_until_ms: AtomicU64,
    mean_us: AtomicU64,
}

impl DirectPace {
    pub fn new(settings: DirectWrites) -> DirectPace {
        DirectPace { settings, paused_until_ms: AtomicU64::new(0), mean_us: AtomicU64::new(0) }
    }

    /// Whether a batch goes past the page cache. `asked`: when its log was last read.
    pub fn is_due(&self, bytes: usize, asked: Option<Duration>, now: impl FnOnce() -> Duration) -> bool {
        if bytes < self.settings.bytes_min {
            return false;
        }
        let now = now();
        let kept = Duration::from_millis(self.settings.reader_kept_ms);
        asked.is_none_or(|asked| now.saturating_sub(asked) >= kept)
            && now.as_millis() as u64 >= self.paused_until_ms.load(Ordering::Relaxed)
    }

    /// A direct write ended just now.
    pub fn took(&self, time: Duration, now: Duration) {
        let before = self.mean_us.load(Ordering::Relaxed);
        // Of two that end at once one may not count.
        // A stall of the disk holds up all who write just then, and is one stall.
        let newest_us = (time.as_micros() as u64).min(2 * SLOW_US);
        let mean_us = (before * (NEWEST_PART - 1) + newest_us) / NEWEST_PART;
        let slow = mean_us > SLOW_US;
        self.mean_us.store(if slow { 0 } else { mean_us }, Ordering::Relaxed);
        if slow {
            self.paused_until_ms.store((now + PAUSE).as_millis() as u64, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_batches_of_logs_that_nobody_reads_are_due() {
        let pace = DirectPace::new(DirectWrites { bytes_min: 1_000, reader_kept_ms: 60_000 });
        let at = Duration::from_secs;
        assert!(!pace.is_due(999, None, || unreachable!("small batches do not even ask for the time")));
        assert!(pace.is_due(1_000, None, || at(0)));
        assert!(!pace.is_due(1_000, Some(at(100)), || at(100)));
        assert!(!pace.is_due(1_000, Some(at(100)), || at(159)));
        assert!(pace.is_due(1_000, Some(at(100)), || at(160)));
    }

    #[test]
    fn a_slow_disk_is_not_waited_for() {
        let pace = DirectPace::new(DirectWrites::default());
        let due = |ms| pace.is_due(1 << 20, None, || Duration::from_millis(ms));
        let took = |ms| pace.took(Duration::from_millis(ms), Duration::from_millis(100));
        (0..1_000).for_each(|_| took(19));
        assert!(due(100), "fast enough");
        took(21);
        assert!(due(100), "one says nothing");
        (0..100).for_each(|_| took(25));
        assert!(!due(100) && !due(5_099) && due(5_100));
    }

    #[test]
    fn a_hiccup_of_the_disk_changes_nothing_and_many_do() {
        let pace = DirectPace::new(DirectWrites::default());
        let (at, hiccup) = (Duration::from_secs(100), Duration::from_millis(150));
        let due = || pace.is_due(1 << 20, None, || at);
        (0..1_000).for_each(|_| pace.took(Duration::from_millis(1), at));
        (0..3).for_each(|_| pace.took(hiccup, at));
        assert!(due());
        (0..10).for_each(|_| pace.took(hiccup, at));
        assert!(!due());
    }
}

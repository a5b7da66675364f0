//! Which batches go past the page cache, and when not: a direct write waits for the disk, and a slow disk is not waited for.
use crate::log::DirectWrites;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A write that took longer shows a disk that others must not wait for: the page cache takes large batches for a while.
const SLOW: Duration = Duration::from_millis(20);
/// How long then; so one part in fifty of the time, at most, goes to such waits.
const PAUSE: Duration = Duration::from_secs(1);

/// One log directory's.
pub struct DirectPace {
    settings: DirectWrites,
    /// On the monotonic clock.
    paused_until_ms: AtomicU64,
}

impl DirectPace {
    pub fn new(settings: DirectWrites) -> DirectPace {
        DirectPace { settings, paused_until_ms: AtomicU64::new(0) }
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
        if time > SLOW {
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
        pace.took(SLOW, Duration::from_millis(100));
        assert!(due(100));
        pace.took(SLOW * 2, Duration::from_millis(100));
        assert!(!due(100) && !due(1_099) && due(1_100));
    }
}

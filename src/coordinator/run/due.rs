//! Who wakes the one task that handles timers, and how long it waits after the broker itself was asleep.
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// A timer handled this much too late was held up by more than a busy machine.
const LATE_MS: u64 = 1_000;
/// What was sent to a broker that stood still is read within this time.
const GRACE_MS_MAX: u64 = 5_000;

/// What the task sleeps for; rung when something earlier comes up.
#[derive(Default)]
pub(super) struct Alarm {
    set_ms: AtomicU64,
    rung: Notify,
}

impl Alarm {
    /// The task is about to sleep until `at_ms`.
    pub(super) fn set(&self, at_ms: u64) {
        self.set_ms.store(at_ms, Ordering::SeqCst);
    }

    /// Wakes the task if it would sleep past `due_ms`.
    pub(super) fn ring_before(&self, due_ms: u64) {
        if due_ms < self.set_ms.load(Ordering::SeqCst) {
            self.rung.notify_one();
        }
    }

    pub(super) fn ring(&self) {
        self.rung.notify_one();
    }

    pub(super) async fn rung(&self) {
        self.rung.notified().await;
    }
}

/// How long to let requests in before timers are judged that are `late_ms` late (GRP-25): heartbeats that came while
/// the process was stopped are still unread.
pub(super) fn grace_ms(late_ms: u64) -> u64 {
    if late_ms < LATE_MS { 0 } else { late_ms.min(GRACE_MS_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grp_25_timers_wait_for_what_is_unread_when_they_are_very_late() {
        assert_eq!((grace_ms(0), grace_ms(999)), (0, 0));
        assert_eq!((grace_ms(1_500), grace_ms(60_000)), (1_500, 5_000));
    }
}

//! Threads that must not wait for a disk: there, what is not in the page cache fails with `WouldBlock`.
//!
//! A runtime thread serves many connections; a reader of old records must not hold up the others for a disk's time. It first tries
//! inside [`hurried`]; where that fails, the same work is done again on a blocking thread.
use std::cell::Cell;

thread_local! {
    static HURRIED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, which reads only what is in memory; its reads of files fail with `WouldBlock` otherwise.
pub fn hurried<T>(work: impl FnOnce() -> T) -> T {
    /// Sets it back, also when the work panics.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            HURRIED.set(self.0);
        }
    }
    let _before = Before(HURRIED.replace(true));
    work()
}

/// May this thread not wait now?
pub fn is_hurried() -> bool {
    HURRIED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hurry_ends_with_the_work_also_when_it_panics() {
        assert!(!is_hurried());
        assert!(hurried(|| hurried(is_hurried) && is_hurried()));
        assert!(std::panic::catch_unwind(|| hurried(|| panic!("on purpose"))).is_err());
        assert!(!is_hurried());
    }
}

//! What one burst of small requests writes goes into one commit: its thread wakes the committing thread at the end, not at the first
//! entry, of which the others would have to wait for the next commit.
use super::write_ahead::Shared;
use std::{cell::RefCell, marker::PhantomData, sync::Arc};

/// With so many entries, or bytes, the disk has enough to begin with.
const ENTRIES_MAX: u32 = 64;
const BYTES_MAX: u64 = 64 << 10;

#[derive(Default)]
struct Held {
    holders: usize,
    /// Those to be woken.
    logs: Vec<Arc<Shared>>,
}

thread_local! {
    static HELD: RefCell<Held> = RefCell::default();
}

/// While there is one, small entries that this thread appends wake no committing thread; one that is awake takes them as ever. Not to
/// be held while anything is waited for.
#[must_use]
pub struct HeldCommits {
    /// Of its thread.
    _thread: PhantomData<*const ()>,
}

impl HeldCommits {
    pub fn begin() -> HeldCommits {
        HELD.with_borrow_mut(|held| held.holders += 1);
        HeldCommits { _thread: PhantomData }
    }

    /// Who waits for a commit on this thread must not wait for himself.
    pub(in crate::log) fn let_go() {
        let logs = HELD.with_borrow_mut(|held| std::mem::take(&mut held.logs));
        logs.iter().for_each(|log| log.wake_if_due());
    }
}

impl Drop for HeldCommits {
    fn drop(&mut self) {
        let is_last = HELD.with_borrow_mut(|held| {
            held.holders -= 1;
            held.holders == 0
        });
        if is_last {
            HeldCommits::let_go();
        }
    }
}

/// Whether the committing thread of this log, in which so much waits, is woken later.
pub(super) fn holds(log: &Arc<Shared>, entries: u32, bytes: u64) -> bool {
    if entries >= ENTRIES_MAX || bytes >= BYTES_MAX {
        return false;
    }
    HELD.with_borrow_mut(|held| {
        if held.holders == 0 {
            return false;
        }
        if !held.logs.iter().any(|known| Arc::ptr_eq(known, log)) {
            held.logs.push(log.clone());
        }
        true
    })
}

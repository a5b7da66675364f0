//! What is known of the bytes of one segment: which were looked at since this process began, and which are damaged.
use super::Damage;
use crate::types::Offset;
use parking_lot::Mutex;
use std::{
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// More stretches than this are not remembered: some are then looked at again.
const STRETCHES_MAX: usize = 64;

#[derive(Default)]
pub struct Health {
    /// Bytes from here on were written by this process, and had the right checksums then.
    written_from: AtomicU64,
    has_damage: AtomicBool,
    /// Nothing can be made of what the transaction index lacks.
    takes_index_as_it_is: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Found whole; sorted, apart.
    whole: Vec<Range<u64>>,
    damages: Vec<Damage>,
}

impl Health {
    /// Of a file that has `bytes` bytes nobody has looked at.
    pub fn unknown_to(bytes: u64) -> Health {
        Health { written_from: AtomicU64::new(bytes), ..Health::default() }
    }

    pub fn is_whole(&self, bytes: &Range<u64>) -> bool {
        if bytes.start >= self.written_from.load(Ordering::Acquire) {
            return true;
        }
        let until = bytes.end.min(self.written_from.load(Ordering::Acquire));
        self.known.lock().whole.iter().any(|whole| whole.start <= bytes.start && until <= whole.end)
    }

    pub fn takes_index_as_it_is(&self) -> bool {
        self.takes_index_as_it_is.load(Ordering::Relaxed)
    }

    pub fn take_index_as_it_is(&self) {
        self.takes_index_as_it_is.store(true, Ordering::Relaxed);
    }

    pub fn set_whole(&self, bytes: Range<u64>) {
        let whole = &mut self.known.lock().whole;
        let mut joined = bytes;
        whole.retain(|other| {
            let apart = other.end < joined.start || joined.end < other.start;
            if !apart {
                joined = joined.start.min(other.start)..joined.end.max(other.end);
            }
            apart
        });
        if whole.len() == STRETCHES_MAX {
            whole.remove(0);
        }
        whole.push(joined);
    }

    /// It is another file, of which nothing is known.
    pub fn forget(&self, bytes: u64) {
        let known = &mut *self.known.lock();
        *known = Known::default();
        self.written_from.store(bytes, Ordering::Release);
        self.has_damage.store(false, Ordering::Release);
    }

    /// The file ends here now.
    pub fn cut(&self, bytes: u64) {
        self.written_from.fetch_min(bytes, Ordering::AcqRel);
        let known = &mut *self.known.lock();
        known.whole.iter_mut().for_each(|whole| whole.end = whole.end.min(bytes));
        known.whole.retain(|whole| whole.start < whole.end);
        known.damages.retain(|damage| damage.bytes.end <= bytes && damage.bytes.start < bytes);
    }

    /// All that is damaged, as it was found just now; answers what is news.
    pub fn set_damages(&self, damages: Vec<Damage>) -> Vec<Damage> {
        let known = &mut *self.known.lock();
        let news = damages.iter().filter(|damage| !known.damages.contains(damage)).cloned().collect();
        self.has_damage.store(!damages.is_empty(), Ordering::Release);
        known.damages = damages;
        news
    }

    fn find(&self, wanted: impl Fn(&&Damage) -> bool) -> Option<Damage> {
        if !self.has_damage.load(Ordering::Acquire) {
            return None;
        }
        self.known.lock().damages.iter().find(wanted).cloned()
    }

    pub fn damage_of(&self, offset: Offset) -> Option<Damage> {
        self.find(|damage| damage.offsets.contains(&offset))
    }

    /// Damage of records from `from` on and below `to`.
    pub fn damage_between(&self, from: Offset, to: Offset) -> Option<Damage> {
        self.find(|damage| damage.offsets.start < to && damage.offsets.end > from)
    }

    /// The damaged byte next to `position`, there or behind it.
    pub fn damaged_from(&self, position: u64) -> Option<u64> {
        self.find(|damage| position < damage.bytes.end).map(|damage| damage.bytes.start.max(position))
    }

    /// Where known damage ends that holds `position`.
    pub fn damaged_until(&self, position: u64) -> Option<u64> {
        self.find(|damage| damage.bytes.contains(&position)).map(|damage| damage.bytes.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_joined_and_bounded() {
        let health = Health::unknown_to(1_000);
        assert!(health.is_whole(&(1_000..2_000)) && !health.is_whole(&(0..10)));
        health.set_whole(0..10);
        health.set_whole(20..30);
        assert!(!health.is_whole(&(5..25)));
        health.set_whole(10..20);
        assert!(health.is_whole(&(0..30)) && !health.is_whole(&(0..31)));
        for at in 10..200 {
            health.set_whole(at * 5..at * 5 + 1);
        }
        assert!(health.known.lock().whole.len() <= STRETCHES_MAX);
        // What this process wrote follows.
        assert!(!health.is_whole(&(996..1_200)));
        health.set_whole(990..1_000);
        assert!(health.is_whole(&(996..1_200)));
        health.cut(500);
        assert!(health.is_whole(&(500..600)) && !health.is_whole(&(499..600)));
    }
}

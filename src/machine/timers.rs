//! Timers as values: who must be looked at when. The owner of the machine sleeps until the next one.
use std::collections::{BTreeMap, BTreeSet};

/// One moment for each key; ties are due in the order of the keys. Times are monotonic milliseconds (OPS-8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timers<K: Ord> {
    by_key: BTreeMap<K, u64>,
    by_time: BTreeSet<(u64, K)>,
}

impl<K: Ord> Default for Timers<K> {
    fn default() -> Self {
        Timers { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Sets the timer, in place of an earlier one of this key.
    pub fn set(&mut self, key: K, at_ms: u64) {
        let Some(at) = self.by_key.get_mut(&key) else {
            self.by_key.insert(key.clone(), at_ms);
            self.by_time.insert((at_ms, key));
            return;
        };
        let before = (std::mem::replace(at, at_ms), key);
        self.by_time.remove(&before);
        self.by_time.insert((at_ms, before.1));
    }

    pub fn cancel(&mut self, key: &K) {
        if let Some(at) = self.by_key.remove(key) {
            self.by_time.remove(&(at, key.clone()));
        }
    }

    /// When this key is due.
    pub fn at(&self, key: &K) -> Option<u64> {
        self.by_key.get(key).copied()
    }

    /// When the first of all is due.
    pub fn next(&self) -> Option<u64> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out the first that is due.
    pub fn take_due(&mut self, now_ms: u64) -> Option<K> {
        if self.next()? > now_ms {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_due_in_order_and_the_newest_setting_counts() {
        let mut timers = Timers::default();
        timers.set("b", 5);
        timers.set("a", 5);
        timers.set("c", 1);
        timers.set("c", 9);
        assert_eq!((timers.next(), timers.at(&"c"), timers.len()), (Some(5), Some(9), 3));
        assert_eq!(timers.take_due(4), None);
        assert_eq!((timers.take_due(5), timers.take_due(5), timers.take_due(5)), (Some("a"), Some("b"), None));
        timers.cancel(&"c");
        assert!(timers.is_empty() && timers.next().is_none());
    }
}

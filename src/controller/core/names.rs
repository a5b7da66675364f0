//! What a request names twice.
use std::collections::BTreeMap;

/// The keys that occur more than once.
pub(super) fn duplicates<'a, K: Ord + ?Sized + 'a>(keys: impl Iterator<Item = &'a K>) -> Vec<&'a K> {
    let mut seen: BTreeMap<&K, usize> = BTreeMap::new();
    for key in keys {
        *seen.entry(key).or_default() += 1;
    }
    seen.into_iter().filter(|(_, times)| *times > 1).map(|(key, _)| key).collect()
}

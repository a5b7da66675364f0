//! The last offset of each key, in bounded memory: a table of 128-bit hashes, no keys.
//!
//! Two keys with one hash would lose the older one's record; with 128 bits that does not happen by chance (Kafka's table
//! rests on MD5 in the same way). The table begins small and grows, so that few keys stay in the processor's cache.
use crate::types::Offset;
use twox_hash::XxHash3_128;

/// Bytes of one entry: the hash, and the offset plus one (0: free).
const ENTRY_BYTES: usize = size_of::<Entry>();
const ENTRIES_FIRST: usize = 1 << 12;
/// A table that can still grow is kept at most this full.
const GROWING_LOAD: f64 = 0.6;

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Entry {
    high: u64,
    low: u64,
    taken: u64,
}

/// The table has no room for a new key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Hashes of keys and their last offsets.
pub struct OffsetMap {
    entries: Vec<Entry>,
    used: usize,
    /// `used` at which the table grows, or is full.
    used_max: usize,
    bytes_max: usize,
    load_max: f64,
    /// Where this run of compaction ends: records from here on are not in the table.
    end: Offset,
}

impl OffsetMap {
    /// A table of at most `bytes_max` bytes, filled to at most `load_max` of its entries.
    pub fn new(bytes_max: usize, load_max: f64) -> OffsetMap {
        let mut map = OffsetMap {
            entries: Vec::new(),
            used: 0,
            used_max: 0,
            bytes_max: bytes_max.max(ENTRIES_FIRST * ENTRY_BYTES),
            load_max: load_max.clamp(0.1, 0.95),
            end: Offset::ZERO,
        };
        map.resize(ENTRIES_FIRST);
        map
    }

    pub fn keys(&self) -> usize {
        self.used
    }

    /// Everything below was looked at.
    pub fn end(&self) -> Offset {
        self.end
    }

    pub fn set_end(&mut self, end: Offset) {
        self.end = self.end.max(end);
    }

    /// Remembers `offset` as the key's last one; offsets come in rising order.
    #[inline]
    pub fn put(&mut self, key: &[u8], offset: Offset) -> Result<(), Full> {
        let (high, low) = hash(key);
        loop {
            let at = self.find(high, low);
            let entry = &mut self.entries[at];
            if entry.taken == 0 {
                if self.used >= self.used_max {
                    self.grow()?;
                    continue;
                }
                self.used += 1;
            }
            *entry = Entry { high, low, taken: offset.get() as u64 + 1 };
            return Ok(());
        }
    }

    /// The key's last offset below the end.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<Offset> {
        let (high, low) = hash(key);
        let entry = &self.entries[self.find(high, low)];
        (entry.taken > 0).then(|| Offset::new(entry.taken as i64 - 1))
    }

    /// The last offsets of all keys.
    pub fn lasts(&self) -> impl Iterator<Item = Offset> {
        self.entries.iter().filter(|entry| entry.taken > 0).map(|entry| Offset::new(entry.taken as i64 - 1))
    }

    /// Where the hash stands, or would stand. There is always a free entry, so this ends.
    #[inline]
    fn find(&self, high: u64, low: u64) -> usize {
        let len = self.entries.len();
        let mut at = ((u128::from(high) * len as u128) >> 64) as usize;
        loop {
            let entry = &self.entries[at];
            if entry.taken == 0 || (entry.high == high && entry.low == low) {
                return at;
            }
            at += 1;
            if at == len {
                at = 0;
            }
        }
    }

    /// While it grows there are two tables; both together stay within the bound.
    fn grow(&mut self) -> Result<(), Full> {
        let now = self.entries.len();
        let room = (self.bytes_max / ENTRY_BYTES).saturating_sub(now);
        // The last step takes all there is, so that little is lost to the old table.
        let next = if room <= 16 * now { room } else { 8 * now };
        if next <= now {
            return Err(Full);
        }
        self.resize(next);
        Ok(())
    }

    fn resize(&mut self, len: usize) {
        let old = std::mem::replace(&mut self.entries, vec![Entry::default(); len]);
        for entry in old.iter().filter(|entry| entry.taken > 0) {
            let at = self.find(entry.high, entry.low);
            self.entries[at] = *entry;
        }
        let can_grow = (self.bytes_max / ENTRY_BYTES).saturating_sub(len) > len;
        let load = if can_grow { GROWING_LOAD.min(self.load_max) } else { self.load_max };
        self.used_max = ((len as f64 * load) as usize).clamp(1, len - 1);
    }
}

#[inline]
fn hash(key: &[u8]) -> (u64, u64) {
    let hash = XxHash3_128::oneshot(key);
    ((hash >> 64) as u64, hash as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cmp_3_the_last_offset_of_each_key_is_kept_whatever_the_size() {
        let mut map = OffsetMap::new(64 << 20, 0.9);
        for round in 0..3 {
            for key in 0..200_000u32 {
                map.put(&key.to_be_bytes(), Offset::new(i64::from(round * 200_000 + key))).unwrap();
            }
        }
        assert_eq!(map.keys(), 200_000);
        for key in 0..200_000u32 {
            assert_eq!(map.get(&key.to_be_bytes()), Some(Offset::new(i64::from(400_000 + key))));
        }
        assert_eq!(map.get(b"another"), None);
    }

    #[test]
    fn the_table_stays_within_its_memory_and_then_says_so() {
        let bytes_max = 1 << 20;
        let mut map = OffsetMap::new(bytes_max, 0.9);
        let full = (0u64..).find(|key| {
            assert!(map.entries.len() * ENTRY_BYTES <= bytes_max);
            map.put(&key.to_be_bytes(), Offset::new(*key as i64)).is_err()
        });
        let most = bytes_max / ENTRY_BYTES;
        let full = full.unwrap() as usize;
        assert!(full > most * 7 / 10 && full < most, "{full} of {most}");
        assert_eq!(map.put(b"new", Offset::ZERO), Err(Full));
        // A key that is there needs no room.
        assert_eq!(map.put(&7u64.to_be_bytes(), Offset::new(1 << 40)), Ok(()));
        assert_eq!(map.get(&7u64.to_be_bytes()), Some(Offset::new(1 << 40)));
    }
}

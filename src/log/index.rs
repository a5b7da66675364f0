//! A segment's `.index`: (last offset of a batch, its position) about every `index.interval.bytes`, in Kafka's
//! format: 8 bytes per entry, relative offset u32 and position u32, big-endian. A hint, never truth (LOG-23).
use crate::types::Offset;

pub const ENTRY_BYTES: usize = 8;

/// One entry, relative to the segment's base offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexEntry {
    pub relative: u32,
    pub position: u32,
}

impl IndexEntry {
    pub fn write(self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.relative.to_be_bytes());
        into.extend_from_slice(&self.position.to_be_bytes());
    }

    pub fn read(bytes: &[u8; ENTRY_BYTES]) -> IndexEntry {
        let [a, b, c, d, e, f, g, h] = *bytes;
        IndexEntry { relative: u32::from_be_bytes([a, b, c, d]), position: u32::from_be_bytes([e, f, g, h]) }
    }
}

/// Offset relative to a segment's base, when it fits 31 bits (LOG-22).
pub fn relative(base: Offset, offset: Offset) -> Option<u32> {
    let distance = offset.get().checked_sub(base.get())?;
    i32::try_from(distance).ok().and_then(|distance| u32::try_from(distance).ok())
}

/// Parses a whole index file. `None` unless both columns rise: then it is rebuilt.
/// A torn last entry is left out, as are zeroes at the end (a file that was made longer ahead) and entries behind the
/// segment's end (it was cut).
pub fn parse(bytes: &[u8], segment_bytes: u64) -> Option<Vec<IndexEntry>> {
    let mut entries: Vec<IndexEntry> = Vec::with_capacity(bytes.len() / ENTRY_BYTES);
    for chunk in bytes.chunks_exact(ENTRY_BYTES) {
        let entry = IndexEntry::read(chunk.first_chunk()?);
        if let Some(last) = entries.last() {
            if entry == (IndexEntry { relative: 0, position: 0 }) {
                break;
            }
            if entry.relative <= last.relative || entry.position <= last.position {
                return None;
            }
        }
        if entry.relative > i32::MAX as u32 {
            return None;
        }
        if u64::from(entry.position) >= segment_bytes {
            break;
        }
        entries.push(entry);
    }
    Some(entries)
}

/// Position of the last entry at or below `relative`: where a search for that offset begins.
pub fn floor_by_offset(entries: &[IndexEntry], relative: u32) -> Option<IndexEntry> {
    let after = entries.partition_point(|entry| entry.relative <= relative);
    entries.get(after.checked_sub(1)?).copied()
}

/// The last entry whose position is at or below `position`: a batch begins there.
pub fn floor_by_position(entries: &[IndexEntry], position: u32) -> Option<IndexEntry> {
    let after = entries.partition_point(|entry| entry.position <= position);
    entries.get(after.checked_sub(1)?).copied()
}

/// The index of the segment that is written: the newest entries in memory, all but the newest in the file.
#[derive(Default, Debug)]
pub struct LiveIndex {
    recent: Vec<IndexEntry>,
    /// Entries of the file before the first of `recent`.
    before_recent: usize,
    /// Entries in the file.
    written: usize,
    /// The two numbers are known; until then nothing was read of an existing segment.
    known: bool,
}

/// Entries kept in memory after they were written, and when more are dropped.
const RECENT_KEPT: usize = 512;
const RECENT_MAX: usize = 2 * RECENT_KEPT;

impl LiveIndex {
    /// An index whose file holds `written` entries.
    pub fn with_written(written: usize) -> LiveIndex {
        LiveIndex { recent: Vec::new(), before_recent: written, written, known: true }
    }

    pub fn len(&self) -> usize {
        self.before_recent + self.recent.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn written(&self) -> usize {
        self.written
    }

    pub fn unwritten(&self) -> usize {
        self.len() - self.written
    }

    pub fn push(&mut self, entry: IndexEntry) {
        self.recent.push(entry);
    }

    pub fn recent(&self) -> &[IndexEntry] {
        &self.recent
    }

    /// True when every entry is in `recent`, also when there is none: the file has nothing to tell.
    pub fn all_recent(&self) -> bool {
        self.known && self.before_recent == 0
    }

    /// The bytes to append to the file, and their place in it.
    pub fn pending(&self) -> (u64, Vec<u8>) {
        let mut bytes = Vec::with_capacity(self.unwritten() * ENTRY_BYTES);
        for entry in &self.recent[self.written - self.before_recent..] {
            entry.write(&mut bytes);
        }
        ((self.written * ENTRY_BYTES) as u64, bytes)
    }

    /// `written` entries are in the file now; old ones need no memory any more. True when some were dropped: now they
    /// are in the file alone.
    pub fn set_written(&mut self, written: usize) -> bool {
        assert!(written <= self.len(), "only entries that exist are written");
        self.written = written;
        if self.recent.len() > RECENT_MAX {
            let droppable = (self.written - self.before_recent).min(self.recent.len() - RECENT_KEPT);
            self.recent.drain(..droppable);
            self.before_recent += droppable;
            return droppable > 0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(relative: u32, position: u32) -> IndexEntry {
        IndexEntry { relative, position }
    }

    fn bytes(entries: &[IndexEntry]) -> Vec<u8> {
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| entry.write(&mut bytes));
        bytes
    }

    #[test]
    fn log_23_only_a_sane_index_is_taken() {
        let good = [entry(4, 0), entry(9, 4200), entry(12, 9000)];
        assert_eq!(parse(&bytes(&good), 10_000).unwrap(), good);
        let mut torn = bytes(&good);
        torn.extend_from_slice(&[0, 0, 0]);
        assert_eq!(parse(&torn, 10_000).unwrap(), good);
        torn.resize(64, 0);
        assert_eq!(parse(&torn, 10_000).unwrap(), good);
        assert_eq!(parse(&bytes(&good), 9_000).unwrap(), good[..2]);
        assert_eq!(parse(&bytes(&[entry(4, 100), entry(4, 200)]), 10_000), None);
        assert_eq!(parse(&bytes(&[entry(4, 100), entry(5, 100)]), 10_000), None);
    }

    #[test]
    fn lookups_find_the_entry_at_or_before() {
        let entries = [entry(4, 0), entry(9, 4200), entry(12, 9000)];
        assert_eq!(floor_by_offset(&entries, 3), None);
        assert_eq!(floor_by_offset(&entries, 11), Some(entry(9, 4200)));
        assert_eq!(floor_by_position(&entries, 4199), Some(entry(4, 0)));
    }

    #[test]
    fn log_22_relative_offsets_fit_31_bits() {
        let base = Offset::new(10);
        assert_eq!(relative(base, Offset::new(10 + i64::from(i32::MAX))), Some(i32::MAX as u32));
        assert_eq!(relative(base, Offset::new(11 + i64::from(i32::MAX))), None);
        assert_eq!(relative(base, Offset::new(9)), None);
    }

    #[test]
    fn a_live_index_keeps_its_newest_entries_only() {
        let mut index = LiveIndex::default();
        for at in 0..3_000 {
            index.push(entry(at + 1, at * 10));
        }
        let (position, pending) = index.pending();
        assert_eq!((position, pending.len()), (0, 24_000));
        index.set_written(3_000);
        assert_eq!((index.len(), index.recent().len(), index.unwritten()), (3_000, 512, 0));
        index.push(entry(9_000, 90_000));
        assert_eq!(index.pending(), (24_000, bytes(&[entry(9_000, 90_000)])));
    }
}

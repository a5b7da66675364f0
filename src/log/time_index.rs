//! A segment's `.timeindex`: (largest timestamp so far, last offset of the batch that has it), in Kafka's format:
//! 12 bytes per entry, timestamp i64 and relative offset u32, big-endian.
use crate::types::{LeaderEpoch, Offset};

pub const ENTRY_BYTES: usize = 12;

/// A timestamp and a record or batch that carries it. `epoch` is filled where an answer needs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimestampedOffset {
    pub timestamp_ms: i64,
    pub offset: Offset,
    pub epoch: Option<LeaderEpoch>,
}

/// One entry, relative to the segment's base offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeEntry {
    pub timestamp_ms: i64,
    pub relative: u32,
}

impl TimeEntry {
    pub fn write(self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.timestamp_ms.to_be_bytes());
        into.extend_from_slice(&self.relative.to_be_bytes());
    }

    pub fn read(bytes: &[u8; ENTRY_BYTES]) -> TimeEntry {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
        TimeEntry {
            timestamp_ms: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            relative: u32::from_be_bytes([i, j, k, l]),
        }
    }
}

/// Parses a whole time index. `None` unless timestamps rise and offsets do not fall (LOG-23).
pub fn parse(bytes: &[u8]) -> Option<Vec<TimeEntry>> {
    let mut entries: Vec<TimeEntry> = Vec::with_capacity(bytes.len() / ENTRY_BYTES);
    for chunk in bytes.chunks_exact(ENTRY_BYTES) {
        let entry = TimeEntry::read(chunk.first_chunk()?);
        if let Some(last) = entries.last() {
            if entry == (TimeEntry { timestamp_ms: 0, relative: 0 }) {
                break;
            }
            if entry.timestamp_ms <= last.timestamp_ms || entry.relative < last.relative {
                return None;
            }
        }
        if entry.relative > i32::MAX as u32 {
            return None;
        }
        entries.push(entry);
    }
    Some(entries)
}

/// The last entry below `timestamp_ms`: every batch up to its offset is older than that.
pub fn floor(entries: &[TimeEntry], timestamp_ms: i64) -> Option<TimeEntry> {
    let after = entries.partition_point(|entry| entry.timestamp_ms < timestamp_ms);
    entries.get(after.checked_sub(1)?).copied()
}

/// The time index of the segment that is written: entries not yet in the file, and the last one.
#[derive(Default, Debug)]
pub struct LiveTimeIndex {
    pending: Vec<TimeEntry>,
    written: usize,
    last: Option<TimeEntry>,
}

impl LiveTimeIndex {
    pub fn with_written(written: usize, last: Option<TimeEntry>) -> LiveTimeIndex {
        LiveTimeIndex { pending: Vec::new(), written, last }
    }

    pub fn len(&self) -> usize {
        self.written + self.pending.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries in the file.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Entries that are not in the file yet.
    pub fn unwritten(&self) -> &[TimeEntry] {
        &self.pending
    }

    /// Taken only when the timestamp rises, as in Kafka's `TimeIndex.maybeAppend`.
    pub fn push(&mut self, entry: TimeEntry) {
        let rises =
            self.last.is_none_or(|last| entry.timestamp_ms > last.timestamp_ms && entry.relative >= last.relative);
        if rises && entry.timestamp_ms >= 0 {
            self.pending.push(entry);
            self.last = Some(entry);
        }
    }

    /// The bytes to append to the file, and their place in it.
    pub fn pending(&self) -> (u64, Vec<u8>) {
        let mut bytes = Vec::with_capacity(self.pending.len() * ENTRY_BYTES);
        self.pending.iter().for_each(|entry| entry.write(&mut bytes));
        ((self.written * ENTRY_BYTES) as u64, bytes)
    }

    /// All entries are in the file now.
    pub fn set_written(&mut self) {
        self.written += self.pending.len();
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(timestamp_ms: i64, relative: u32) -> TimeEntry {
        TimeEntry { timestamp_ms, relative }
    }

    #[test]
    fn entries_are_taken_only_when_time_rises() {
        let mut index = LiveTimeIndex::default();
        for (timestamp, relative) in [(5, 1), (5, 4), (3, 6), (9, 8), (-1, 9)] {
            index.push(entry(timestamp, relative));
        }
        let (position, bytes) = index.pending();
        assert_eq!((position, parse(&bytes).unwrap()), (0, vec![entry(5, 1), entry(9, 8)]));
        index.set_written();
        assert_eq!((index.len(), index.pending()), (2, (24, Vec::new())));
    }

    #[test]
    fn log_23_only_a_sane_time_index_is_taken() {
        let bytes = |entries: &[TimeEntry]| {
            let mut bytes = Vec::new();
            entries.iter().for_each(|entry| entry.write(&mut bytes));
            bytes
        };
        let entries = [entry(5, 1), entry(9, 8)];
        assert_eq!(floor(&entries, 9), Some(entry(5, 1)));
        assert_eq!(floor(&entries, 5), None);
        assert_eq!(parse(&bytes(&[entry(9, 1), entry(5, 8)])), None);
        assert_eq!(parse(&bytes(&[entry(5, 8), entry(9, 1)])), None);
    }
}

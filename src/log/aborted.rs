//! A segment's `.txnindex`: the transactions that a marker of this segment aborted, in Kafka's format: 34 bytes per
//! entry, version i16 = 0, producer id, first offset, last offset (the marker's) and the last stable offset of then,
//! all i64, big-endian. Unlike the other indexes it is truth: what it lacks, a committed reader takes for committed.
use crate::types::{Offset, ProducerId};

const VERSION: i16 = 0;

/// One aborted transaction of one partition (OFF-3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbortedEntry {
    pub producer: ProducerId,
    /// Of its first record.
    pub first: Offset,
    /// Of the marker that aborted it.
    pub last: Offset,
    /// First offset of the oldest transaction that was open still, else the one after the marker: entries of later
    /// markers begin there or above.
    pub stable: Offset,
}

impl AbortedEntry {
    pub const BYTES: usize = 34;

    pub fn write(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&VERSION.to_be_bytes());
        for number in [self.producer.get(), self.first.get(), self.last.get(), self.stable.get()] {
            into.extend_from_slice(&number.to_be_bytes());
        }
    }

    pub fn read(bytes: &[u8; Self::BYTES]) -> Option<AbortedEntry> {
        let (version, rest) = bytes.split_first_chunk::<2>()?;
        let number = |at: usize| Some(i64::from_be_bytes(*rest.get(at * 8..)?.first_chunk()?));
        let entry = AbortedEntry {
            producer: ProducerId::from_wire(number(0)?)?,
            first: Offset::from_wire(number(1)?)?,
            last: Offset::from_wire(number(2)?)?,
            stable: Offset::from_wire(number(3)?)?,
        };
        (i16::from_be_bytes(*version) == VERSION && entry.first < entry.last).then_some(entry)
    }
}

/// A whole file's entries, and whether it ends within one more. `None` when they are impossible or their markers do not rise.
pub fn parse(bytes: &[u8]) -> Option<(Vec<AbortedEntry>, bool)> {
    let mut entries: Vec<AbortedEntry> = Vec::with_capacity(bytes.len() / AbortedEntry::BYTES);
    let chunks = bytes.chunks_exact(AbortedEntry::BYTES);
    let is_torn = !chunks.remainder().is_empty();
    for chunk in chunks {
        let entry = AbortedEntry::read(chunk.first_chunk()?)?;
        if entries.last().is_some_and(|last| entry.last <= last.last) {
            return None;
        }
        entries.push(entry);
    }
    Some((entries, is_torn))
}

/// One segment's aborted transactions, all in memory once asked for: there are few.
#[derive(Debug)]
pub enum AbortedIndex {
    /// Not read yet.
    InFile,
    Loaded {
        entries: Vec<AbortedEntry>,
        /// How many of them the file has.
        written: usize,
    },
}

impl AbortedIndex {
    pub fn empty() -> AbortedIndex {
        AbortedIndex::loaded(Vec::new())
    }

    /// As the file has it.
    pub fn loaded(entries: Vec<AbortedEntry>) -> AbortedIndex {
        AbortedIndex::Loaded { written: entries.len(), entries }
    }

    /// Only so many of them are in the file.
    pub fn written(entries: Vec<AbortedEntry>, written: usize) -> AbortedIndex {
        AbortedIndex::Loaded { entries, written }
    }

    /// `None` until it was read.
    pub fn entries(&self) -> Option<&[AbortedEntry]> {
        match self {
            AbortedIndex::InFile => None,
            AbortedIndex::Loaded { entries, .. } => Some(entries),
        }
    }

    /// Panics before the file was read: the index of a segment that is written is read when it is opened.
    pub fn push(&mut self, entry: AbortedEntry) {
        match self {
            AbortedIndex::InFile => panic!("the transaction index of the active segment is loaded"),
            AbortedIndex::Loaded { entries, .. } => entries.push(entry),
        }
    }

    /// The bytes to append to the file, and their place in it.
    pub fn pending(&self) -> Option<(u64, Vec<u8>)> {
        let AbortedIndex::Loaded { entries, written } = self else { return None };
        let mut bytes = Vec::new();
        entries.get(*written..)?.iter().for_each(|entry| entry.write(&mut bytes));
        (!bytes.is_empty()).then_some(((written * AbortedEntry::BYTES) as u64, bytes))
    }

    /// All entries are in the file now.
    pub fn set_written(&mut self) {
        if let AbortedIndex::Loaded { entries, written } = self {
            *written = entries.len();
        }
    }
}

/// Adds the entries that a reader of `from` up to `upper` needs. True when no later segment has any (OFF-4).
pub fn collect(entries: &[AbortedEntry], from: Offset, upper: Offset, into: &mut Vec<AbortedEntry>) -> bool {
    let begin = entries.partition_point(|entry| entry.last < from);
    for entry in entries.get(begin..).unwrap_or_default() {
        if entry.first < upper {
            into.push(*entry);
        }
        if entry.stable >= upper {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(producer: i64, first: i64, last: i64, stable: i64) -> AbortedEntry {
        let at = Offset::new;
        AbortedEntry {
            producer: ProducerId::from_wire(producer).unwrap(),
            first: at(first),
            last: at(last),
            stable: at(stable),
        }
    }

    fn bytes(entries: &[AbortedEntry]) -> Vec<u8> {
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| entry.write(&mut bytes));
        bytes
    }

    #[test]
    fn off_3_entries_are_kafkas_own_bytes() {
        let one = entry(7, 3, 9, 10);
        let mut expected = vec![0, 0];
        for number in [7u8, 3, 9, 10] {
            expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, number]);
        }
        assert_eq!(bytes(&[one]), expected);
        let two = [one, entry(8, 1, 12, 13)];
        let mut torn = bytes(&two);
        torn.push(0);
        assert_eq!(parse(&bytes(&two)), Some((two.to_vec(), false)));
        assert_eq!(parse(&torn), Some((two.to_vec(), true)));
    }

    #[test]
    fn impossible_entries_are_refused() {
        assert_eq!(parse(&bytes(&[entry(7, 3, 9, 10), entry(8, 4, 9, 10)])), None);
        assert_eq!(parse(&bytes(&[entry(7, 9, 9, 10)])), None);
        let mut other = bytes(&[entry(7, 3, 9, 10)]);
        other[1] = 1;
        assert_eq!(parse(&other), None);
        assert_eq!(parse(&[0xFF; AbortedEntry::BYTES]), None);
    }

    #[test]
    fn off_4_a_range_gets_the_transactions_it_touches_and_knows_when_to_stop() {
        let entries = [entry(1, 0, 4, 5), entry(2, 2, 8, 3), entry(3, 10, 20, 21), entry(4, 3, 30, 31)];
        let collected = |from: i64, upper: i64| {
            let mut into = Vec::new();
            let complete = collect(&entries, Offset::new(from), Offset::new(upper), &mut into);
            (into.iter().map(|entry| entry.producer.get()).collect::<Vec<_>>(), complete)
        };
        assert_eq!(collected(0, 5), (vec![1], true));
        assert_eq!(collected(5, 10), (vec![2], true));
        assert_eq!(collected(9, 22), (vec![3, 4], true));
        assert_eq!(collected(21, 40), (vec![4], false));
        assert_eq!(collected(31, 40), (vec![], false));
    }
}

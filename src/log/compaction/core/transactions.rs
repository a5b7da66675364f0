//! What compaction has to know of transactions: which records were aborted, and which markers nobody needs any more
//! (CMP-4, CMP-6).
use crate::{
    record::{BatchHeader, ControlRecord, RecordSet, TransactionResult, control},
    types::Offset,
};
use std::collections::{BTreeMap, BTreeSet};

/// One aborted transaction: from its first batch to its marker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbortedRange {
    pub producer_id: i64,
    pub first: Offset,
    pub last: Offset,
}

/// What a control batch is to compaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    /// Its record was cleaned away; the batch only keeps a producer's epoch.
    Empty,
    EndTransaction(TransactionResult),
    /// Leader changes and what later versions add: kept as they are.
    Other,
}

/// Reads a control batch's first record. What cannot be read is kept.
pub fn control_of(records: &RecordSet<'_>) -> Control {
    match records.iter().next() {
        None => Control::Empty,
        Some(record) => match record.ok().and_then(|record| control(&record).ok()) {
            Some(ControlRecord::EndTransaction(marker)) => Control::EndTransaction(marker.result),
            _ => Control::Other,
        },
    }
}

/// The aborted transactions of a stretch of log, from its batches in their order.
#[derive(Default, Debug)]
pub struct Aborted {
    open: BTreeMap<i64, Offset>,
    /// First offset by producer and marker of those that were aborted.
    ended: BTreeMap<(i64, Offset), Offset>,
    /// The same of those that only an index tells of, which has no checksum: readers go by it, nothing is deleted for it.
    noted: BTreeMap<(i64, Offset), Offset>,
}

impl Aborted {
    pub fn on_data(&mut self, header: &BatchHeader) {
        if header.is_transactional()
            && let Some(base) = header.base()
        {
            self.open.entry(header.producer_id).or_insert(base);
        }
    }

    pub fn on_control(&mut self, header: &BatchHeader, control: Control) {
        let (Control::EndTransaction(result), Some(at)) = (control, header.last()) else { return };
        if let Some(first) = self.open.remove(&header.producer_id)
            && result == TransactionResult::Abort
        {
            self.ended.insert((header.producer_id, at), first);
        }
    }

    pub fn note(&mut self, range: AbortedRange) {
        self.noted.insert((range.producer_id, range.last), range.first);
    }

    /// First offset of the oldest transaction whose end has not come.
    pub fn first_open(&self) -> Option<Offset> {
        self.open.values().min().copied()
    }

    /// Was this batch of records aborted? By which transaction?
    pub fn of(&self, header: &BatchHeader) -> Option<AbortedRange> {
        range_of(&self.ended, header)
    }

    /// Does an index say so?
    pub fn noted_of(&self, header: &BatchHeader) -> Option<AbortedRange> {
        range_of(&self.noted, header)
    }
}

fn range_of(ranges: &BTreeMap<(i64, Offset), Offset>, header: &BatchHeader) -> Option<AbortedRange> {
    if !header.is_transactional() || header.is_control() {
        return None;
    }
    let (producer_id, base) = (header.producer_id, header.base()?);
    let (key, first) = ranges.range((producer_id, base)..).next()?;
    (key.0 == producer_id && *first <= base).then_some(AbortedRange { producer_id, first: *first, last: key.1 })
}

/// Follows the transactions while a log is rewritten: a marker may go when no batch of its transaction stands before it,
/// empty ones included, since recovery would take those for an open transaction.
#[derive(Default, Debug)]
pub struct Ongoing {
    producers: BTreeSet<i64>,
}

impl Ongoing {
    /// A batch of records was met.
    pub fn on_data(&mut self, header: &BatchHeader) {
        if header.is_transactional() {
            self.producers.insert(header.producer_id);
        }
    }

    /// A control batch was met: is it of no use any more?
    pub fn on_control(&mut self, header: &BatchHeader, control: Control) -> bool {
        match control {
            Control::Empty => true,
            Control::EndTransaction(_) => !self.producers.remove(&header.producer_id),
            Control::Other => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{BatchBuilder, EndTransactionMarker, HEADER_BYTES, records},
        types::{ProducerEpoch, ProducerId},
    };

    fn data(producer: i64, base: i64) -> BatchHeader {
        let batch = BatchBuilder::new(0).producer(producer, 0, 0).attributes(BatchHeader::TRANSACTIONAL);
        let mut header = *batch.record(Some(b"k"), Some(b"v")).build().header();
        header.base_offset = base;
        header
    }

    fn marker(producer: i64, base: i64) -> BatchHeader {
        let mut header = data(producer, base);
        header.attributes |= BatchHeader::CONTROL;
        header
    }

    #[test]
    fn cmp_4_each_batch_belongs_to_the_next_marker_of_its_producer() {
        let (abort, commit) =
            (Control::EndTransaction(TransactionResult::Abort), Control::EndTransaction(TransactionResult::Commit));
        let mut aborted = Aborted::default();
        for (producer, base) in [(1, 0), (2, 1), (1, 2)] {
            aborted.on_data(&data(producer, base));
        }
        aborted.on_control(&marker(1, 3), abort);
        aborted.on_data(&data(1, 4));
        aborted.on_control(&marker(2, 5), commit);
        assert_eq!(aborted.first_open(), Some(Offset::new(4)));
        aborted.on_control(&marker(1, 6), commit);
        aborted.on_control(&marker(9, 7), abort);
        assert_eq!(aborted.first_open(), None);
        let range =
            |first, last| Some(AbortedRange { producer_id: 1, first: Offset::new(first), last: Offset::new(last) });
        assert_eq!(aborted.of(&data(1, 0)), range(0, 3));
        assert_eq!(aborted.of(&data(1, 2)), range(0, 3));
        for committed in [data(2, 1), data(1, 4), data(3, 2), marker(1, 3)] {
            assert_eq!(aborted.of(&committed), None);
        }
        let mut plain = data(1, 0);
        plain.attributes = 0;
        assert_eq!(aborted.of(&plain), None);
    }

    #[test]
    fn cmp_6_a_marker_stays_while_a_batch_of_its_transaction_does() {
        let commit = Control::EndTransaction(TransactionResult::Commit);
        let mut ongoing = Ongoing::default();
        ongoing.on_data(&data(1, 0));
        assert!(!ongoing.on_control(&marker(1, 3), commit));
        assert!(ongoing.on_control(&marker(1, 4), commit));
        assert!(ongoing.on_control(&marker(1, 4), Control::Empty));
        assert!(!ongoing.on_control(&marker(1, 4), Control::Other));
    }

    #[test]
    fn control_batches_are_told_apart() {
        let end = EndTransactionMarker { result: TransactionResult::Abort, coordinator_epoch: 1 };
        let batch = end.batch(ProducerId::from_wire(7).unwrap(), ProducerEpoch::from_wire(2).unwrap(), 5);
        let set = records(batch.header(), batch.bytes(), 0).unwrap();
        assert_eq!(control_of(&set), Control::EndTransaction(TransactionResult::Abort));
        let mut empty = *batch.header();
        (empty.record_count, empty.length) = (0, 49);
        let set = records(&empty, &batch.bytes()[..HEADER_BYTES], 0).unwrap();
        assert_eq!(control_of(&set), Control::Empty);
        let other = BatchBuilder::new(0).attributes(BatchHeader::CONTROL).record(Some(&[0, 0, 0, 9]), None).build();
        let set = records(other.header(), other.bytes(), 0).unwrap();
        assert_eq!(control_of(&set), Control::Other);
    }
}

//! What a read-committed reader must not see: records of aborted transactions, and markers.
use crate::record::{BatchHeader, RecordView};
use std::collections::BTreeSet;

/// The aborted transactions of one fetched range, as Kafka's client keeps them (`CompletedFetch`).
pub struct AbortedRecords {
    /// First offset and producer id of aborted transactions not yet reached; the lowest offset last.
    ahead: Vec<(i64, i64)>,
    /// Producers inside an aborted transaction.
    inside: BTreeSet<i64>,
}

impl AbortedRecords {
    /// From an answer's list of first offset and producer id.
    pub fn new(list: impl Iterator<Item = (i64, i64)>) -> AbortedRecords {
        let mut ahead: Vec<(i64, i64)> = list.collect();
        ahead.sort_by(|a, b| b.cmp(a));
        AbortedRecords { ahead, inside: BTreeSet::new() }
    }

    /// Whether the data batch with this header belongs to an aborted transaction. Batches must come in order.
    pub fn hides(&mut self, header: &BatchHeader) -> bool {
        let last = header.base_offset.saturating_add(i64::from(header.last_offset_delta));
        while self.ahead.last().is_some_and(|(first_offset, _)| *first_offset <= last) {
            self.inside.extend(self.ahead.pop().map(|(_, producer)| producer));
        }
        header.is_transactional() && self.inside.contains(&header.producer_id)
    }

    /// A control batch ends its producer's transaction. Only an abort marker matters: after a commit the producer was
    /// not inside an aborted one.
    pub fn marker(&mut self, header: &BatchHeader, record: &RecordView<'_>) {
        // Key: version i16, type i16; type 0 is an abort.
        if let Some([_, _, 0, 0, ..]) = record.key {
            self.inside.remove(&header.producer_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, records};

    fn header(base_offset: i64, producer: i64) -> BatchHeader {
        let batch = BatchBuilder::new(0).producer(producer, 0, 0).attributes(BatchHeader::TRANSACTIONAL);
        let batch = batch.record(None, None).build();
        BatchHeader { base_offset, ..*batch.header() }
    }

    #[test]
    fn aborted_records_are_hidden_from_their_first_offset_to_the_marker() {
        let mut aborted = AbortedRecords::new([(10, 7), (30, 7)].into_iter());
        assert!(!aborted.hides(&header(5, 7)), "an earlier, committed transaction");
        assert!(aborted.hides(&header(10, 7)));
        assert!(!aborted.hides(&header(11, 8)), "another producer");
        let marker = BatchBuilder::new(0).record(Some(&[0, 0, 0, 0]), None).build();
        let set = records(marker.header(), marker.bytes(), 100).unwrap();
        aborted.marker(&header(12, 7), &set.iter().next().unwrap().unwrap());
        assert!(!aborted.hides(&header(20, 7)), "the next transaction committed");
        assert!(aborted.hides(&header(30, 7)));
    }
}

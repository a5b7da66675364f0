//! What a consumer makes of fetched batches: no control records, nothing of transactions it is told were aborted.
use crate::batch::{CONTROL, ReadBatch, ReadRecord, TRANSACTIONAL};
use kafka_protocol::messages::fetch_response::AbortedTransaction;
use std::collections::BTreeSet;

/// The records from `from` on that a consumer hands out.
pub fn visible_records(batches: &[ReadBatch], aborted: &[AbortedTransaction], from: i64) -> Vec<ReadRecord> {
    let mut coming: Vec<(i64, i64)> = aborted.iter().map(|of| (of.first_offset, of.producer_id.0)).collect();
    coming.sort_unstable();
    let mut coming = coming.into_iter().peekable();
    let mut dropped = BTreeSet::new();
    let mut visible = Vec::new();
    for batch in batches {
        while let Some((_, producer)) = coming.next_if(|(first, _)| *first <= batch.last_offset()) {
            dropped.insert(producer);
        }
        if batch.attributes & CONTROL != 0 {
            if is_abort(batch) {
                dropped.remove(&batch.producer.0);
            }
            continue;
        }
        if batch.attributes & TRANSACTIONAL == 0 || !dropped.contains(&batch.producer.0) {
            visible.extend(batch.records().into_iter().filter(|record| record.offset >= from));
        }
    }
    visible
}

/// A control record's key is its version and its type; an abort has type 0.
fn is_abort(batch: &ReadBatch) -> bool {
    batch.records().first().and_then(|record| record.key.clone()).is_some_and(|key| key.get(2..4) == Some(&[0, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::read_batches;
    use crate::{Batch, Record};

    fn batch(base_offset: i64, producer: i64, attributes: i16, records: Vec<Record>) -> Vec<u8> {
        let batch = Batch { base_offset, producer: (producer, 0), base_sequence: 0, ..Batch::records(records) };
        batch.attributes(attributes).encode().to_vec()
    }

    #[test]
    fn aborted_and_control_records_are_left_out() {
        let marker = |kind: u8| vec![Record::keyed([0, 0, 0, kind], [0, 0, 0, 0, 0, 0])];
        let bytes = [
            batch(0, 1, TRANSACTIONAL, vec![Record::of("aborted")]),
            batch(1, 2, TRANSACTIONAL, vec![Record::of("committed"), Record::of("too")]),
            batch(3, 1, TRANSACTIONAL | CONTROL, marker(0)),
            batch(4, 1, TRANSACTIONAL, vec![Record::of("later")]),
            batch(5, -1, 0, vec![Record::of("plain")]),
            batch(6, 2, TRANSACTIONAL | CONTROL, marker(1)),
        ];
        let batches = read_batches(&bytes.concat());
        let aborted = [AbortedTransaction::default().with_producer_id(1.into()).with_first_offset(0)];
        let offsets = |aborted: &[AbortedTransaction], from| -> Vec<i64> {
            visible_records(&batches, aborted, from).iter().map(|record| record.offset).collect()
        };
        assert_eq!(offsets(&aborted, 0), [1, 2, 4, 5]);
        assert_eq!(offsets(&aborted, 2), [2, 4, 5], "a fetch begins within a batch");
        assert_eq!(offsets(&[], 0), [0, 1, 2, 4, 5], "who is told of nothing sees it all");
    }
}

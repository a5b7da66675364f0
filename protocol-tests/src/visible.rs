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

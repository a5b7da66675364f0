//! How much fits into one write of the journal: what it would refuse is not decided at all.
use super::{Transaction, TransactionalId};

/// Of a batch beside its records: its header.
const BATCH_BYTES_FIXED: usize = 100;
/// Of a record beside its key and value: lengths, differences to the first record, attributes.
const RECORD_BYTES_FIXED: usize = 24;
/// Of a key: its version, the length of the id.
const KEY_BYTES_FIXED: usize = 4;
/// Of a value beside its partitions, with every field that a later state of the same transaction may have: whatever could be
/// opened can be ended.
const VALUE_BYTES_FIXED: usize = 80;
/// Of a topic beside its name: lengths, tagged fields.
const TOPIC_BYTES_FIXED: usize = 8;

/// What is left of a batch. Estimated from above.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    bytes: usize,
}

impl Room {
    pub fn of(batch_bytes_max: usize) -> Room {
        Room { bytes: batch_bytes_max.saturating_sub(BATCH_BYTES_FIXED) }
    }

    /// No more than this.
    pub fn at_most(self, bytes: usize) -> Room {
        Room { bytes: self.bytes.min(bytes) }
    }

    /// Whether the record of a transaction fits; then it takes its part.
    pub fn take(&mut self, id: &TransactionalId, transaction: &Transaction) -> bool {
        self.take_bytes(tombstone_bytes(id) + VALUE_BYTES_FIXED + partitions_bytes(transaction))
    }

    /// As [`Room::take`], of the record that forgets an id.
    pub fn take_tombstone(&mut self, id: &TransactionalId) -> bool {
        self.take_bytes(tombstone_bytes(id))
    }

    fn take_bytes(&mut self, bytes: usize) -> bool {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(self.bytes);
        left.is_some()
    }
}

fn tombstone_bytes(id: &TransactionalId) -> usize {
    RECORD_BYTES_FIXED + KEY_BYTES_FIXED + id.len()
}

fn partitions_bytes(transaction: &Transaction) -> usize {
    let (mut bytes, mut last) = (0, None);
    for (topic, _) in &transaction.partitions {
        if last != Some(topic) {
            bytes += TOPIC_BYTES_FIXED + topic.as_str().len();
            last = Some(topic);
        }
        bytes += size_of::<i32>();
    }
    bytes
}

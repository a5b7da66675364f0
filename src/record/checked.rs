//! A batch that was proven well-formed, and the same batch with its place in the log.
use super::{BatchHeader, EndTransactionMarker, LOG_OVERHEAD_BYTES};
use crate::types::{LeaderEpoch, Offset};
use bytes::Bytes;

/// One whole batch that passed every check of `record::check` (or was made by the broker itself).
#[derive(Clone, Debug)]
pub struct CheckedBatch {
    header: BatchHeader,
    bytes: Bytes,
    offset_delta_of_max_timestamp: i32,
}

impl CheckedBatch {
    /// For `record::check` and the broker's own batches only: the caller vouches for the bytes.
    pub fn trusted(header: BatchHeader, bytes: Bytes, offset_delta_of_max_timestamp: i32) -> CheckedBatch {
        assert_eq!(bytes.len(), header.size(), "a checked batch holds exactly its bytes");
        assert!(header.record_count > 0 && header.last_offset_delta + 1 == header.record_count, "a dense batch");
        CheckedBatch { header, bytes, offset_delta_of_max_timestamp }
    }

    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Which record has the batch's maximum timestamp, counted from the first.
    pub fn offset_delta_of_max_timestamp(&self) -> i32 {
        self.offset_delta_of_max_timestamp
    }

    /// Gives the batch its place. Nothing is copied and the CRC stays valid: the two fields lie outside it (VAL-10).
    pub fn place(self, base: Offset, epoch: LeaderEpoch) -> PlacedBatch {
        let mut header = self.header;
        header.base_offset = base.get();
        header.partition_leader_epoch = epoch.get();
        let mut head = [0; PlacedBatch::HEAD_BYTES];
        head[..8].copy_from_slice(&header.base_offset.to_be_bytes());
        head[8..LOG_OVERHEAD_BYTES].copy_from_slice(&header.length.to_be_bytes());
        head[LOG_OVERHEAD_BYTES..].copy_from_slice(&header.partition_leader_epoch.to_be_bytes());
        PlacedBatch {
            header,
            head,
            bytes: self.bytes,
            offset_delta_of_max_timestamp: self.offset_delta_of_max_timestamp,
        }
    }
}

/// A checked batch with its offset and leader epoch, ready to be written.
#[derive(Clone, Debug)]
pub struct PlacedBatch {
    header: BatchHeader,
    head: [u8; Self::HEAD_BYTES],
    bytes: Bytes,
    offset_delta_of_max_timestamp: i32,
}

impl PlacedBatch {
    /// Base offset, length and leader epoch: the only bytes that differ from what the producer sent.
    pub const HEAD_BYTES: usize = 16;

    /// A leader's batch with the place it has there, which `record::copied` has checked. Which of its records has the maximum
    /// timestamp nobody asks of a copy.
    pub(super) fn copied(header: BatchHeader, bytes: Bytes) -> PlacedBatch {
        let mut head = [0; Self::HEAD_BYTES];
        head.copy_from_slice(&bytes[..Self::HEAD_BYTES]);
        PlacedBatch { header, head, bytes, offset_delta_of_max_timestamp: 0 }
    }

    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The batch as two slices to be written one after the other.
    pub fn slices(&self) -> [&[u8]; 2] {
        [&self.head, &self.bytes[Self::HEAD_BYTES..]]
    }

    pub fn base(&self) -> Offset {
        Offset::new(self.header.base_offset)
    }

    pub fn last(&self) -> Offset {
        self.base().plus(i64::from(self.header.last_offset_delta))
    }

    /// What it does to a transaction, if it is a marker.
    pub fn marker(&self) -> Option<EndTransactionMarker> {
        EndTransactionMarker::of(&self.header, &self.bytes)
    }

    pub fn offset_of_max_timestamp(&self) -> Offset {
        self.base().plus(i64::from(self.offset_delta_of_max_timestamp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchBuilder;

    #[test]
    fn val_10_placing_changes_offset_and_epoch_only() {
        let batch = BatchBuilder::new(1_000).record(None, Some(b"v")).build();
        let before = batch.bytes().clone();
        let placed = batch.place(Offset::new(42), LeaderEpoch::new(3));
        let bytes = placed.slices().concat();
        let header = BatchHeader::parse(&bytes).unwrap();
        assert_eq!((header.base_offset, header.partition_leader_epoch), (42, 3));
        assert_eq!(header.crc, BatchHeader::crc_of(&bytes));
        assert_eq!(bytes[16..], before[16..]);
    }
}

//! Batches as another replica has them, with their offsets and leader epochs (LOG-5): split from the bytes of a fetch, and proven
//! to be what the leader wrote before they count. The bytes are not trusted.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
use super::{BatchHeader, HEADER_BYTES, HeaderError, PlacedBatch};
use crate::types::Offset;
use bytes::Bytes;

/// Why a leader's bytes are no batch.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the checksum is {found:08x}, the batch says {expected:08x}")]
    Checksum { expected: u32, found: u32 },
    #[error("the batch's offset or record count is impossible ({base}, {delta}, {count})")]
    Numbers { base: i64, delta: i32, count: i32 },
}

/// One batch of a leader, whole, but not yet looked into.
#[derive(Clone, Debug)]
pub struct CopiedBatch {
    header: BatchHeader,
    bytes: Bytes,
}

impl CopiedBatch {
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The batch, if its bytes are what the leader wrote. It may hold fewer records than offsets, or none: the leader's log
    /// may have been compacted.
    pub fn check(self) -> Result<PlacedBatch, CopyError> {
        let CopiedBatch { header, bytes } = self;
        // An offset must be left for the record behind it.
        if header.record_count < 0 || header.base().is_none() || header.last().is_none_or(|last| last == Offset::MAX) {
            let (base, delta, count) = (header.base_offset, header.last_offset_delta, header.record_count);
            return Err(CopyError::Numbers { base, delta, count });
        }
        let found = BatchHeader::crc_of(&bytes);
        if found != header.crc {
            return Err(CopyError::Checksum { expected: header.crc, found });
        }
        Ok(PlacedBatch::copied(header, bytes))
    }
}

/// The whole batches of a fetch, in their order. A last one that was cut off by the size of the answer is left out. Ends with
/// the first error.
pub fn copied_batches(mut bytes: Bytes) -> impl Iterator<Item = Result<CopiedBatch, CopyError>> {
    std::iter::from_fn(move || {
        if bytes.len() < HEADER_BYTES {
            return None;
        }
        let header = match BatchHeader::parse(&bytes) {
            Ok(header) => header,
            Err(error) => {
                bytes.clear();
                return Some(Err(error.into()));
            }
        };
        if header.size() > bytes.len() {
            bytes.clear();
            return None;
        }
        Some(Ok(CopiedBatch { header, bytes: bytes.split_to(header.size()) }))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's own bytes")]
    use super::*;
    use crate::{record::BatchBuilder, types::LeaderEpoch};

    fn bytes_of(base: i64, epoch: i32) -> Vec<u8> {
        let batch = BatchBuilder::new(1_000).record(Some(b"k"), Some(b"v")).build();
        batch.place(Offset::new(base), LeaderEpoch::new(epoch)).slices().concat()
    }

    #[test]
    fn a_copied_batch_keeps_its_bytes_offset_and_epoch() {
        let bytes = bytes_of(42, 7);
        let batch = copied_batches(bytes.clone().into()).next().unwrap().unwrap().check().unwrap();
        assert_eq!((batch.base(), batch.header().leader_epoch()), (Offset::new(42), Some(LeaderEpoch::new(7))));
        assert_eq!(batch.slices().concat(), bytes);
    }

    #[test]
    fn a_batch_that_the_answer_cut_off_is_left_out_at_every_length() {
        let (first, second) = (bytes_of(0, 0), bytes_of(1, 0));
        let both = [first.clone(), second].concat();
        for len in 0..=both.len() {
            let whole = usize::from(len >= first.len()) + usize::from(len == both.len());
            assert_eq!(copied_batches(both[..len].to_vec().into()).filter_map(Result::ok).count(), whole);
            assert!(copied_batches(both[..len].to_vec().into()).all(|batch| batch.is_ok()));
        }
    }

    #[test]
    fn any_flipped_bit_behind_the_epoch_is_found() {
        let whole = bytes_of(3, 1);
        for at in 17..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let batch = copied_batches(bytes.into()).next().unwrap().unwrap();
                assert!(batch.check().is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn impossible_numbers_are_errors() {
        let mut magic = bytes_of(0, 0);
        magic[16] = 1;
        let found: Vec<_> = copied_batches(magic.into()).map(|batch| batch.err()).collect();
        assert_eq!(found, [Some(CopyError::Header(HeaderError::Magic { magic: 1 }))]);
        for base in [-1, i64::MAX] {
            let mut bytes = bytes_of(0, 0);
            bytes[..8].copy_from_slice(&base.to_be_bytes());
            let batch = copied_batches(bytes.into()).next().unwrap().unwrap();
            assert_eq!(batch.check().unwrap_err(), CopyError::Numbers { base, delta: 0, count: 1 });
        }
    }
}

//! What no checksum covers of a batch that compaction comes upon (LOG-16): offsets rise within a segment, epochs are those that
//! are noted.
use super::core::FilterError;
use crate::{log::epoch_cache::EpochCache, record::BatchHeader, types::Offset};

/// The batches of one segment after the other.
pub struct InPlace {
    /// Of when the run began: a log that is cut meanwhile is not rewritten anyway.
    epochs: EpochCache,
    /// No batch of the segment begins before, or ends behind.
    due: Offset,
    end: Offset,
}

impl InPlace {
    pub fn new(epochs: EpochCache) -> InPlace {
        InPlace { epochs, due: Offset::ZERO, end: Offset::ZERO }
    }

    /// What follows are batches of the segment with these offsets.
    pub fn begin(&mut self, base: Offset, end: Offset) {
        (self.due, self.end) = (base, end);
    }

    pub fn take(&mut self, header: &BatchHeader) -> Result<(), FilterError> {
        let base = header.base_offset;
        let offsets = header.base().zip(header.last());
        let (first, last) = offsets
            .filter(|(first, last)| *first >= self.due && *last < self.end)
            .ok_or(FilterError::Offset { base })?;
        self.due = last.next();
        let epoch = header.partition_leader_epoch;
        let is_noted = self.epochs.at(first).is_none_or(|noted| noted.get() == epoch);
        if is_noted || epoch == BatchHeader::NO_EPOCH { Ok(()) } else { Err(FilterError::Epoch { base, epoch }) }
    }
}

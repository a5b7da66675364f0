//! The newest batches' places in memory, so that a reader at the tail asks no index and no file.
use crate::{
    log::{index, segment::Segment},
    record::BatchHeader,
    types::Offset,
};
use std::{collections::VecDeque, sync::Arc};

/// Batches remembered at most.
const BATCHES_MAX: usize = 128;

/// The end of the active segment: the last batches without a gap, each as (relative base offset, position).
pub struct Tail {
    segment: Arc<Segment>,
    batches: VecDeque<(u32, u32)>,
    /// The offset behind the last of them.
    end: Offset,
    /// Where the next batch goes; what readers may see of the segment.
    bytes: u64,
}

impl Tail {
    pub fn new(segment: Arc<Segment>) -> Tail {
        let bytes = segment.bytes();
        Tail { segment, batches: VecDeque::new(), end: Offset::ZERO, bytes }
    }

    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A batch was written where the last one ended.
    pub fn push(&mut self, header: &BatchHeader) {
        let (base, bytes) = (header.base().unwrap_or_default(), header.size() as u64);
        if base != self.end {
            // Behind a gap: what lies in it is in none of these batches.
            self.batches.clear();
        }
        self.end = header.last().map_or(base, Offset::next);
        let relative = index::relative(self.segment.base(), base);
        let (Some(relative), Ok(position)) = (relative, u32::try_from(self.bytes)) else {
            self.batches.clear();
            self.bytes += bytes;
            return;
        };
        if self.batches.len() == BATCHES_MAX {
            self.batches.pop_front();
        }
        self.batches.push_back((relative, position));
        self.bytes += bytes;
    }

    /// Position of the batch that holds `offset`, or of the end when `offset` is the log's end. `None` when it lies
    /// before the remembered batches.
    pub fn position_of(&self, offset: Offset, end: Offset) -> Option<u64> {
        if offset == end {
            return Some(self.bytes);
        }
        let relative = index::relative(self.segment.base(), offset)?;
        let after = self.batches.partition_point(|batch| batch.0 <= relative);
        Some(self.batches.get(after.checked_sub(1)?)?.1.into())
    }

    /// The last remembered batch boundary at or before `target`.
    pub fn boundary_before(&self, target: u64) -> Option<u64> {
        if self.bytes <= target {
            return Some(self.bytes);
        }
        let after = self.batches.partition_point(|batch| u64::from(batch.1) <= target);
        Some(self.batches.get(after.checked_sub(1)?)?.1.into())
    }

    /// End of the batch that begins at `position`, one of the remembered.
    pub fn end_of_batch_at(&self, position: u64) -> Option<u64> {
        let at = self.batches.partition_point(|batch| u64::from(batch.1) < position);
        if u64::from(self.batches.get(at)?.1) != position {
            return None;
        }
        Some(self.batches.get(at + 1).map_or(self.bytes, |next| next.1.into()))
    }
}

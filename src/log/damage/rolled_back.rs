//! Transactions that were rolled back among the batches looked at. A segment's transaction index must have their markers; where that file
//! is gone, or ends early, nothing else tells, and a committed reader would get their records (LOG-14).
use crate::{
    log::{log::Log, segment::Segment, segment::producers_at},
    record::{BatchHeader, EndTransactionMarker, TransactionResult},
    types::{Offset, ProducerId},
};
use std::{collections::BTreeSet, io, sync::Arc};

/// Producers with records since their last marker, as far as the batches looked at show.
#[derive(Default)]
pub(super) struct OpenProducers {
    ids: BTreeSet<i64>,
    due: Option<Offset>,
}

impl OpenProducers {
    /// With those of which it is known that they have records before the first batch.
    pub fn new(open: &[ProducerId]) -> OpenProducers {
        OpenProducers { ids: open.iter().map(|id| id.get()).collect(), due: None }
    }

    /// Is the batch the marker that rolled back records seen before it? Where compaction has taken something away, which may have
    /// been another marker, what came before says nothing.
    pub fn take(
        &mut self,
        header: &BatchHeader,
        marker: impl FnOnce() -> io::Result<Option<EndTransactionMarker>>,
    ) -> io::Result<bool> {
        // Also a repair has put a batch without records where a marker may have been.
        if header.record_count == 0 || self.due.is_some_and(|due| header.base() != Some(due)) {
            self.ids.clear();
        }
        self.due = header.last().map(Offset::next);
        if !header.is_transactional() {
            return Ok(false);
        }
        if header.is_control() {
            let was_open = self.ids.remove(&header.producer_id);
            return Ok(was_open && marker()?.is_some_and(|marker| marker.result == TransactionResult::Abort));
        }
        if header.is_dense() {
            self.ids.insert(header.producer_id);
        }
        Ok(false)
    }

    /// Something between the batches cannot be read.
    pub fn forget(&mut self) {
        *self = OpenProducers::default();
    }
}

impl Log {
    /// Does the segment's index have the transaction that this marker rolled back? Unasked where compaction may have removed what it
    /// was about, and where the batches do not give an entry for it either.
    pub(super) fn is_known_aborted(&self, segment: &Arc<Segment>, marker: Offset) -> bool {
        let compacted = self.config.load().compact || self.cleaned().is_some();
        let known = || segment.read_aborted(|known| known.binary_search_by_key(&marker, |entry| entry.last).is_ok());
        // What cannot be read now is told by whoever needs it.
        compacted || segment.health().takes_index_as_it_is() || known().unwrap_or(true)
    }

    /// Makes what the transaction index of a segment lacks again from the batches, which are whole.
    pub(super) fn remake_aborted(&self, segment: &Arc<Segment>) -> io::Result<()> {
        let segments = self.all_segments();
        let Some(at) = segments.iter().position(|held| Arc::ptr_eq(held, segment)) else { return Ok(()) };
        let (made, _) = segment.aborted_after(producers_at(&segments, at, Segment::producers_before)?)?;
        if segment.add_aborted(made)? == 0 {
            tracing::error!(log = %self.id(), segment = %segment.base(), "markers of rolled back transactions are unknown to the transaction index, and the batches give no entry for them");
            segment.health().take_index_as_it_is();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::BatchBuilder,
        types::{LeaderEpoch, ProducerEpoch},
    };

    /// What is seen of batches at these offsets: markers of a result, or one record.
    fn seen(batches: &[(i64, Option<TransactionResult>)]) -> Vec<bool> {
        let (id, epoch) = (ProducerId::from_wire(7).unwrap(), ProducerEpoch::from_wire(0).unwrap());
        let mut open = OpenProducers::default();
        let look = |(offset, result): &(i64, Option<TransactionResult>)| {
            let marker = result.map(|result| EndTransactionMarker { result, coordinator_epoch: 0 });
            let batch = match marker {
                Some(marker) => marker.batch(id, epoch, 1_000),
                None => BatchBuilder::new(1_000)
                    .attributes(BatchHeader::TRANSACTIONAL)
                    .producer(id.get(), 0, 0)
                    .record(None, Some(b"v"))
                    .build(),
            };
            let placed = batch.place(Offset::new(*offset), LeaderEpoch::new(0)).slices().concat();
            let header = BatchHeader::parse(&placed).unwrap();
            open.take(&header, || Ok(marker)).unwrap()
        };
        batches.iter().map(look).collect()
    }

    #[test]
    fn a_marker_rolls_back_what_was_seen_before_it_and_nothing_else() {
        let (abort, commit) = (Some(TransactionResult::Abort), Some(TransactionResult::Commit));
        assert_eq!(seen(&[(0, None), (1, abort), (2, abort)]), [false, true, false]);
        assert_eq!(seen(&[(0, None), (1, commit), (2, abort)]), [false, false, false]);
        // Offset 1 is gone: it may have been the marker that committed.
        assert_eq!(seen(&[(0, None), (2, abort), (3, None), (4, abort)]), [false, false, false, true]);
    }
}

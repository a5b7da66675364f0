//! Markers of rolled back transactions that stood where a segment is damaged: the transaction index has them still.
use super::{
    Damage,
    offline::{Folder, OfflineError},
};
use crate::{
    log::{
        aborted::{self, AbortedEntry},
        names,
        scan::{Scan, Step},
    },
    platform::OpenMode,
    record::BatchHeader,
    types::{Offset, ProducerEpoch, ProducerId},
};

/// A marker to be written again. What the index does not have of it is as in the producer's batch next to it.
pub struct LostMarker {
    pub at: Offset,
    pub producer: ProducerId,
    pub producer_epoch: ProducerEpoch,
    pub timestamp_ms: i64,
}

impl Folder<'_> {
    pub fn lost_markers(&self, base: Offset, damages: &[Damage]) -> Result<Vec<LostMarker>, OfflineError> {
        let index = self.disk.read(&self.path.join(names::of_offset(base, names::TXN_INDEX))).unwrap_or_default();
        let (entries, _) = aborted::parse(&index).unwrap_or_default();
        let is_lost = |at: Offset| damages.iter().any(|damage| damage.offsets.contains(&at));
        let lost = entries.into_iter().filter(|entry| is_lost(entry.last));
        lost.map(|entry| self.lost_marker(&entry, base, damages)).collect()
    }

    fn lost_marker(&self, entry: &AbortedEntry, base: Offset, damages: &[Damage]) -> Result<LostMarker, OfflineError> {
        const NO_TIME: i64 = -1;
        let next_to = self.batch_next_to(entry, base, damages)?;
        let epoch = next_to.and_then(|header| ProducerEpoch::from_wire(header.producer_epoch));
        Ok(LostMarker {
            at: entry.last,
            producer: entry.producer,
            producer_epoch: epoch.unwrap_or(ProducerEpoch::ZERO),
            timestamp_ms: next_to.map_or(NO_TIME, |header| header.max_timestamp),
        })
    }

    /// The last batch of the transaction's producer before its end that can be read, else the first behind it.
    fn batch_next_to(
        &self,
        entry: &AbortedEntry,
        base: Offset,
        damages: &[Damage],
    ) -> Result<Option<BatchHeader>, OfflineError> {
        let begin = self.bases.iter().copied().rfind(|other| *other <= entry.first).unwrap_or(base);
        let mut before = None;
        for segment in self.bases.iter().copied().filter(|other| (begin..=base).contains(other)) {
            let path = self.path.join(names::of_offset(segment, names::LOG));
            let file = self.disk.open(&path, OpenMode::Read).map_err(OfflineError::io("open", &path))?;
            let bytes = file.len().map_err(OfflineError::io("read", &path))?;
            let damaged: Vec<_> =
                damages.iter().filter(|_| segment == base).map(|damage| damage.bytes.clone()).collect();
            let begins = std::iter::once(0).chain(damaged.iter().map(|bytes| bytes.end));
            let ends = damaged.iter().map(|bytes| bytes.start).chain([bytes]);
            for (from, to) in begins.zip(ends) {
                let mut scan = Scan::headers(&*file, from, to);
                while let Step::Batch { header, .. } = scan.next_step().map_err(OfflineError::io("read", &path))? {
                    if header.producer_id != entry.producer.get() {
                        continue;
                    }
                    if header.base() > Some(entry.last) {
                        return Ok(before.or(Some(header)));
                    }
                    before = Some(header);
                }
            }
        }
        Ok(before)
    }
}

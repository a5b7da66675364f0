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
use std::{
    io,
    path::{Path, PathBuf},
};

/// A marker to be written again. What the index does not have of it is as in the producer's batch next to it.
pub struct LostMarker {
    pub at: Offset,
    pub producer: ProducerId,
    pub producer_epoch: ProducerEpoch,
    pub timestamp_ms: i64,
}

fn is_lost(entry: &AbortedEntry, damages: &[Damage]) -> bool {
    damages.iter().any(|damage| damage.offsets.contains(&entry.last))
}

impl Folder<'_> {
    pub fn lost_markers(&self, base: Offset, damages: &[Damage]) -> Result<Vec<LostMarker>, OfflineError> {
        let mut lost = Vec::new();
        for path in self.indexes_from(base)? {
            let index = self.disk.read(&path).unwrap_or_default();
            let (entries, _) = aborted::parse(&index).unwrap_or_default();
            lost.extend(entries.into_iter().filter(|entry| is_lost(entry, damages)));
        }
        lost.iter().map(|entry| self.lost_marker(entry, base, damages)).collect()
    }

    /// The transaction indexes of what the segment takes the place of: its own, and those whose records are lost. In their order.
    fn indexes_from(&self, base: Offset) -> Result<Vec<PathBuf>, OfflineError> {
        let names = self.disk.list(&self.path).map_err(OfflineError::io("list", &self.path))?;
        let next = self.bases.iter().copied().find(|other| *other > base);
        let indexes = names.iter().filter_map(|file| names::offset_of(&file.name, names::TXN_INDEX));
        let mut indexes: Vec<Offset> = indexes.filter(|at| *at >= base && next.is_none_or(|next| *at < next)).collect();
        indexes.sort_unstable();
        Ok(indexes.into_iter().map(|at| self.path.join(names::of_offset(at, names::TXN_INDEX))).collect())
    }

    /// The segment's own index has all the markers that stand in it now, durable. Answers the others, which nobody needs any more once
    /// the segment is there. One that is damaged is not added to: it is made again from the batches.
    pub fn take_over_markers(&self, base: Offset, damages: &[Damage]) -> Result<Vec<PathBuf>, OfflineError> {
        let own = self.path.join(names::of_offset(base, names::TXN_INDEX));
        let others: Vec<PathBuf> = self.indexes_from(base)?.into_iter().filter(|path| *path != own).collect();
        let read = |path: &Path| match self.disk.read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(OfflineError::io("read", path)),
        };
        let Some((mut entries, false)) = aborted::parse(&read(&own)?) else { return Ok(Vec::new()) };
        let had = entries.len();
        for other in &others {
            let (more, _) = aborted::parse(&read(other)?).unwrap_or_default();
            // Those of a repair that was interrupted are there already.
            let known = entries.last().map(|entry| entry.last);
            entries.extend(more.into_iter().filter(|entry| Some(entry.last) > known && is_lost(entry, damages)));
        }
        if entries.len() > had {
            let mut bytes = Vec::new();
            entries.iter().for_each(|entry| entry.write(&mut bytes));
            self.disk.write_atomic(&own, &bytes).map_err(OfflineError::io("write", &own))?;
        }
        Ok(others)
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

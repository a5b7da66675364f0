//! What a log has noted beside its segments of epochs and producers, and whether it can be believed.
use crate::{
    log::{
        checkpoint, epoch_cache::EpochCache, names, opening::Opening, producer_snapshot,
        producer_state::ProducerStates, segment::Segment,
    },
    platform::Entry,
    types::Offset,
};
use std::{io, sync::Arc};

impl Opening<'_> {
    /// True when there was a checkpoint and it cannot be believed, or is gone: whatever has records that are synced has one.
    pub fn load_epochs(&mut self, listing: &[Entry]) -> io::Result<bool> {
        let mut lost = self.known.recovery_point > Some(Offset::ZERO);
        if listing.iter().any(|file| file.name == names::EPOCH_CHECKPOINT) {
            let bytes = self.folder.disk().read(&self.folder.file(names::EPOCH_CHECKPOINT))?;
            lost = false;
            match checkpoint::read_epochs(&bytes) {
                Ok(epochs) => self.noted_epochs = EpochCache::loaded(epochs),
                Err(error) => {
                    tracing::warn!(log = %self.folder.path().display(), "the epoch checkpoint is damaged and is made again from the batches: {error}");
                    lost = true;
                }
            }
        }
        (self.epochs, self.epoch) = (self.noted_epochs.clone(), self.noted_epochs.latest());
        Ok(lost)
    }

    /// Finds the snapshots. True when there were some and none can be believed.
    pub fn load_snapshot(&mut self, listing: &[Entry]) -> io::Result<bool> {
        self.snapshots = listing.iter().filter_map(|file| names::offset_of(&file.name, names::SNAPSHOT)).collect();
        self.snapshots.sort_unstable();
        let had_some = !self.snapshots.is_empty();
        Ok(!self.load_newest_snapshot()? && had_some)
    }

    /// Where the segment begins that the log's start is in, if that is behind `synced_to` and retention was about to leave the log with
    /// it: it made the producers there durable before the first name went, and a power loss may have left no older ones that what is
    /// left of the segments before goes on from (RET-5). Nobody asks for those.
    pub fn secured(&self, segments: &[Arc<Segment>], synced_to: Offset) -> io::Result<Option<Offset>> {
        let start = self.known.log_start.max(self.known.dropped_to).filter(|_| !self.known.cut);
        let bases = segments.iter().map(|segment| segment.base());
        let base = bases.take_while(|base| Some(*base) <= start).last();
        let Some(base) = base.filter(|base| *base > synced_to && self.snapshots.contains(base)) else {
            return Ok(None);
        };
        let path = self.folder.file(names::of_offset(base, names::SNAPSHOT));
        let is_whole = producer_snapshot::read(&self.folder.disk().read(&path)?).is_ok();
        Ok(is_whole.then_some(base))
    }

    /// The newest snapshot that can be believed; those that cannot are removed. False when none is left: then nothing is
    /// known of producers before the first batch.
    pub fn load_newest_snapshot(&mut self) -> io::Result<bool> {
        (self.producers, self.producers_from) = (ProducerStates::default(), Offset::ZERO);
        while let Some(newest) = self.snapshots.last().copied() {
            let path = self.folder.file(names::of_offset(newest, names::SNAPSHOT));
            match producer_snapshot::read(&self.folder.disk().read(&path)?) {
                Ok(producers) => {
                    (self.producers, self.producers_from) = (producers, newest);
                    return Ok(true);
                }
                Err(error) => {
                    tracing::warn!(file = %path.display(), "a producer snapshot is damaged and is not used: {error}");
                    self.remove(&path)?;
                    self.snapshots.pop();
                    self.tidied = true;
                }
            }
        }
        Ok(false)
    }
}

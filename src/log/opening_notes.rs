//! What a log has noted beside its segments of epochs and producers, and whether it can be believed.
use crate::{
    log::{
        checkpoint, epoch_cache::EpochCache, names, opening::Opening, producer_snapshot,
        producer_state::ProducerStates, scan, segment::Segment,
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
                    self.noted_epochs = EpochCache::damaged();
                    lost = true;
                }
            }
        }
        (self.epochs, self.epoch) = (self.noted_epochs.clone(), self.noted_epochs.latest());
        if self.known.notes_lost || self.known.is_noted_elsewhere() {
            // Its first checkpoint was long ago, and whatever gaps it has are of then.
            self.epochs.set_found();
        }
        Ok(lost)
    }

    /// Finds the snapshots. True when there were some and none can be believed.
    pub fn load_snapshot(&mut self, listing: &[Entry]) -> io::Result<bool> {
        self.snapshots = listing.iter().filter_map(|file| names::offset_of(&file.name, names::SNAPSHOT)).collect();
        self.snapshots.sort_unstable();
        let had_some = !self.snapshots.is_empty();
        Ok(!self.load_newest_snapshot()? && had_some)
    }

    /// Up to where nothing needs a look, `synced_to` or later. A segment behind it that retention was about to leave the log with: it made
    /// the producers there durable before the first name went, and a power loss may have left no older ones that what is left of the
    /// segments before goes on from (RET-5). Nobody asks for those. The start may have moved on since: of what is behind, nobody has
    /// synced the producers yet.
    pub fn unclean_from(&self, segments: &[Arc<Segment>], synced_to: Offset) -> io::Result<Offset> {
        let asked = self.asked_from(segments);
        let mut bases = segments.iter().map(|segment| segment.base());
        let behind = bases.clone().rev().filter(|base| *base > synced_to && Some(*base) <= asked);
        for base in behind.filter(|base| self.snapshots.contains(base)) {
            let path = self.folder.file(names::of_offset(base, names::SNAPSHOT));
            if producer_snapshot::read(&self.folder.disk().read(&path)?).is_ok() {
                return Ok(base);
            }
        }
        // A log that had no producers there.
        match bases.find(|base| *base > synced_to && Some(*base) == asked) {
            Some(begin) if !self.reaches(segments, synced_to)? => Ok(begin),
            _ => Ok(synced_to),
        }
    }

    /// Where the segment begins that the log's start is in: nobody asks for those before, and retention may have taken the names of some.
    /// A log that was cut may have begun anew before its start.
    pub fn asked_from(&self, segments: &[Arc<Segment>]) -> Option<Offset> {
        let start = self.known.log_start.max(self.known.dropped_to).filter(|_| !self.known.cut);
        segments.iter().map(|segment| segment.base()).take_while(|base| Some(*base) <= start).last()
    }

    /// Names come to the disk in any order: after a retention that left the log with a segment that was begun behind the last checkpoint,
    /// those before may be there, or later ones, and that one not. Answers from where on the write-ahead log has all that is asked for.
    pub fn lost_behind(&self, segments: &[Arc<Segment>]) -> io::Result<Option<Offset>> {
        let logged_from = self.known.logged_from().filter(|from| self.gaps_are_told(from.get()));
        let Some(from) = logged_from else { return Ok(None) };
        let is_whole = self.asked_from(segments) > Some(from) || end_in(segments, from)? >= Some(from);
        Ok((!is_whole).then_some(from))
    }

    /// What is synced up to `offset` is in a file still: only retention gives up the name of one.
    fn reaches(&self, segments: &[Arc<Segment>], offset: Offset) -> io::Result<bool> {
        Ok(end_in(segments, offset)?.is_none_or(|end| end >= offset || self.gaps_allowed(end.get())))
    }

    /// Of snapshots that were found behind `synced_to` no checkpoint has said that they are synced.
    pub fn doubt_snapshots(&mut self, synced_to: Offset) {
        let kept = self.snapshots.iter().filter(|at| **at > synced_to && !self.unsynced_snapshots.contains(at));
        self.unsynced_snapshots = kept.chain(&self.unsynced_snapshots).copied().collect();
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

/// Where the records end of the segment that `offset` is in, or would be. `None`: all begin behind it.
fn end_in(segments: &[Arc<Segment>], offset: Offset) -> io::Result<Option<Offset>> {
    let holds = segments.iter().rfind(|segment| segment.base() <= offset);
    holds.map(|holds| scan::end_of_records(&*holds.file()?, holds.bytes(), holds.base())).transpose()
}

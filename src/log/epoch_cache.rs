//! Which leader epoch begins at which offset (Kafka's LeaderEpochFileCache, LOG-20, FET-8).
use crate::types::{LeaderEpoch, Offset, OffsetAndEpoch};

/// The first offset written in an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochStart {
    pub epoch: LeaderEpoch,
    pub start: Offset,
}

/// Epochs and start offsets, both strictly rising.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct EpochCache {
    entries: Vec<EpochStart>,
    /// Differs from the checkpoint file.
    changed: bool,
    /// There is a checkpoint file.
    on_file: bool,
    /// It was there when the log was found, and had something in it.
    found: bool,
}

impl EpochCache {
    /// From a checkpoint file; entries that do not rise are left out, the later one wins.
    pub fn loaded(entries: Vec<EpochStart>) -> EpochCache {
        let mut cache = EpochCache::default();
        for entry in entries {
            cache.assign(entry.epoch, entry.start);
        }
        (cache.changed, cache.on_file) = (false, true);
        cache.found = !cache.entries.is_empty();
        cache
    }

    /// The checkpoint file says nothing that can be believed.
    pub fn damaged() -> EpochCache {
        EpochCache { on_file: true, found: true, ..EpochCache::default() }
    }

    /// Somebody may have put the checkpoint file there.
    pub fn is_found(&self) -> bool {
        self.found
    }

    /// It was there, whatever became of the file.
    pub fn set_found(&mut self) {
        self.found = true;
    }

    /// The log was noted to have no record: whatever epochs come are its own.
    pub fn set_own(&mut self) {
        self.found = false;
    }

    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.epoch)
    }

    pub fn entries(&self) -> &[EpochStart] {
        &self.entries
    }

    /// Where the oldest epoch begins that the log has records of.
    pub fn first_start(&self) -> Option<Offset> {
        self.entries.first().map(|entry| entry.start)
    }

    /// Where the newest epoch begins.
    pub fn latest_start(&self) -> Option<Offset> {
        self.entries.last().map(|entry| entry.start)
    }

    /// Takes the mark that the checkpoint file is behind and answers what it is to say. Epochs without a record below
    /// `end` are dropped when a log is opened (LOG-20): for them alone no file is made, thousands of new logs would cost
    /// their creation.
    pub fn take_changed(&mut self, end: Offset) -> Option<&[EpochStart]> {
        let matters = self.on_file || self.entries.iter().any(|entry| entry.start < end);
        if !self.changed || !matters {
            return None;
        }
        (self.changed, self.on_file) = (false, true);
        Some(&self.entries)
    }

    pub fn set_changed(&mut self) {
        self.changed = true;
    }

    /// A batch of `epoch` stands at `start`. Entries that it contradicts (a later epoch, or a later start) go.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if self.latest() == Some(epoch) && self.entries.last().is_some_and(|last| last.start <= start) {
            return;
        }
        self.entries.retain(|entry| entry.epoch < epoch && entry.start < start);
        self.entries.push(EpochStart { epoch, start });
        self.changed = true;
    }

    /// Epoch of the record at `offset`.
    pub fn at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.start <= offset);
        Some(self.entries.get(after.checked_sub(1)?)?.epoch)
    }

    /// Where `epoch` ended: the answer of OffsetForLeaderEpoch (FET-8). `None` when it is later than all known.
    pub fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<OffsetAndEpoch> {
        if self.latest() == Some(epoch) {
            return Some(OffsetAndEpoch { offset: log_end, epoch });
        }
        let after = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let offset = self.entries.get(after)?.start;
        let floor = after.checked_sub(1).and_then(|before| self.entries.get(before));
        Some(OffsetAndEpoch { offset, epoch: floor.map_or(epoch, |entry| entry.epoch) })
    }

    /// The log now ends at `end`: epochs that begin there or later are gone (also when nothing was cut, LOG-20).
    pub fn truncate_end(&mut self, end: Offset) {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.start < end);
        self.changed |= self.entries.len() != before;
    }

    /// The first epoch began at `start` at the latest.
    pub fn begin_by(&mut self, start: Offset) {
        if let Some(first) = self.entries.first_mut().filter(|first| first.start > start) {
            first.start = start;
            self.changed = true;
        }
    }

    /// The log now starts at `start`: the epoch in force there is kept and begins there.
    pub fn truncate_start(&mut self, start: Offset) {
        let after = self.entries.partition_point(|entry| entry.start <= start);
        let Some(first) = after.checked_sub(1) else { return };
        if first > 0 || self.entries[first].start != start {
            self.entries.drain(..first);
            self.entries[0].start = start;
            self.changed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(i32, i64)]) -> EpochCache {
        let mut cache = EpochCache::default();
        for (epoch, start) in entries {
            cache.assign(LeaderEpoch::new(*epoch), Offset::new(*start));
        }
        cache
    }

    fn pairs(cache: &EpochCache) -> Vec<(i32, i64)> {
        cache.entries.iter().map(|entry| (entry.epoch.get(), entry.start.get())).collect()
    }

    #[test]
    fn log_20_epochs_and_starts_rise_strictly() {
        assert_eq!(pairs(&cache(&[(1, 0), (1, 5), (3, 10)])), [(1, 0), (3, 10)]);
        assert_eq!(pairs(&cache(&[(1, 0), (3, 10), (2, 5)])), [(1, 0), (2, 5)]);
        assert_eq!(pairs(&cache(&[(1, 0), (3, 10), (4, 10)])), [(1, 0), (4, 10)]);
    }

    #[test]
    fn log_20_an_epoch_without_records_waits_for_its_file() {
        let mut epochs = cache(&[(3, 0)]);
        assert_eq!(epochs.take_changed(Offset::ZERO), None);
        assert_eq!(epochs.take_changed(Offset::new(1)).map(<[_]>::len), Some(1));
        assert_eq!(epochs.take_changed(Offset::new(1)), None);
        epochs.truncate_end(Offset::ZERO);
        assert_eq!(epochs.take_changed(Offset::ZERO), Some(&[][..]), "a file that is there is kept true");
    }

    #[test]
    fn log_20_truncation_at_either_end() {
        let mut epochs = cache(&[(1, 0), (2, 10), (5, 20)]);
        epochs.truncate_end(Offset::new(20));
        assert_eq!(pairs(&epochs), [(1, 0), (2, 10)]);
        epochs.truncate_start(Offset::new(15));
        assert_eq!(pairs(&epochs), [(2, 15)]);
        epochs.truncate_start(Offset::new(3));
        assert_eq!(pairs(&epochs), [(2, 15)]);
    }

    #[test]
    fn fet_8_end_of_an_epoch() {
        let epochs = cache(&[(2, 10), (5, 20), (7, 30)]);
        let end =
            |epoch| epochs.end_of(LeaderEpoch::new(epoch), Offset::new(44)).map(|e| (e.epoch.get(), e.offset.get()));
        assert_eq!(end(7), Some((7, 44)));
        assert_eq!(end(8), None);
        assert_eq!(end(1), Some((1, 10)));
        assert_eq!(end(2), Some((2, 20)));
        assert_eq!(end(4), Some((2, 20)));
        assert_eq!(end(6), Some((5, 30)));
        assert_eq!(cache(&[]).end_of(LeaderEpoch::ZERO, Offset::ZERO), None);
        assert_eq!(epochs.at(Offset::new(25)), Some(LeaderEpoch::new(5)));
        assert_eq!(epochs.at(Offset::new(3)), None);
    }
}

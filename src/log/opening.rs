//! Opening a log: from the files of its directory to a log that can be appended to. A log that was closed cleanly costs
//! a handful of system calls; otherwise everything from the recovery point on is checked (LOG-13, LOG-16).
use crate::{
    log::{
        LogConfig, SyncPolicy,
        aborted::AbortedIndex,
        epoch_cache::EpochCache,
        folder::Folder,
        index::{self, IndexEntry, LiveIndex},
        known::Known,
        log::{Loaded, LogError, Writer},
        names,
        producer_state::{Completed, ProducerStates},
        reindex::Lost,
        scan::{self, BadBatch, Scan},
        segment::Segment,
        time_index::{self, LiveTimeIndex, TimeEntry},
        transactions::Unstable,
        verification::Verifications,
    },
    platform::{DiskFile, Entry, OpenMode},
    types::{LeaderEpoch, LogBounds, Offset},
};
use std::{collections::BTreeSet, io, path::Path, sync::Arc};

/// A last segment of at most this size is walked from its beginning when it has no index.
const UNINDEXED_BYTES_MAX: u64 = 1 << 20;

/// A log being put together from its files.
pub(in crate::log) struct Opening<'a> {
    pub folder: &'a Arc<Folder>,
    pub config: &'a LogConfig,
    pub known: Known,
    pub wall_ms: i64,
    pub producers: ProducerStates,
    /// Batches from here on change the producers; earlier ones are in the snapshot.
    pub producers_from: Offset,
    pub snapshots: Vec<Offset>,
    pub unsynced_snapshots: Vec<Offset>,
    /// Snapshots of what may be cut: they go once it is known what is left.
    pub outdated_snapshots: Vec<Offset>,
    pub epochs: EpochCache,
    /// As the checkpoint tells them, before a batch was looked at.
    pub noted_epochs: EpochCache,
    pub epoch: Option<LeaderEpoch>,
    pub since_index: u64,
    /// Transactions that markers among the batches looked at have ended.
    pub completed: Vec<Completed>,
    /// Files were removed or renamed.
    pub tidied: bool,
    pub lost: Lost,
}

/// Where a scan came to.
pub(in crate::log) struct Reached {
    pub end: Offset,
    /// Position of the first byte that is no batch, and why.
    pub bad: Option<(u64, BadBatch)>,
}

impl<'a> Opening<'a> {
    pub fn new(folder: &'a Arc<Folder>, config: &'a LogConfig, known: Known, wall_ms: i64) -> Opening<'a> {
        Opening {
            folder,
            config,
            known,
            wall_ms,
            producers: ProducerStates::default(),
            producers_from: Offset::ZERO,
            snapshots: Vec::new(),
            unsynced_snapshots: Vec::new(),
            outdated_snapshots: Vec::new(),
            epochs: EpochCache::default(),
            noted_epochs: EpochCache::default(),
            epoch: None,
            since_index: 0,
            completed: Vec::new(),
            tidied: false,
            lost: Lost::default(),
        }
    }

    /// A log without files, that begins at `start`.
    pub fn fresh(self, start: Offset) -> Loaded {
        let active = Segment::create(self.folder.clone(), start);
        let bounds = LogBounds::empty_at(start);
        let writer = self.writer(active.clone(), start, start, true, false);
        let mut unstable = Unstable::default();
        unstable.appended(self.producers.first_undecided(), None);
        Loaded {
            segments: vec![active],
            epochs: EpochCache::default(),
            bounds,
            synced: start,
            cleaned: None,
            gaps_to: None,
            writer,
            unstable,
        }
    }

    fn writer(&self, active: Arc<Segment>, end: Offset, recovery: Offset, new_folder: bool, unlogged: bool) -> Writer {
        Writer {
            active,
            end,
            since_index: self.since_index,
            first_timestamp_ms: None,
            created_ms: self.wall_ms,
            producers: self.producers.clone(),
            verifications: Verifications::default(),
            latest_epoch: self.epochs.latest(),
            sealed_dirty: Vec::new(),
            unlogged,
            listed: false,
            new_folder,
            recovery_point: recovery,
            snapshots: self.snapshots.clone(),
            unsynced_snapshots: self.unsynced_snapshots.clone(),
            syncing_snapshots: Vec::new(),
            unflushed_records: 0,
            cut: None,
            closed: None,
        }
    }

    pub fn io(&self, action: &'static str) -> impl FnOnce(io::Error) -> LogError {
        LogError::io(action, self.folder.path())
    }

    /// From the directory's listing.
    pub fn load(mut self, listing: &[Entry]) -> Result<Loaded, LogError> {
        let mut segments = self.segments_of(listing).map_err(self.io("tidy"))?;
        let Some(first_base) = self.first_base(&segments).map_err(self.io("read"))? else {
            return self.without_first(&segments, listing);
        };
        let epochs_lost = self.load_epochs(listing).map_err(self.io("read the epochs of"))?;
        let has_first_epoch = self.epochs.first_start().is_some_and(|start| start <= first_base);
        if self.known.start_lost {
            self.known.log_start = self.start_by_epochs(&segments);
        }
        let snapshot_lost = self.load_snapshot(listing).map_err(self.io("read the producers of"))?;
        let synced_to = self.known.recovery_point.unwrap_or_default().max(first_base);
        let unclean_from = self.unclean_from(&segments, synced_to).map_err(self.io("read the producers of"))?;
        // What is synced stays synced, whatever became of the notes about it: it is walked again, and damage in it told.
        let notes_lost = epochs_lost || snapshot_lost;
        let end = match self.known.undisturbed && self.known.recovery_point.is_some() && !notes_lost {
            true => self.end_as_noted(&segments, listing)?,
            false => None,
        };
        let mut unlogged = false;
        let end = match end {
            Some(end) => end,
            None => {
                let asked = self.asked_from(&segments).unwrap_or(first_base);
                let from = if notes_lost { asked.min(unclean_from) } else { unclean_from };
                self.epochs.truncate_end(from);
                self.epoch = self.epochs.latest();
                let end = self.recover(&mut segments, from, self.known.safe(synced_to))?;
                if epochs_lost || (from <= first_base && has_first_epoch) {
                    // Compaction may have left no record of the first epoch's beginning.
                    self.epochs.begin_by(from);
                }
                unlogged = end > unclean_from || self.known.recovery_point.is_none();
                end
            }
        };
        self.doubt_snapshots(synced_to);
        self.epochs.truncate_end(end);
        let lost = self.known.begins.filter(|begins| *begins < first_base);
        let start = lost.unwrap_or(first_base).max(self.known.log_start.unwrap_or_default());
        if start > end {
            // LOG-19: less is there than was already deleted.
            return self.restart_at(start, &segments);
        }
        self.epochs.truncate_start(start);
        self.make_missing_indexes(&segments, listing).map_err(self.io("write the indexes of"))?;
        let mut bounds = LogBounds::loaded(start, end);
        let high = self.known.high.unwrap_or(start).clamp(start, end);
        let mut unstable = Unstable::default();
        for completed in &self.completed {
            unstable.appended(self.producers.first_undecided(), Some(*completed));
        }
        unstable.appended(self.producers.first_undecided(), None);
        unstable.replicated(high);
        bounds.advance_high(high, unstable.first());
        let recovery = unclean_from.min(end);
        let synced = if unlogged { recovery.max(high.min(recovery)) } else { end };
        // Names that were removed may come back until they are synced, and the log start with them (LOG-18).
        let new_names = unlogged || notes_lost || self.tidied || self.known.log_start > Some(first_base);
        let mut writer = self.writer(segments.last().expect("not empty").clone(), end, recovery, new_names, unlogged);
        let sealed = segments.iter().take(segments.len() - 1);
        writer.sealed_dirty = sealed.filter(|segment| segment.is_dirty()).cloned().collect();
        self.stand_in(&mut segments, bounds.start()).map_err(self.io("read the indexes of"))?;
        if let Some(begins) = lost {
            // In the place of a file that is gone: who reads there is told.
            segments.insert(0, Segment::stand_in(self.folder.clone(), begins));
        }
        let Known { cleaned, gaps_to, .. } = self.known;
        Ok(Loaded { segments, writer, bounds, epochs: self.epochs, synced, unstable, cleaned, gaps_to })
    }

    /// Where the log begins in its files. Names come to the disk in any order: that of the first segment may be missing while
    /// there are later ones, unless the log's start has moved there.
    fn first_base(&self, segments: &[Arc<Segment>]) -> io::Result<Option<Offset>> {
        if self.lost_behind(segments)?.is_some() {
            return Ok(None);
        }
        let is_dropped = |base| self.known.dropped_to.is_some_and(|to| to >= base);
        let is_behind = |base| self.known.unsaved_from.is_some_and(|from| from < base) && !is_dropped(base);
        // Of others' logs, and of those that are written without the write-ahead log, nobody knows what there was.
        let is_sure = || !self.known.never_durable || (self.config.sync == SyncPolicy::Wal && self.is_made_here());
        let is_behind_lost = |base| is_behind(base) && is_sure();
        Ok(segments.first().map(|first| first.base()).filter(|base| !is_behind_lost(*base)))
    }

    pub fn remove_segment(&self, segment: &Arc<Segment>) -> io::Result<()> {
        segment.close_file();
        for suffix in names::OF_SEGMENT {
            self.remove(&segment.path(suffix))?;
        }
        Ok(())
    }

    pub fn remove(&self, path: &Path) -> io::Result<()> {
        match self.folder.disk().remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Segments by base offset. Files left by an interrupted deletion or cleaning go; a finished swap is completed
    /// (LOG-17).
    fn segments_of(&mut self, listing: &[Entry]) -> io::Result<Vec<Arc<Segment>>> {
        let leftover = [names::SWAP, names::DELETED, names::CLEANED];
        self.tidied = listing.iter().any(|file| leftover.iter().any(|suffix| file.name.ends_with(suffix)));
        let mut bases: Vec<(Offset, u64)> =
            listing.iter().filter_map(|file| Some((names::offset_of(&file.name, names::LOG)?, file.len))).collect();
        let swaps: Vec<(Offset, u64)> = listing.iter().filter_map(swap_of).collect();
        for (base, bytes) in &swaps {
            self.complete_swap(*base, *bytes, listing, &mut bases)?;
        }
        let is_part = |name: &str| {
            let mut base = names::OF_SEGMENT.into_iter().filter_map(|suffix| names::offset_of(name, suffix));
            base.next().is_some_and(|base| swaps.iter().any(|(swapped, _)| *swapped == base))
        };
        for file in listing {
            let name = file.name.as_str();
            if let Some(target) = name.strip_suffix(names::SWAP) {
                // Indexes whose records never got this far.
                if !is_part(target) {
                    self.remove(&self.folder.file(name))?;
                }
            } else if name.ends_with(names::DELETED) || name.ends_with(names::CLEANED) || name.ends_with(".tmp") {
                self.remove(&self.folder.file(name))?;
            }
        }
        self.tidy_indexes(listing, &bases)?;
        bases.sort_unstable();
        let with = |suffix| -> BTreeSet<Offset> {
            let name = |file: &Entry| names::offset_of(file.name.trim_end_matches(names::SWAP), suffix);
            listing.iter().filter_map(name).collect()
        };
        let (indexed, aborted) = (with(names::INDEX), with(names::TXN_INDEX));
        let last = bases.last().map(|(base, _)| *base);
        let is_bare = |base: &Offset| !(indexed.contains(base) || (Some(*base) == last && aborted.contains(base)));
        self.lost.bare = bases.iter().map(|(base, _)| *base).filter(is_bare).collect();
        let segments = bases.into_iter().map(|(base, bytes)| {
            let segment = Segment::existing(self.folder.clone(), base, bytes);
            if !aborted.contains(&base) {
                // Spares readers the look for a file that most segments do not have.
                segment.set_aborted(AbortedIndex::empty());
            }
            segment
        });
        Ok(segments.collect())
    }

    /// A cleaned segment was complete when it was named `.swap`: it takes the place of all segments it covers. Synced between
    /// the steps as the swap itself is: names may come to the disk in any order.
    fn complete_swap(
        &self,
        base: Offset,
        bytes: u64,
        listing: &[Entry],
        bases: &mut Vec<(Offset, u64)>,
    ) -> io::Result<()> {
        let end = self.covered_end(base, bytes)?;
        // Where only the process was killed the passing names may not have come to the disk yet.
        self.folder.disk().sync_dir(&self.folder.path())?;
        for (covered, _) in bases.iter().filter(|(other, _)| *other >= base && *other < end) {
            for suffix in names::OF_SEGMENT {
                self.remove(&self.folder.file(names::of_offset(*covered, suffix)))?;
            }
        }
        bases.retain(|(other, _)| *other < base || *other >= end);
        // The records last: while they have the passing name, this is done again.
        for suffixes in [&names::INDEXES[..], &[names::LOG]] {
            self.folder.disk().sync_dir(&self.folder.path())?;
            for suffix in suffixes {
                let name = names::of_offset(base, suffix);
                let passing = format!("{name}{}", names::SWAP);
                if listing.iter().any(|file| file.name == passing) {
                    self.folder.disk().rename(&self.folder.file(passing), &self.folder.file(name))?;
                }
            }
        }
        self.folder.disk().sync_dir(&self.folder.path())?;
        bases.push((base, bytes));
        Ok(())
    }

    /// Where the segments end that a cleaned one replaces. Kafka does not say so: then it is where its records end.
    fn covered_end(&self, base: Offset, bytes: u64) -> io::Result<Offset> {
        let passing = |suffix| self.folder.file(format!("{}{}", names::of_offset(base, suffix), names::SWAP));
        let noted = match self.folder.disk().read(&passing(names::COVERED)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            noted => std::str::from_utf8(&noted?).ok().and_then(|text| Offset::from_wire(text.parse().ok()?)),
        };
        if let Some(end) = noted.filter(|end| *end > base) {
            return Ok(end);
        }
        let file = self.folder.disk().open(&passing(names::LOG), OpenMode::Read)?;
        scan::end_of_records(&*file, bytes, base.next())
    }

    /// Where the first epoch begins, there the log does: deleted records do not come back (LOG-18). Others may have begun the epochs
    /// anew in the middle of the log: theirs are believed in the first segment only.
    fn start_by_epochs(&self, segments: &[Arc<Segment>]) -> Option<Offset> {
        let is_in_first = |start: Offset| segments.get(1).is_none_or(|second| start <= second.base());
        self.epochs.first_start().filter(|start| is_in_first(*start) || self.is_made_here())
    }

    /// Where the last checkpoint left the end: nothing is behind the recovery point, and a snapshot of the producers there. A log that
    /// was written to since then, or was not opened between a crash and an orderly stop, is as the crash left it.
    fn end_as_noted(&mut self, segments: &[Arc<Segment>], listing: &[Entry]) -> Result<Option<Offset>, LogError> {
        let before = (self.producers.clone(), self.epochs.clone(), self.epoch);
        let at = segments.len() - 1;
        let end = self.quick_end(&segments[at], listing).map_err(self.io("read"))?;
        let is_noted = |end: &Offset| {
            let had_none = self.snapshots.is_empty() && !self.known.has_snapshots;
            Some(*end) == self.known.recovery_point && (had_none || self.producers_from == *end)
        };
        let end = end.filter(is_noted);
        match end {
            Some(end) => self.make_aborted(segments, at, end).map_err(self.io("read"))?,
            None => (self.producers, self.epochs, self.epoch) = before,
        }
        Ok(end)
    }

    /// The end of a log that is whole: from the last index entry on, headers only. `None` when it does not add up, then
    /// everything behind the recovery point is checked.
    fn quick_end(&mut self, last: &Arc<Segment>, listing: &[Entry]) -> io::Result<Option<Offset>> {
        if last.bytes() == 0 {
            last.set_indexes(LiveIndex::with_written(0), LiveTimeIndex::default(), None);
            last.set_aborted(AbortedIndex::empty());
            return Ok(Some(last.base()));
        }
        let len = |suffix: &str| {
            let name = names::of_offset(last.base(), suffix);
            listing.iter().find(|file| file.name == name).map(|file| file.len)
        };
        if len(names::TXN_INDEX).is_some() {
            match last.confirmed_aborted(Offset::new(i64::MAX)) {
                Ok((entries, true)) => last.set_aborted(AbortedIndex::loaded(entries)),
                Ok((_, false)) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let (index_len, time_len) = match (len(names::INDEX), len(names::TIME_INDEX)) {
            (Some(index_len), Some(time_len)) => (index_len, time_len),
            // Small segments have no index files yet; larger ones lost them.
            (None, None) if last.bytes() <= UNINDEXED_BYTES_MAX => (0, 0),
            _ => return Ok(None),
        };
        let file = last.file()?;
        let mut from = 0;
        let entries = index_len / index::ENTRY_BYTES as u64;
        if entries > 0 {
            let mut bytes = [0; index::ENTRY_BYTES];
            read_last(self.folder, &last.path(names::INDEX), entries, &mut bytes)?;
            from = u64::from(IndexEntry::read(&bytes).position);
            let header = scan::header_at(&*file, from, last.bytes())?;
            let expected = last.base().plus(i64::from(IndexEntry::read(&bytes).relative));
            if from == 0 || header.and_then(|header| header.last()) != Some(expected) {
                return Ok(None);
            }
        }
        let time_entries = time_len / time_index::ENTRY_BYTES as u64;
        let mut largest = None;
        if time_entries > 0 {
            let mut bytes = [0; time_index::ENTRY_BYTES];
            read_last(self.folder, &last.path(names::TIME_INDEX), time_entries, &mut bytes)?;
            largest = Some(TimeEntry::read(&bytes));
        }
        if let Some(said) = largest
            && !last.is_confirmed(said)?
        {
            return Ok(None);
        }
        last.set_indexes(
            LiveIndex::with_written(entries as usize),
            LiveTimeIndex::with_written(time_entries as usize, largest),
            largest,
        );
        // Without files all entries are made again: the memory is then what the next file comes from.
        let indexed_from = if index_len + time_len == 0 { 0 } else { u64::MAX };
        let reached = self.walk(last, Scan::headers(&*file, from, last.bytes()).chunk(4096), None, indexed_from)?;
        last.set_times_unproven(from);
        Ok(reached.bad.is_none().then_some(reached.end))
    }
}

/// The segment whose records a file named `.log.swap` holds.
fn swap_of(file: &Entry) -> Option<(Offset, u64)> {
    Some((names::offset_of(file.name.strip_suffix(names::SWAP)?, names::LOG)?, file.len))
}

/// Reads the last of `entries` entries of an index file.
fn read_last<const N: usize>(folder: &Folder, path: &Path, entries: u64, into: &mut [u8; N]) -> io::Result<()> {
    let file: Arc<dyn DiskFile> = folder.disk().open(path, OpenMode::Read)?;
    file.read_at(into, (entries - 1) * N as u64)?;
    Ok(())
}

//! Checking a log after a crash: every batch from the recovery point on, offsets and epochs included (LOG-13, LOG-16);
//! what is torn behind the synced part is cut, damage within it is reported (LOG-14).
use crate::{
    log::{
        SyncPolicy,
        aborted::{AbortedEntry, AbortedIndex},
        as_it_is,
        index::{self, LiveIndex},
        log::LogError,
        names,
        opening::{Opening, Reached},
        producer_snapshot, properties,
        scan::{self, BadBatch, Scan, Step},
        segment::Segment,
        time_index::{self, LiveTimeIndex},
    },
    platform::OpenMode,
    record::BatchHeader,
    types::Offset,
};
use std::{io, sync::Arc};

impl Opening<'_> {
    /// Checks every batch from `from` on, cuts a torn tail behind `safe`, and makes the indexes again.
    pub(in crate::log) fn recover(
        &mut self,
        segments: &mut Vec<Arc<Segment>>,
        from: Offset,
        safe: Offset,
    ) -> Result<Offset, LogError> {
        let failed = LogError::io("recover", self.folder.path());
        let recovered = self.recover_segments(segments, from, safe).and_then(|end| {
            self.settle_snapshots()?;
            Ok(end)
        });
        recovered.map_err(|error| match error {
            Failure::Io(source) => failed(source),
            Failure::Log(error) => error,
        })
    }

    fn recover_segments(
        &mut self,
        segments: &mut Vec<Arc<Segment>>,
        from: Offset,
        safe: Offset,
    ) -> Result<Offset, Failure> {
        // After a cut also the segment that ends there: its file may have what was cut still, while the name of the one that was
        // begun behind it has come to the disk.
        let begins = |segment: &Arc<Segment>| segment.base() < from || (segment.base() == from && !self.known.cut);
        let holds = segments.partition_point(begins).saturating_sub(1);
        self.replay_producers(segments, holds, from, safe)?;
        let mut end = segments[holds].base();
        for at in holds..segments.len() {
            let segment = segments[at].clone();
            let misplaced =
                at > holds && (segment.base() < end || (segment.base() > end && !self.gaps_allowed(end.get())));
            let reached = if misplaced {
                let why = BadBatch::Offset { base: segment.base().get(), expected: end.get() };
                Reached { end, bad: Some((0, why)) }
            } else {
                if at > holds {
                    self.snapshot_at(segment.base())?;
                }
                let reached = self.recover_segment(&segment, from)?;
                if segment.base() < self.producers_from {
                    self.make_aborted(segments, at, reached.end)?;
                }
                // The active segment's comes with a checkpoint; nothing is written to the others any more.
                segment.write_aborted()?;
                reached
            };
            if at > holds && !misplaced {
                self.take_gap(end, segment.base());
            }
            // Its name tells where the log goes on behind records that compaction removed.
            let is_name_needed = !misplaced && segment.base() > end;
            end = reached.end;
            let Some((position, why)) = reached.bad else { continue };
            if end < safe {
                let path = segment.path(names::LOG);
                return Err(Failure::Log(LogError::Damaged { path, position, what: why.to_string() }));
            }
            tracing::info!(file = %segment.path(names::LOG).display(), position, "the tail that was never synced is cut off: {why}");
            let keep = if position == 0 && at > holds && !is_name_needed { at } else { at + 1 };
            if keep > at {
                segment.cut(position)?;
            }
            if keep < segments.len() && segments[keep - 1].base() == end {
                // An empty one, whose name alone tells where the log goes on: it is there before those go that tell it, too.
                self.folder.disk().sync_dir(&self.folder.path())?;
            }
            for later in segments.drain(keep..) {
                self.remove_segment(&later)?;
            }
            break;
        }
        // Nobody writes to them any more; without its last entry a time index tells of an older segment than it is.
        let sealed = segments.len() - 1;
        for segment in segments.get(holds..sealed).unwrap_or_default() {
            segment.write_indexes(true)?;
        }
        if end < safe {
            let path = self.folder.path();
            let way_out = as_it_is::way_out(&path);
            let what = format!("the log ends at offset {end}, it was synced up to {safe}; {way_out}");
            return Err(Failure::Log(LogError::Damaged { path, position: 0, what }));
        }
        Ok(end)
    }

    /// Only compaction leaves gaps between batches, now or before the topic's policy was changed; elsewhere one is a sign
    /// of bytes that were lost.
    pub(in crate::log) fn gaps_allowed(&self, at: i64) -> bool {
        let cleaned = self.known.cleaned.max(self.known.gaps_to).is_some_and(|cleaned| at < cleaned.get());
        (cleaned || self.is_unknown(at) || self.config.compact) && !self.gaps_are_told(at)
    }

    /// The notes are lost, and how far the log was compacted with them: what is whole is not given up for a gap (LOG-18).
    fn is_unknown(&self, at: i64) -> bool {
        let is_foreign = self.known.foreign_from.is_some_and(|from| at >= from.get());
        is_foreign || (self.known.notes_lost && self.known.unsaved_from.is_none_or(|from| at < from.get()))
    }

    /// A batch whose offset was flipped looks like one behind a gap, but the next one is where it was (LOG-16).
    fn goes_back_after(
        &self,
        segment: &Arc<Segment>,
        position: u64,
        header: &BatchHeader,
        expected: Option<Offset>,
    ) -> io::Result<Option<BadBatch>> {
        let (base, due) = (header.base_offset, expected.unwrap_or(segment.base()).get());
        if base <= due || expected.is_none() || !self.is_unknown(due) {
            return Ok(None);
        }
        let next = scan::header_at(&*segment.file()?, position + header.size() as u64, segment.bytes())?;
        let goes_back = next.is_some_and(|next| next.base() <= header.last());
        Ok(goes_back.then_some(BadBatch::Offset { base, expected: due }))
    }

    /// A gap that was allowed because nobody knows better was left by compaction: readers and the next start must know it.
    fn take_gap(&mut self, due: Offset, base: Offset) {
        if base > due && !self.config.compact && self.is_unknown(due.get()) {
            self.known.cleaned = self.known.cleaned.max(Some(base));
        }
    }

    /// Here nothing is compacted before a checkpoint has synced it, and what a follower took with gaps is in the write-ahead log
    /// (LOG-5): behind the recovery point even a compacted log's files have gaps only where bytes were lost. Others' brokers
    /// compact more.
    pub(in crate::log) fn gaps_are_told(&self, at: i64) -> bool {
        let told = self.known.gaps_told_from.is_some_and(|from| at >= from.get());
        told && self.config.sync == SyncPolicy::Wal && self.is_made_here()
    }

    /// By this broker, or one like it, and not by another's.
    pub(in crate::log) fn is_made_here(&self) -> bool {
        let metadata = self.folder.disk().read(&self.folder.file(names::PARTITION_METADATA));
        metadata.is_ok_and(|bytes| properties::is_metadata_sealed(&bytes))
    }

    /// Brings the producers from their snapshot to the batch where checking begins. Where more is checked than has to be, a snapshot of
    /// what is `safe` is taken still: of some producers compaction has left no batch to make them again from (CMP-7).
    fn replay_producers(
        &mut self,
        segments: &[Arc<Segment>],
        holds: usize,
        from: Offset,
        safe: Offset,
    ) -> io::Result<()> {
        let snapshots = std::mem::take(&mut self.snapshots);
        let (kept, above): (Vec<_>, Vec<_>) = snapshots.into_iter().partition(|at| *at <= from.max(safe));
        self.snapshots = kept;
        if !above.is_empty() {
            // Snapshots of what may be cut now: the newest at or below is taken instead.
            self.load_newest_snapshot()?;
        }
        self.outdated_snapshots = above;
        let none_left = self.snapshots.is_empty() && self.outdated_snapshots.is_empty() && !self.known.cut;
        if none_left && self.known.recovery_point.is_some() && from > segments[0].base() {
            if self.known.has_snapshots {
                tracing::warn!(log = %self.folder.path().display(), "the snapshots of its producers are gone: they are made again from all of the log");
                // The next checkpoint, and with it a snapshot, does not wait for records.
                self.tidied = true;
            } else {
                // No snapshot was ever written: there were no producers up to the recovery point.
                self.producers_from = from;
            }
        }
        let begin = segments.partition_point(|segment| segment.base() <= self.producers_from).saturating_sub(1);
        for segment in segments.get(begin..holds).unwrap_or_default() {
            let file = segment.file()?;
            let mut scan = Scan::headers(&*file, 0, segment.bytes());
            while let Step::Batch { position, header } = scan.next_step()? {
                // The segment's own index has what was aborted here.
                self.take_producer(&scan, position, &header)?;
            }
        }
        Ok(())
    }

    /// A segment begins with a snapshot of the producers, also one that was recovered: a log that is cut within it has no
    /// other beginning once older segments are gone (RET-5).
    fn snapshot_at(&mut self, base: Offset) -> io::Result<()> {
        if self.producers.is_empty() || base < self.producers_from || self.snapshots.last() >= Some(&base) {
            return Ok(());
        }
        producer_snapshot::save_as(self.folder, &passing(base), &self.producers)?;
        self.snapshots.push(base);
        self.unsynced_snapshots.push(base);
        Ok(())
    }

    /// The snapshots made on the way take the place of those that were there. Not before the log is found to be whole: where damage ends
    /// the walk, they are all that is known of its producers.
    fn settle_snapshots(&mut self) -> io::Result<()> {
        let outdated = std::mem::take(&mut self.outdated_snapshots);
        // Nor may their names come back once other records stand there.
        self.tidied |= !outdated.is_empty();
        for at in outdated.iter().filter(|at| !self.unsynced_snapshots.contains(at)) {
            self.remove(&self.folder.file(names::of_offset(*at, names::SNAPSHOT)))?;
        }
        for at in &self.unsynced_snapshots {
            let (made, place) = (self.folder.file(passing(*at)), names::of_offset(*at, names::SNAPSHOT));
            self.folder.disk().rename(&made, &self.folder.file(place))?;
        }
        Ok(())
    }

    /// Answers the transaction that the batch aborted.
    fn take_producer(
        &mut self,
        scan: &Scan<'_>,
        position: u64,
        header: &BatchHeader,
    ) -> io::Result<Option<AbortedEntry>> {
        if header.base().is_none_or(|base| base < self.producers_from) {
            return Ok(None);
        }
        let completed = self.producers.update(header, scan.marker(position, header)?);
        self.completed.extend(completed);
        Ok(completed.and_then(|completed| completed.aborted()))
    }

    /// Checks one segment from the index entry before `from` on and makes the rest of its indexes again.
    fn recover_segment(&mut self, segment: &Arc<Segment>, from: Offset) -> io::Result<Reached> {
        let file = segment.file()?;
        let disk = self.folder.disk().clone();
        let read = |suffix: &str| match disk.read(&segment.path(suffix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        };
        let (index_bytes, time_bytes) = (read(names::INDEX)?, read(names::TIME_INDEX)?);
        let mut entries = index::parse(&index_bytes, segment.bytes()).unwrap_or_default();
        let mut times = time_index::parse(&time_bytes).unwrap_or_default();
        let floor = index::relative(segment.base(), from).unwrap_or(0);
        let replay_from = index::relative(segment.base(), self.producers_from.max(segment.base())).unwrap_or(0);
        // Strictly before, so that the batch at the recovery point itself is looked at again; producers may need an
        // earlier start than the checksums.
        entries.retain(|entry| entry.relative < floor.min(replay_from).max(1));
        let start = match entries.last() {
            Some(entry) => {
                let header = scan::header_at(&*file, entry.position.into(), segment.bytes())?;
                let last = header.and_then(|header| header.last());
                if last == Some(segment.base().plus(entry.relative.into())) { u64::from(entry.position) } else { 0 }
            }
            None => 0,
        };
        let kept = entries.last().map_or(0, |entry| entry.relative);
        let largest = times.iter().rfind(|entry| entry.relative <= kept).copied();
        let is_believed = largest.map(|said| segment.is_confirmed(said)).transpose()?.unwrap_or(true);
        let start = if is_believed { start } else { 0 };
        if start == 0 {
            entries.clear();
            times.clear();
        }
        let kept = entries.last().map_or(0, |entry| entry.relative);
        times.retain(|entry| entry.relative <= kept);
        for (suffix, had, bytes) in [
            (names::INDEX, index_bytes.len(), entries.len() * index::ENTRY_BYTES),
            (names::TIME_INDEX, time_bytes.len(), times.len() * time_index::ENTRY_BYTES),
        ] {
            if had != bytes {
                disk.open(&segment.path(suffix), OpenMode::Create)?.set_len(bytes as u64)?;
            }
        }
        let largest = times.last().copied();
        segment.set_indexes(
            LiveIndex::with_written(entries.len()),
            LiveTimeIndex::with_written(times.len(), largest),
            largest,
        );
        self.recover_aborted(segment)?;
        segment.set_dirty(true);
        let expected = (start == 0).then_some(segment.base());
        let scan = Scan::checked(&*file, start, segment.bytes());
        let reached = self.walk(segment, scan, expected, start)?;
        self.settle_aborted(segment)?;
        segment.health().set_whole(start..reached.bad.as_ref().map_or(segment.bytes(), |(position, _)| *position));
        Ok(reached)
    }

    /// Of the aborted transactions those whose markers are not looked at again: they were synced with the snapshot that the
    /// producers come from. Those behind it come again with their markers.
    fn recover_aborted(&self, segment: &Arc<Segment>) -> io::Result<()> {
        if segment.base() >= self.producers_from {
            segment.set_aborted(AbortedIndex::empty());
            return Ok(());
        }
        let (entries, _) = segment.confirmed_aborted(self.producers_from)?;
        segment.set_aborted(AbortedIndex::loaded(entries));
        Ok(())
    }

    /// What came of it. A file that only lacks its last entries gets them in time; another is replaced as a whole, synced: a start
    /// after the next crash may believe all of it, by a newer snapshot.
    fn settle_aborted(&self, segment: &Arc<Segment>) -> io::Result<()> {
        let mut found = Vec::new();
        let entries = segment.read_aborted(<[_]>::to_vec)?;
        entries.iter().for_each(|entry| entry.write(&mut found));
        let path = segment.path(names::TXN_INDEX);
        let written = match self.folder.disk().read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let is_begun = written.len().is_multiple_of(AbortedEntry::BYTES) && found.starts_with(&written);
        if !is_begun {
            self.folder.disk().write_atomic(&path, &found)?;
        }
        let there = if is_begun { written.len() / AbortedEntry::BYTES } else { entries.len() };
        segment.set_aborted(AbortedIndex::written(entries, there));
        // Whoever was killed may have left the file in memory only.
        if there > 0 {
            segment.set_aborted_unsynced();
        }
        Ok(())
    }

    /// Takes batch after batch into indexes, producers and epochs, until the end or a bad one. Index entries are made
    /// for batches behind `indexed_from`.
    pub(in crate::log) fn walk(
        &mut self,
        segment: &Arc<Segment>,
        mut scan: Scan<'_>,
        mut expected: Option<Offset>,
        indexed_from: u64,
    ) -> io::Result<Reached> {
        let mut end = expected.unwrap_or(segment.base());
        let mut first = true;
        self.since_index = 0;
        self.lost.has_markers = false;
        loop {
            match scan.next_step()? {
                Step::End => return Ok(Reached { end, bad: None }),
                Step::Bad { position, why } => return Ok(Reached { end, bad: Some((position, why)) }),
                Step::Batch { position, header } => {
                    if std::mem::take(&mut first)
                        && let Some(base) = header.base()
                    {
                        // Epochs that begin behind the first batch looked at come again with their batches.
                        self.epochs.truncate_end(base.next());
                        self.epoch = self.epochs.latest();
                    }
                    let why = match self.contradicts(segment, &header, expected) {
                        None => self.goes_back_after(segment, position, &header, expected)?,
                        why => why,
                    };
                    if let Some(why) = why {
                        return Ok(Reached { end, bad: Some((position, why)) });
                    }
                    if let (Some(due), Some(base)) = (expected, header.base()) {
                        self.take_gap(due, base);
                    }
                    self.lost.has_markers |= header.is_control();
                    let last = header.last().unwrap_or_default();
                    let indexed = indexed_from != u64::MAX
                        && position > indexed_from
                        && self.since_index > self.config.index_interval_bytes;
                    segment.note(position, last, header.max_timestamp, indexed);
                    if indexed {
                        self.since_index = 0;
                    }
                    self.since_index += header.size() as u64;
                    if let Some(aborted) = self.take_producer(&scan, position, &header)? {
                        segment.note_aborted(aborted);
                    }
                    if let (Some(epoch), Some(base)) = (header.leader_epoch(), header.base())
                        && self.epoch != Some(epoch)
                    {
                        self.epoch = Some(epoch);
                        self.epochs.assign(epoch, base);
                    }
                    end = last.next();
                    expected = Some(end);
                }
            }
        }
    }

    /// Offsets and epochs are outside of the checksum: they must fit what stands before (LOG-16).
    fn contradicts(&self, segment: &Segment, header: &BatchHeader, expected: Option<Offset>) -> Option<BadBatch> {
        let base = header.base_offset;
        let due = expected.unwrap_or(segment.base()).get();
        let fits = base == due || (base > due && (expected.is_none() || self.gaps_allowed(due)));
        if !fits || index::relative(segment.base(), header.last()?).is_none() {
            return Some(BadBatch::Offset { base, expected: due });
        }
        let epoch = header.partition_leader_epoch;
        // A checkpoint notes the epochs before the recovery point.
        let is_noted = !self.known.notes_lost && self.known.recovery_point > header.base();
        let noted = self.noted_epochs.at(header.base()?).filter(|_| is_noted);
        if let Some(noted) = noted.filter(|noted| epoch != noted.get() && epoch != BatchHeader::NO_EPOCH) {
            return Some(BadBatch::OtherEpoch { epoch, noted: noted.get() });
        }
        let before = self.epoch.filter(|_| expected.is_some())?;
        (epoch >= 0 && epoch < before.get()).then_some(BadBatch::Epoch { epoch, before: before.get() })
    }
}

/// The name of a snapshot until the log is found to be whole.
fn passing(at: Offset) -> String {
    format!("{}.tmp", names::of_offset(at, names::SNAPSHOT))
}

enum Failure {
    Io(io::Error),
    Log(LogError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

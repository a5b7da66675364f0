//! Checkpoints: segments are synced behind the write-ahead log, so that its files can be used again; and the orderly stop.
use crate::{
    log::{
        Closed,
        append::is_disk_full,
        checkpoint::{self, Noted},
        log::Log,
        log_dir::{Checkpoints, LogDir},
        log_dir_error::LogDirError,
        names,
        segment::Segment,
        wal::WalSequence,
    },
    platform::OpenMode,
    types::{Offset, TopicPartition},
};
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

/// More files than this are synced by one call for the whole file system.
const SYNCED_ONE_BY_ONE_MAX: usize = 8;

/// What one log has to have synced.
struct Work {
    log: Arc<Log>,
    end: Offset,
    cut: Option<WalSequence>,
    segments: Vec<Arc<Segment>>,
    /// Those whose aborted transactions were written.
    aborted: Vec<Arc<Segment>>,
    /// Small files, and directories that got new names.
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    /// What of the log's own notes was taken for this.
    snapshots: Vec<Offset>,
    has_snapshots: bool,
    new_folder: bool,
    new_epochs: bool,
}

impl LogDir {
    /// Syncs all segments written since the last one, notes how far, and gives the write-ahead log's space back. A full
    /// disk only puts it off; any other failure ends the directory (LOG-9).
    pub fn checkpoint(&self) -> Result<(), LogDirError> {
        let _one = self.checkpointing.lock();
        if let Some(why) = self.shared.failure() {
            return Err(LogDirError::Failed(why.to_owned()));
        }
        self.checkpoint_alone().inspect_err(|error| self.end_unless_full(error))
    }

    pub(in crate::log) fn end_unless_full(&self, error: &LogDirError) {
        if !matches!(error, LogDirError::Full { .. }) {
            self.shared.fail(error.to_string());
        }
    }

    /// What a failed write of the checkpoint files means.
    pub(in crate::log) fn full_or_failed(&self, action: &'static str, source: io::Error) -> LogDirError {
        if is_disk_full(&source) {
            return LogDirError::Full { path: self.path().to_owned() };
        }
        LogDirError::io(action, self.path())(source)
    }

    fn checkpoint_alone(&self) -> Result<(), LogDirError> {
        self.shared.unsaved_bytes.store(0, Ordering::Relaxed);
        // Asked first: what is replayed from now on is not covered by this checkpoint.
        let may_release = !self.is_pending();
        let covered = self.shared.wal.next_sequence();
        let dirty = std::mem::take(&mut *self.shared.dirty.lock());
        if let Err(source) = self.note_begun(&dirty) {
            return Err(self.put_off(dirty.into_iter().map(Work::of).collect(), "write the checkpoints of", source));
        }
        let mut dirty = dirty.into_iter();
        let mut work = Vec::with_capacity(dirty.len());
        while let Some(log) = dirty.next() {
            let mut one = Work::of(log);
            let prepared = self.prepare(&mut one);
            let wanted = *prepared.as_ref().unwrap_or(&true);
            if wanted {
                work.push(one);
            }
            if let Err(source) = prepared {
                work.extend(dirty.map(Work::of));
                return Err(self.put_off(work, "write the indexes in", source));
            }
        }
        self.sync(&work).map_err(LogDirError::io("sync the segments in", self.path()))?;
        work.iter().for_each(|done| done.log.writer.lock().syncing_snapshots.clear());
        if let Err(source) = self.note(&work, covered) {
            return Err(self.put_off(work, "write the checkpoints of", source));
        }
        // Told once it is noted: what somebody was told is safe must be known to be so by the next start, too; and compaction leaves
        // no gap where the next start would take it for lost bytes.
        for done in &work {
            done.log.synced_to(done.end);
            done.log.cuts_noted(covered);
            done.log.tell_synced(done.end);
        }
        if !work.is_empty() && may_release {
            self.shared.wal.release(covered);
        }
        for done in &work {
            self.drop_old_snapshots(&done.log);
        }
        Ok(())
    }

    /// What was not done is to be done by the next checkpoint.
    fn put_off(&self, work: Vec<Work>, action: &'static str, source: io::Error) -> LogDirError {
        let error = self.full_or_failed(action, source);
        if matches!(error, LogDirError::Full { .. }) {
            self.shared.note_full();
            work.into_iter().for_each(Work::put_back);
        }
        error
    }

    /// A checkpoint that has come so far and syncs nothing yet.
    #[cfg(test)]
    pub(in crate::log) fn begin_checkpoint_in_test(&self, log: &Arc<Log>) {
        assert!(self.prepare(&mut Work::of(log.clone())).unwrap());
    }

    /// Writes the checkpoint files. Entries of the write-ahead log below `covered` are in the synced segments.
    fn note(&self, work: &[Work], covered: WalSequence) -> io::Result<()> {
        let mut checkpoints = self.checkpoints.lock();
        {
            let logs = self.shared.logs.lock();
            // A log that was deleted since must leave nothing to a new one of its name.
            let is_open = |log: &Arc<Log>| logs.get(&log.id.key()).is_some_and(|open| Arc::ptr_eq(open, log));
            // Once the entries are durably released nothing needs to be said of them.
            checkpoints.cuts.keep(|done| done > Offset::new(self.shared.wal.released_durably().get() as i64));
            for done in work.iter().filter(|done| is_open(&done.log)) {
                let at = done.log.id.topic_partition();
                if !checkpoints.has_recovery_point(&at) {
                    checkpoints.unwritten.insert(at);
                }
                checkpoints.recovery.set(&done.log.id.topic_partition(), Some(done.end));
                checkpoints.recovery.mark(&done.log.id.topic_partition(), done.has_snapshots);
                // Not `covered`: numbers behind the cut may be of entries that are not durable yet. A crash takes them back, and
                // gives them to others, cuts perhaps, which would count as done.
                if let Some(cut) = done.cut.filter(|cut| *cut < covered) {
                    let number = Offset::new(cut.next().get() as i64);
                    checkpoints.cuts.set(&done.log.id.topic_partition(), Some(number));
                }
            }
            let behind = std::mem::take(&mut checkpoints.behind);
            // Only logs that changed: a checkpoint costs what was written since the last, not what there is.
            behind.values().chain(work.iter().map(|done| &done.log)).filter(|log| is_open(log)).for_each(|log| {
                checkpoints.take(log);
            });
        }
        checkpoints.starts_taken |= self.is_recovered();
        self.write_checkpoints(&mut checkpoints)?;
        let empty = work.iter().filter(|done| done.end == Offset::ZERO);
        empty.for_each(|done| done.log.epochs.lock().set_own());
        Ok(())
    }

    pub(in crate::log) fn write_checkpoints(&self, checkpoints: &mut Checkpoints) -> io::Result<()> {
        let mut gone = checkpoints.stale.clone();
        if !gone.is_empty() {
            // Made anew under its old name meanwhile: then the entry is the new log's.
            self.shared.logs.lock().values().for_each(|log| {
                gone.remove(&log.id.topic_partition());
            });
            gone.iter().for_each(|at| checkpoints.recovery.set(at, None));
        }
        // Notes of starts that are lost stay so until all logs were opened, and asked: a start may be refused before.
        let stay_lost = checkpoints.starts_lost && !checkpoints.starts_taken;
        let is_due = |name: &str, file: &Noted| file.changed && !(stay_lost && name == names::LOG_STARTS);
        // The cuts behind the recovery points: those of before a cut that is not done again would have gaps taken for compaction's
        // where bytes were lost of what came in the place of what was cut. A cut that is not noted yet is done again, and all that
        // came behind it, whatever the recovery point says. Behind the starts, too: one of before a cut would hide what was written
        // in its place. What was cleaned before the recovery points: below them a gap that nobody knows of is damage.
        let files = [
            (names::LOG_STARTS, &mut checkpoints.starts),
            (names::CLEANER_OFFSETS, &mut checkpoints.cleaned),
            (names::RECOVERY_POINTS, &mut checkpoints.recovery),
            (names::CUTS_DONE, &mut checkpoints.cuts),
            (names::HIGH_WATERMARKS, &mut checkpoints.highs),
        ];
        for (name, file) in files.into_iter().filter(|(name, file)| is_due(name, file)) {
            self.shared.disk.write_atomic(&self.path().join(name), file.print().as_bytes())?;
            file.changed = false;
        }
        checkpoints.stale.clear();
        checkpoints.unwritten.clear();
        Ok(())
    }

    /// Writes what is only in memory, and notes what is to be synced. Under the log's append lock, but nothing is synced
    /// there. False when the log is deleted.
    fn prepare(&self, work: &mut Work) -> io::Result<bool> {
        let log = work.log.clone();
        // Held for the whole of it: a deleted log's directory has another name.
        let mut writer = log.writer.lock();
        if writer.closed == Some(Closed::Deleted) {
            writer.listed = false;
            return Ok(false);
        }
        (work.end, work.cut) = (writer.end, writer.cut);
        writer.active.save_indexes(false, &log.config())?;
        log.write_snapshot(&mut writer)?;
        work.snapshots = std::mem::take(&mut writer.unsynced_snapshots);
        writer.syncing_snapshots = work.snapshots.clone();
        work.has_snapshots = !writer.snapshots.is_empty();
        let snapshots = work.snapshots.iter().map(|at| log.folder.file(names::of_offset(*at, names::SNAPSHOT)));
        work.files.extend(snapshots);
        if !writer.sealed_dirty.is_empty() || !work.files.is_empty() {
            work.directories.push(log.path());
        }
        self.write_epochs(work)?;
        writer.listed = false;
        let mut segments = std::mem::take(&mut writer.sealed_dirty);
        segments.push(writer.active.clone());
        segments.retain(|segment| segment.is_dirty());
        // Unset before the sync: what is written meanwhile counts for the next one.
        segments.iter().for_each(|segment| segment.set_dirty(false));
        work.aborted = segments.iter().filter(|segment| segment.take_aborted_unsynced()).cloned().collect();
        if !work.aborted.is_empty() {
            work.directories.push(log.path());
        }
        work.segments = segments;
        if std::mem::take(&mut writer.new_folder) {
            work.new_folder = true;
            work.files.push(log.folder.file(names::PARTITION_METADATA));
            work.directories.extend([log.path(), self.path().to_owned()]);
        }
        Ok(true)
    }

    /// Not synced here: a file that a power loss has left empty is noticed and made again (LOG-18). The first one has nothing to
    /// spare, so it gets its name at once: thousands of new logs would each cost another.
    fn write_epochs(&self, work: &mut Work) -> io::Result<()> {
        let log = &work.log;
        let text = {
            let mut epochs = log.epochs.lock();
            let Some(entries) = epochs.take_changed(work.end) else { return Ok(()) };
            checkpoint::write_epochs(entries)
        };
        work.new_epochs = true;
        let (disk, path) = (&self.shared.disk, log.folder.file(names::EPOCH_CHECKPOINT));
        let file = disk.open(&path, OpenMode::Create)?;
        if file.is_empty()? {
            file.write_all_at(text.as_bytes(), 0)?;
        } else {
            let beside = log.folder.file("leader-epoch-checkpoint.tmp");
            let file = disk.open(&beside, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(text.as_bytes(), 0)?;
            disk.rename(&beside, &path)?;
        }
        work.files.push(path);
        work.directories.push(log.path());
        Ok(())
    }

    fn sync(&self, work: &[Work]) -> io::Result<()> {
        let files = |one: &Work| one.segments.len() + one.aborted.len() + one.files.len() + one.directories.len();
        let count: usize = work.iter().map(files).sum();
        let is_many = self.shared.files.take_closed_unsynced() || count > SYNCED_ONE_BY_ONE_MAX;
        if is_many && self.filesystem.tells_failed_writes() {
            return self.filesystem.sync();
        }
        for one in work {
            // Deleted by retention or with its topic meanwhile is no failure of the disk (LOG-24), but no reason to leave
            // out the rest of the log either.
            let deleted = || one.log.writer.lock().closed == Some(Closed::Deleted);
            for segment in &one.segments {
                let synced = segment.file().and_then(|file| file.sync_data());
                unless_gone(synced, || one.is_retired(segment) || deleted())?;
            }
            for segment in &one.aborted {
                let index = self.shared.disk.open(&segment.path(names::TXN_INDEX), OpenMode::Write);
                unless_gone(index.and_then(|file| file.sync_data()), || one.is_retired(segment) || deleted())?;
            }
            for path in &one.files {
                let synced = self.shared.disk.open(path, OpenMode::Write).and_then(|file| file.sync_data());
                unless_gone(synced, || one.forgets(path) || deleted())?;
            }
            for path in &one.directories {
                unless_gone(self.shared.disk.sync_dir(path), deleted)?;
            }
        }
        Ok(())
    }

    /// The two newest snapshots stay, and those that segments begin with.
    fn drop_old_snapshots(&self, log: &Arc<Log>) {
        let bases: Vec<Offset> = log.segments.read().iter().map(|segment| segment.base()).collect();
        // Segments may be begun from here on: what they begin with stays.
        let newest = bases.last().copied().unwrap_or_default();
        let is_old = |at: &Offset| *at < newest && bases.binary_search(at).is_err();
        let old: Vec<Offset> = {
            let mut writer = log.writer.lock();
            let old = writer.snapshots.len().saturating_sub(2);
            let gone: Vec<Offset> = writer.snapshots[..old].iter().copied().filter(is_old).collect();
            writer.snapshots.retain(|at| gone.binary_search(at).is_err());
            gone
        };
        for at in old {
            let _ = self.shared.disk.remove_file(&log.folder.file(names::of_offset(at, names::SNAPSHOT)));
        }
    }

    /// The orderly stop: no more appends, everything synced, indexes and producers written, and then the marker that
    /// spares the next start all checks (LOG-12). Idempotent.
    pub fn close(&self) -> Result<(), LogDirError> {
        self.shared.alarm.stop();
        if let Some(thread) = self.thread.lock().take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
        let recovered = self.is_recovered() && !self.is_pending();
        let logs = self.logs();
        // Whatever goes wrong with one log, the others are synced and the write-ahead log is committed.
        let mut indexed = Ok(());
        for log in &logs {
            let mut writer = log.writer.lock();
            if writer.closed.replace(Closed::Stopping).is_none() && writer.listed {
                let written = writer.active.save_indexes(true, &log.config());
                writer.active.give_back_ahead();
                indexed = indexed.and(written.map_err(LogDirError::io("write the indexes of", log.path())));
            }
        }
        // The last one notes every log.
        self.checkpoints.lock().behind.extend(logs.iter().map(|log| (log.id.key(), log.clone())));
        let checkpointed = self.checkpoint();
        let closed = self.shared.wal.close();
        logs.iter().for_each(|log| log.close_marks(Closed::Stopping));
        self.shared.logs.lock().clear();
        indexed?;
        checkpointed?;
        closed?;
        if recovered { self.write_marker(self.broker_epoch()) } else { Ok(()) }
    }

    /// A start is refused before anything is recovered here: the stop before was orderly still. What was written meanwhile is in
    /// the write-ahead log, whose threads touch no file any more.
    pub fn leave_as_found(&self) {
        if let Err(error) = self.shared.wal.close() {
            tracing::warn!(%error, "the write-ahead log stopped before the start was refused");
        }
        if self.was_clean()
            && !self.is_recovered()
            && let Err(error) = self.write_marker(self.previous_broker_epoch().unwrap_or(-1))
        {
            tracing::warn!(%error, "the next start checks all logs as after a crash");
        }
    }

    fn write_marker(&self, broker_epoch: i64) -> Result<(), LogDirError> {
        let marker = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
        let path = self.path().join(names::CLEAN_SHUTDOWN);
        self.shared.disk.write_atomic(&path, marker.as_bytes()).map_err(LogDirError::io("write", &path))
    }
}

impl Checkpoints {
    /// The partitions that any of the files speaks of.
    pub(in crate::log) fn noted(&self) -> BTreeSet<TopicPartition> {
        let files = [&self.recovery, &self.starts, &self.highs, &self.cleaned, &self.cuts];
        files.into_iter().flat_map(|file| file.offsets().keys().cloned()).collect()
    }

    /// Where a log starts and how far it is committed.
    pub(in crate::log) fn take(&mut self, log: &Arc<Log>) {
        let at = log.id.topic_partition();
        let bounds = log.bounds();
        // Also where the first segment begins there: so that its loss is no deletion. Not beyond the recovery point, where the start has
        // moved since: of what is between only the write-ahead log is sure to have the batches, which a start takes for gone, with
        // their producers and markers, when they are below the log's (IDEM-11). It has the new start, too.
        let sure = self.recovery.get(&at).map(|synced| synced.max(self.starts.get(&at).unwrap_or_default()));
        self.starts.set(&at, Some(sure.map_or(bounds.start(), |sure| sure.min(bounds.start()))));
        self.highs.set(&at, Some(bounds.high()));
        self.take_compaction(log);
        if bounds.high() < bounds.end() {
            self.behind.insert(log.id.key(), log.clone());
        }
    }
}

impl Checkpoints {
    /// How far it is compacted, and that it was. A mark says that a run is under way, or was when the broker ended: then what is synced may
    /// have gaps behind that, too.
    pub(in crate::log) fn take_compaction(&mut self, log: &Log) {
        let (at, gaps_to) = (log.id.topic_partition(), log.gaps_to());
        let cleaned = log.cleaned().or(gaps_to.map(|_| log.bounds().start()));
        self.cleaned.set(&at, cleaned);
        self.cleaned.mark(&at, gaps_to > cleaned);
        if cleaned.is_some() {
            self.starts.mark(&at, true);
        }
    }
}

impl Work {
    fn of(log: Arc<Log>) -> Work {
        Work {
            log,
            end: Offset::ZERO,
            cut: None,
            segments: Vec::new(),
            aborted: Vec::new(),
            files: Vec::new(),
            directories: Vec::new(),
            snapshots: Vec::new(),
            has_snapshots: false,
            new_folder: false,
            new_epochs: false,
        }
    }

    /// Nothing of this counts as synced: the log is as dirty as before, and listed again.
    fn put_back(self) {
        let mut writer = self.log.writer.lock();
        if writer.closed == Some(Closed::Deleted) {
            return;
        }
        self.aborted.iter().for_each(|segment| segment.set_aborted_unsynced());
        for segment in self.segments {
            segment.set_dirty(true);
            if !Arc::ptr_eq(&segment, &writer.active)
                && !writer.sealed_dirty.iter().any(|other| Arc::ptr_eq(other, &segment))
            {
                writer.sealed_dirty.push(segment);
            }
        }
        writer.syncing_snapshots.clear();
        writer.unsynced_snapshots.extend(self.snapshots);
        writer.new_folder |= self.new_folder;
        if self.new_epochs {
            self.log.epochs.lock().set_changed();
        }
        // Those that were not looked at are marked as listed still.
        writer.listed = false;
        self.log.list_for_checkpoint(&mut writer);
    }

    /// Retention took the segment since it was listed.
    fn is_retired(&self, segment: &Arc<Segment>) -> bool {
        !self.log.has_segment(segment)
    }

    /// Retention took the producer snapshot at `path` since it was listed.
    fn forgets(&self, path: &Path) -> bool {
        let offset = path.file_name().and_then(|name| names::offset_of(name.to_str()?, names::SNAPSHOT));
        offset.is_some_and(|offset| !self.log.writer.lock().snapshots.contains(&offset))
    }
}

/// A missing file is fine where `gone` explains it.
fn unless_gone(synced: io::Result<()>, gone: impl FnOnce() -> bool) -> io::Result<()> {
    match synced {
        Err(error) if error.kind() == io::ErrorKind::NotFound && gone() => Ok(()),
        other => other,
    }
}

impl Log {
    /// Everything below `end` is synced in the segments now.
    fn synced_to(&self, end: Offset) {
        let mut writer = self.writer.lock();
        writer.recovery_point = end.min(writer.end);
        if writer.end == end {
            writer.unlogged = false;
        }
    }

    /// No crash does the cuts below `covered` again.
    fn cuts_noted(&self, covered: WalSequence) {
        let mut writer = self.writer.lock();
        writer.cut = writer.cut.filter(|cut| *cut >= covered);
    }

    fn tell_synced(&self, end: Offset) {
        if self.synced_mark().get() < end.min(self.bounds().end()) {
            self.committed.committed(end);
        }
    }
}

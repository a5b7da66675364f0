//! Checkpoints: segments are synced behind the write-ahead log, so that its files can be used again. Also the thread that
//! does this, removes what was deleted, and forgets idle producers; and the orderly stop.
use crate::{
    log::{
        Closed, checkpoint,
        log::Log,
        log_dir::{Checkpoints, LogDir, LogDirError},
        names,
        segment::Segment,
    },
    platform::OpenMode,
    types::{Offset, TopicPartition},
};
use std::{
    collections::BTreeSet,
    io,
    path::PathBuf,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

/// More files than this are synced by one call for the whole file system.
const SYNCED_ONE_BY_ONE_MAX: usize = 8;

/// What one log has to have synced.
struct Work {
    log: Arc<Log>,
    end: Offset,
    segments: Vec<Arc<Segment>>,
    /// Small files, and directories that got new names.
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl LogDir {
    /// Syncs all segments written since the last one, notes how far, and gives the write-ahead log's space back.
    pub fn checkpoint(&self) -> Result<(), LogDirError> {
        let _one = self.checkpointing.lock();
        if let Some(why) = self.shared.failure() {
            return Err(LogDirError::Failed(why.to_owned()));
        }
        self.checkpoint_alone().inspect_err(|error| self.shared.fail(error.to_string()))
    }

    fn checkpoint_alone(&self) -> Result<(), LogDirError> {
        self.shared.unsaved_bytes.store(0, Ordering::Relaxed);
        let covered = self.shared.wal.next_sequence();
        let dirty = std::mem::take(&mut *self.shared.dirty.lock());
        let written = !dirty.is_empty();
        let mut work = Vec::with_capacity(dirty.len());
        for log in dirty {
            let path = log.path();
            work.extend(self.prepare(log).map_err(LogDirError::io("write the indexes of", path))?);
        }
        self.sync(&work).map_err(LogDirError::io("sync the segments in", self.path()))?;
        for done in &work {
            done.log.synced_to(done.end);
        }
        let mut checkpoints = self.checkpoints.lock();
        for done in &work {
            // Not of a log that was deleted meanwhile: its name may have a successor already.
            if self.shared.logs.lock().get(&done.log.id.key()).is_some_and(|log| Arc::ptr_eq(log, &done.log)) {
                checkpoints.recovery.insert(done.log.id.topic_partition(), done.end);
            }
        }
        self.gather(&mut checkpoints);
        self.write_checkpoints(&mut checkpoints).map_err(LogDirError::io("write the checkpoints of", self.path()))?;
        drop(checkpoints);
        if written && self.pending.lock().is_none() {
            self.shared.wal.release(covered);
        }
        for done in &work {
            self.drop_old_snapshots(&done.log);
        }
        Ok(())
    }

    /// Log starts and high watermarks of all logs. Deleted logs are not among them.
    fn gather(&self, checkpoints: &mut Checkpoints) {
        for log in self.logs() {
            let at = log.id.topic_partition();
            let bounds = log.bounds();
            if bounds.start() > log.segments.read()[0].base() {
                checkpoints.starts.insert(at.clone(), bounds.start());
            } else {
                checkpoints.starts.remove(&at);
            }
            checkpoints.highs.insert(at, bounds.high());
        }
    }

    pub(in crate::log) fn write_checkpoints(&self, checkpoints: &mut Checkpoints) -> io::Result<()> {
        let gone = std::mem::take(&mut checkpoints.stale);
        if !gone.is_empty() {
            // A log made anew under its old name keeps its entry.
            let open: BTreeSet<TopicPartition> =
                self.shared.logs.lock().values().map(|log| log.id.topic_partition()).collect();
            gone.difference(&open).for_each(|at| {
                checkpoints.recovery.remove(at);
            });
        }
        let texts = [
            (names::RECOVERY_POINTS, checkpoint::write_offsets(&checkpoints.recovery)),
            (names::LOG_STARTS, checkpoint::write_offsets(&checkpoints.starts)),
            (names::HIGH_WATERMARKS, checkpoint::write_offsets(&checkpoints.highs)),
        ];
        for (slot, (name, text)) in checkpoints.written.iter_mut().zip(texts) {
            if *slot != text {
                self.shared.disk.write_atomic(&self.path().join(name), text.as_bytes())?;
                *slot = text;
            }
        }
        Ok(())
    }

    /// Writes what is only in memory, and says what is to be synced. Under the log's append lock, but nothing is synced
    /// there.
    fn prepare(&self, log: Arc<Log>) -> io::Result<Option<Work>> {
        let mut files = Vec::new();
        let mut directories = Vec::new();
        let (end, segments) = {
            let mut writer = log.writer.lock();
            writer.listed = false;
            if writer.closed == Some(Closed::Deleted) {
                return Ok(None);
            }
            writer.active.write_indexes(false)?;
            let before = writer.snapshots.len();
            log.write_snapshot(&mut writer)?;
            files.extend(
                writer.snapshots[before..].iter().map(|at| log.folder.file(names::of_offset(*at, names::SNAPSHOT))),
            );
            let mut segments = std::mem::take(&mut writer.sealed_dirty);
            if !segments.is_empty() || !files.is_empty() {
                directories.push(log.path());
            }
            segments.push(writer.active.clone());
            segments.retain(|segment| segment.is_dirty());
            // Unset before the sync: what is written meanwhile counts for the next one.
            segments.iter().for_each(|segment| segment.set_dirty(false));
            if std::mem::take(&mut writer.new_folder) {
                files.push(log.folder.file(names::PARTITION_METADATA));
                directories.extend([log.path(), self.path().to_owned()]);
            }
            (writer.end, segments)
        };
        let (changed, text) = {
            let mut epochs = log.epochs.lock();
            (epochs.take_changed(), checkpoint::write_epochs(epochs.entries()))
        };
        if changed {
            // Renamed but not synced here: an empty file after a power loss is noticed and made again (LOG-18).
            let path = log.folder.file(names::EPOCH_CHECKPOINT);
            let beside = log.folder.file("leader-epoch-checkpoint.tmp");
            let file = self.shared.disk.open(&beside, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(text.as_bytes(), 0)?;
            self.shared.disk.rename(&beside, &path)?;
            files.push(path);
            directories.push(log.path());
        }
        Ok(Some(Work { log, end, segments, files, directories }))
    }

    fn sync(&self, work: &[Work]) -> io::Result<()> {
        let count: usize = work.iter().map(|one| one.segments.len() + one.files.len() + one.directories.len()).sum();
        if self.shared.files.take_closed_unsynced() || count > SYNCED_ONE_BY_ONE_MAX {
            return self.shared.disk.sync_filesystem(self.path());
        }
        let disk = &self.shared.disk;
        for one in work {
            for segment in &one.segments {
                one.unless_gone(segment.file().and_then(|file| file.sync_data()))?;
            }
            for path in &one.files {
                one.unless_gone(disk.open(path, OpenMode::Write).and_then(|file| file.sync_data()))?;
            }
            for path in &one.directories {
                one.unless_gone(disk.sync_dir(path))?;
            }
        }
        Ok(())
    }

    /// The two newest snapshots stay, and those that segments begin with.
    fn drop_old_snapshots(&self, log: &Arc<Log>) {
        let bases: Vec<Offset> = log.segments.read().iter().map(|segment| segment.base()).collect();
        let old: Vec<Offset> = {
            let mut writer = log.writer.lock();
            let old = writer.snapshots.len().saturating_sub(2);
            let gone: Vec<Offset> =
                writer.snapshots[..old].iter().copied().filter(|at| bases.binary_search(at).is_err()).collect();
            writer.snapshots.retain(|at| gone.binary_search(at).is_err());
            gone
        };
        for at in old {
            let _ = self.shared.disk.remove_file(&log.folder.file(names::of_offset(at, names::SNAPSHOT)));
        }
    }

    pub(in crate::log) fn start_background(self: &Arc<Self>) -> Result<(), LogDirError> {
        if !self.settings.background {
            return Ok(());
        }
        let (shared, directory) = (self.shared.clone(), Arc::downgrade(self));
        let body = move || {
            let mut state = Background::default();
            while shared.alarm.wait(LogDir::TICK) {
                match Weak::upgrade(&directory) {
                    Some(directory) => directory.tick(&mut state),
                    None => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("log-checkpoint".into()).spawn(body);
        *self.thread.lock() = Some(thread.map_err(LogDirError::io("start the checkpoint thread of", self.path()))?);
        Ok(())
    }

    fn tick(&self, state: &mut Background) {
        let now = self.shared.clock.monotonic();
        self.look_at_space();
        self.remove_left(now);
        self.flush_due();
        let much = self.shared.unsaved_bytes.load(Ordering::Relaxed) >= self.settings.checkpoint_wal_bytes;
        let due = now >= state.checkpointed + Duration::from_millis(self.settings.checkpoint_interval_ms);
        if (much || due) && self.pending.lock().is_none() && self.shared.failure().is_none() {
            state.checkpointed = now;
            if let Err(error) = self.checkpoint() {
                tracing::error!(directory = %self.path().display(), "the checkpoint failed: {error}");
            }
        }
        if now >= state.expired + Duration::from_millis(self.settings.producer_expiry_interval_ms) {
            state.expired = now;
            self.logs().iter().for_each(|log| {
                log.expire_producers();
            });
        }
    }

    /// `flush.ms` of logs without the write-ahead log, exact to about a second.
    fn flush_due(&self) {
        let dirty = self.shared.dirty.lock().clone();
        for log in dirty {
            if log.config().flush_ms.is_some() {
                let mut writer = log.writer.lock();
                if writer.unlogged && log.sync_segments(&mut writer).is_err() {
                    return;
                }
            }
        }
    }

    /// Removes deleted files and directories whose time has come.
    pub fn remove_left(&self, now: Duration) {
        let due: Vec<_> = self.shared.leaving.lock().extract_if(.., |one| one.due <= now).collect();
        for one in due {
            let disk = &self.shared.disk;
            let removed = if one.is_dir { disk.remove_dir_all(&one.path) } else { disk.remove_file(&one.path) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %one.path.display(), "a deleted log could not be removed: {error}");
                }
                _ => {}
            }
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
        let recovered = self.pending.lock().is_none();
        let logs = self.logs();
        for log in &logs {
            let mut writer = log.writer.lock();
            if writer.closed.replace(Closed::Stopping).is_none() && writer.listed {
                writer.active.write_indexes(true).map_err(LogDirError::io("write the indexes of", log.path()))?;
            }
        }
        let checkpointed = self.checkpoint();
        let closed = self.shared.wal.close();
        logs.iter().for_each(|log| log.close_marks(Closed::Stopping));
        self.shared.logs.lock().clear();
        checkpointed?;
        closed?;
        if recovered {
            let marker = format!("{{\"version\":0,\"brokerEpoch\":{}}}", self.broker_epoch());
            let path = self.path().join(names::CLEAN_SHUTDOWN);
            self.shared.disk.write_atomic(&path, marker.as_bytes()).map_err(LogDirError::io("write", &path))?;
        }
        Ok(())
    }
}

impl Work {
    /// What retention or a deletion took since it was listed needs no sync (LOG-24).
    fn unless_gone(&self, synced: io::Result<()>) -> io::Result<()> {
        match synced {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_gone() => Ok(()),
            other => other,
        }
    }

    fn is_gone(&self) -> bool {
        if self.log.writer.lock().closed == Some(Closed::Deleted) {
            return true;
        }
        let kept = self.log.segments.read();
        self.segments.iter().any(|segment| !kept.iter().any(|other| Arc::ptr_eq(other, segment)))
    }
}

#[derive(Default)]
struct Background {
    checkpointed: Duration,
    expired: Duration,
}

impl Log {
    /// Everything below `end` is synced in the segments now.
    fn synced_to(&self, end: Offset) {
        let rose = {
            let mut writer = self.writer.lock();
            writer.recovery_point = end.min(writer.end);
            if writer.end == end {
                writer.unlogged = false;
            }
            self.synced_mark().get() < writer.recovery_point
        };
        if rose {
            self.committed.committed(end);
        }
    }
}

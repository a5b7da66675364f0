//! The copy takes the log's place: under the log's locks, so that nothing is appended while two directories have its name.
//!
//! The order is that of the crashes in between. The copy is complete and synced before it gets the name; the marker in it says that
//! it is the one to be kept should both be found; the old directory loses the name before anything is appended to the new one.
use super::copy::{MoveError, Moving};
use crate::{
    log::{
        Closed, checkpoint,
        log::{Log, Writer},
        log_dir::LogDir,
        names,
        trimming::Waiter,
        wal::{Committed, EntryKind, WalError},
    },
    platform::OpenMode,
    types::Offset,
};
use std::{path::Path, sync::Arc};

impl Moving {
    /// Appends wait, the rest is copied, and the log is in its new directory when this returns. On an error before the copy has
    /// the name nothing has changed; with [`MoveError::Behind`] there is more to copy before, which is for `catch_up`.
    pub fn finish(&mut self) -> Result<(), MoveError> {
        self.take_over().inspect_err(|error| self.judge(error))
    }

    fn take_over(&mut self) -> Result<(), MoveError> {
        if self.is_called_off() {
            return Err(MoveError::CalledOff);
        }
        let (log, from, to) = (self.log.clone(), self.from.clone(), self.to.clone());
        // No checkpoint of either directory between here and there. By path, so that two moves do not wait for each other.
        let (first, second) = if from.path() < to.path() { (&from, &to) } else { (&to, &from) };
        let _one = first.checkpointing.lock();
        let _other = second.checkpointing.lock();
        // Compaction may have held it until now.
        let _reshaping = log.reshaping.lock();
        self.may_go_on(&log.writer.lock())?;
        if self.is_behind() {
            return Err(MoveError::Behind);
        }
        // From here on nothing is replaced: under the append lock there is the tail alone.
        self.round(&mut |_| true)?;
        let mut writer = log.writer.lock();
        self.may_go_on(&writer)?;
        self.complete(&mut writer)?;
        self.note_in_new(&writer)?;
        let taken = self.take_place(&mut writer);
        if taken.is_err() {
            // Nobody knows which directory a start would take: nothing more is appended to either.
            writer.closed = Some(Closed::StorageFailed);
            log.close_marks(Closed::StorageFailed);
        }
        let end = writer.end;
        drop(writer);
        taken?;
        tracing::info!(log = %log.id(), from = %from.path().display(), to = %to.path().display(), "the log has moved");
        log.committed.committed(end);
        Ok(())
    }

    fn may_go_on(&self, writer: &Writer) -> Result<(), MoveError> {
        let is_over = writer.closed.is_some() || self.from.failure().is_some() || self.to.failure().is_some();
        if is_over { Err(MoveError::Gone) } else { Ok(()) }
    }

    /// The copy has all that the log has, and it is synced.
    fn complete(&mut self, writer: &mut Writer) -> Result<(), MoveError> {
        let log = self.log.clone();
        let written = writer.active.write_indexes(false).and_then(|()| log.write_snapshot(writer));
        written.map_err(MoveError::io("write the indexes of", &log.path()))?;
        // A marker that a crash left says something about another move. So does that of the move that brought the log here: it is
        // gone, but a power loss could have it back, beside the one of this move.
        let stale = log.folder.file(names::MOVED);
        if self.disk().exists(&stale) {
            self.disk().remove_file(&stale).map_err(MoveError::io("remove", &stale))?;
        }
        self.disk().sync_dir(&log.path()).map_err(MoveError::io("sync", &log.path()))?;
        self.round(&mut |_| true)?;
        self.copy_indexes(&writer.active)?;
        // Theirs are all that is left of segments that are lost.
        for lost in log.all_segments().iter().filter(|segment| segment.is_stand_in()) {
            self.copy_indexes(lost)?;
        }
        for at in &writer.snapshots {
            self.copy_small(&names::of_offset(*at, names::SNAPSHOT))?;
        }
        let epochs = checkpoint::write_epochs(log.epochs.lock().entries());
        self.write_small(names::EPOCH_CHECKPOINT, epochs.as_bytes())?;
        let (start, from) = (log.bounds().start(), self.from.path().display());
        self.write_small(names::MOVED, format!("{start} {}\n{from}\n", writer.end).as_bytes())?;
        let metadata = self.future().join(names::PARTITION_METADATA);
        let synced = self.disk().open(&metadata, OpenMode::Write).and_then(|file| file.sync_data());
        synced.and_then(|()| self.disk().sync_dir(self.future())).map_err(MoveError::io("sync", self.future()))
    }

    /// The checkpoints of the new directory speak of the log before it is there.
    fn note_in_new(&self, writer: &Writer) -> Result<(), MoveError> {
        let mut checkpoints = self.to.checkpoints.lock();
        checkpoints.recovery.set(&self.log.id().topic_partition(), Some(writer.end));
        checkpoints.recovery.mark(&self.log.id().topic_partition(), !writer.snapshots.is_empty());
        checkpoints.cuts.set(&self.log.id().topic_partition(), None);
        checkpoints.stale.remove(&self.log.id().topic_partition());
        checkpoints.take(&self.log);
        let written = self.to.write_checkpoints(&mut checkpoints);
        written.map_err(MoveError::io("write the checkpoints of", self.to.path()))
    }

    fn take_place(&self, writer: &mut Writer) -> Result<(), MoveError> {
        let (log, name) = (&self.log, names::of_partition(&self.log.id().topic, self.log.id().partition));
        let place = self.to.path().join(&name);
        {
            let _naming = self.to.naming.lock();
            self.disk().rename(self.future(), &place).map_err(MoveError::io("rename", self.future()))?;
            self.to.topic_ids.lock().insert(name, log.id().topic_id);
        }
        self.disk().sync_dir(self.to.path()).map_err(MoveError::io("sync", self.to.path()))?;
        // Files are opened by their new names before the old ones go.
        log.folder.moved_to(place.clone(), self.to.shared.files.clone());
        self.from.leave_directory(log.id(), 0)?;
        self.disk().sync_dir(self.from.path()).map_err(MoveError::io("sync", self.from.path()))?;
        self.leave_write_ahead_log()?;
        let marker = place.join(names::MOVED);
        self.disk().remove_file(&marker).map_err(MoveError::io("remove", &marker))?;
        log.settle_in(&self.from, &self.to, writer);
        Ok(())
    }

    /// Nothing of the log is pending in the old directory's write-ahead log, or ever replayed from it.
    fn leave_write_ahead_log(&self) -> Result<(), MoveError> {
        let waiter = Arc::new(Waiter::default());
        let reach: Arc<dyn Committed> = waiter.clone();
        let entry = self.log.entry(EntryKind::Drop, Default::default());
        match self.from.shared.wal.append(&entry, &[], Some((&reach, Default::default()))) {
            Err(WalError::DiskFull { .. }) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(waiter.wait()?),
        }
    }
}

impl Log {
    /// From now on the log is one of `to`; all of it is synced there.
    fn settle_in(self: &Arc<Self>, from: &LogDir, to: &LogDir, writer: &mut Writer) {
        let key = self.id().key();
        from.shared.logs.lock().remove(&key);
        from.checkpoints.lock().behind.remove(&key);
        to.shared.logs.lock().insert(key, self.clone());
        for segment in self.all_segments() {
            segment.moved();
        }
        self.set_shared(&to.shared);
        writer.recovery_point = writer.end;
        writer.sealed_dirty.clear();
        writer.unsynced_snapshots.clear();
        (writer.unlogged, writer.listed, writer.new_folder) = (false, false, false);
        (writer.cut, writer.unflushed_records) = (None, 0);
        from.shared.dirty.lock().retain(|dirty| !Arc::ptr_eq(dirty, self));
    }
}

/// What the marker says in a directory that got its name by a move: where the log began and ended then. An earlier version said neither.
pub fn marked(directory: &LogDir, folder: &Path) -> Option<Option<(Offset, Offset)>> {
    let marker = folder.join(names::MOVED);
    if !directory.shared.disk.exists(&marker) {
        return None;
    }
    let text = directory.shared.disk.read(&marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let bounds = text.as_deref().and_then(|text| text.lines().next()?.split_once(' '));
    let offset = |text: &str| text.parse().ok().and_then(Offset::from_wire);
    Some(bounds.and_then(|(start, end)| Some((offset(start)?, offset(end)?))))
}

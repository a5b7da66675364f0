//! Retention: the oldest segments go. Of many logs in one round, so that one commit of the write-ahead log and one of the
//! filesystem's journal serve all of them.
use crate::{
    log::{
        LogConfig,
        log::{Log, LogError, Writer},
        log_dir_error::LogDirError,
        names,
        segment::Segment,
        trimming::Waiter,
        wal::{Committed, EntryKind, WalError},
    },
    platform::OpenMode,
    types::Offset,
};
use parking_lot::MutexGuard;
use std::{
    io,
    sync::{Arc, Weak},
};

/// What of one log goes. Nobody else reshapes the log meanwhile.
struct Leaving<'a> {
    log: &'a Log,
    _reshaping: MutexGuard<'a, ()>,
    config: Arc<LogConfig>,
    segments: Vec<Arc<Segment>>,
    /// The log is left with the segments from here on.
    first: Offset,
    start: Offset,
    /// The log's start is on its way to the disk; `None`: it is there, or will be found by the names.
    noted: Option<Arc<Waiter>>,
    snapshots: Vec<Offset>,
}

/// `None`: nothing of the log goes.
type Step<'a> = Result<Option<Leaving<'a>>, LogError>;

impl Log {
    /// Deletes the oldest segments that retention no longer wants: too old, too many bytes, or below the log's start
    /// (RET-1 to RET-4). Answers how many went.
    pub fn delete_old_segments(&self) -> Result<usize, LogError> {
        delete_old_segments(&[self], &mut || ()).pop().unwrap_or(Ok(0))
    }

    /// What is to go is known, and the log's start behind it handed to the write-ahead log.
    fn note_start(&self) -> Step<'_> {
        let config = self.config();
        let reshaping = self.reshaping.lock();
        // Before appends have to wait: times that nobody has asked for since the start are read from the disk, whole index files of them.
        let looked = self.deletable(&config);
        let mut writer = self.writer.lock();
        if writer.closed.is_some() {
            return Ok(None);
        }
        if looked.map_err(LogError::io("read", self.path()))?.is_empty() {
            return Ok(None);
        }
        let segments = self.deletable(&config).map_err(LogError::io("read", self.path()))?;
        if segments.is_empty() {
            return Ok(None);
        }
        if segments.last().is_some_and(|last| Arc::ptr_eq(last, &writer.active)) {
            self.roll(&mut writer).map_err(LogError::io("roll", self.path()))?;
        }
        let first = {
            let all = self.segments.read();
            all[segments.len()].base()
        };
        let start = first.max(self.bounds().start());
        self.secure_snapshot(&mut writer, first).map_err(LogError::io("sync", self.path()))?;
        self.list_for_checkpoint(&mut writer);
        let waiter = Arc::new(Waiter::default());
        let reach: Arc<dyn Committed> = waiter.clone();
        let noted = match self.shared().wal.append(&self.entry(EntryKind::LogStart, start), &[], Some((&reach, start)))
        {
            // A start would write all of it again, from the write-ahead log, and want room for that: first the next checkpoint, which comes
            // soon on a full disk.
            Err(WalError::DiskFull { .. }) if !self.is_noted() => return Ok(None),
            // What is deleted here may be what makes room: then the checkpoint file takes the new start, if it finds any, and the new
            // segment's name is made durable.
            Err(WalError::DiskFull { .. }) => {
                self.note_first(first)?;
                self.shared().disk.sync_dir(&self.path()).map_err(LogError::io("sync", self.path()))?;
                None
            }
            other => {
                other?;
                // Appends go on, and a checkpoint that gives the entry's place back notes the start that it says.
                self.show_start(start);
                Some(waiter)
            }
        };
        let snapshots = Vec::new();
        Ok(Some(Leaving { log: self, _reshaping: reshaping, config, segments, first, start, noted, snapshots }))
    }

    /// Without a recovery point all of it is in the write-ahead log.
    fn is_noted(&self) -> bool {
        let directory = self.shared().directory.get().and_then(Weak::upgrade);
        directory.is_none_or(|directory| directory.is_noted(&self.id.topic_partition()))
    }

    /// The first segment will begin here: what is missing before is none that was lost. The log's start itself may be behind, and is noted as
    /// ever.
    fn note_first(&self, first: Offset) -> Result<(), LogError> {
        let Some(directory) = self.shared().directory.get().and_then(Weak::upgrade) else { return Ok(()) };
        match directory.note_first(&self.id.topic_partition(), first) {
            Err(LogDirError::Full { .. }) => {
                tracing::warn!(log = %self.id, "the disk has no room for the note of what is deleted to make room: a kill now has it told as missing");
                Ok(())
            }
            noted => noted.map_err(|error| LogError::StorageFailed(error.to_string())),
        }
    }

    /// The producers at the new beginning are durable before what they follow from goes (RET-5).
    fn secure_snapshot(&self, writer: &mut Writer, at: Offset) -> io::Result<()> {
        // One that a checkpoint is about to sync is not there before it has.
        if !writer.unsynced_snapshots.contains(&at) && !writer.syncing_snapshots.contains(&at) {
            return Ok(());
        }
        let path = self.folder.file(names::of_offset(at, names::SNAPSHOT));
        self.shared().disk.open(&path, OpenMode::Write)?.sync_data()?;
        self.shared().disk.sync_dir(&self.path())?;
        writer.unsynced_snapshots.retain(|unsynced| *unsynced != at);
        Ok(())
    }

    fn leave(&self, name: String, delay_ms: u64) {
        let to = self.folder.file(format!("{name}{}", names::DELETED));
        // A file that was never made, or is gone already, is no failure (LOG-24).
        if self.shared().disk.rename(&self.folder.file(name), &to).is_ok() {
            self.shared().remove_later(to, false, delay_ms);
        }
    }

    /// The prefix of segments that may go. The active one only when all of it is below the high watermark.
    fn deletable(&self, config: &LogConfig) -> io::Result<Vec<Arc<Segment>>> {
        let bounds = self.bounds();
        let segments = self.segments.read().clone();
        let now_ms = self.shared().clock.wall_ms();
        let mut bytes: u64 = segments.iter().map(|segment| segment.bytes()).sum();
        let mut leaving = Vec::new();
        for (at, segment) in segments.iter().enumerate() {
            let next = segments.get(at + 1).map_or(bounds.end(), |next| next.base());
            let active = at + 1 == segments.len();
            if next > bounds.high() || (active && segment.bytes() == 0) {
                break;
            }
            let mut wanted = active || next > bounds.start();
            if config.delete && wanted {
                let too_many = config.retention_bytes.is_some_and(|most| bytes - segment.bytes() >= most);
                wanted = !too_many && !self.is_too_old(&segments[at..], config, now_ms)?;
            }
            if wanted {
                break;
            }
            bytes -= segment.bytes();
            leaving.push(segment.clone());
        }
        Ok(leaving)
    }

    /// Is the first of these segments too old? One whose file is lost, or was made anew without records by a repair, is so when the next
    /// one is: it was written before.
    fn is_too_old(&self, segments: &[Arc<Segment>], config: &LogConfig, now_ms: i64) -> io::Result<bool> {
        let (Some(retention_ms), Some((segment, later))) = (config.retention_ms, segments.split_first()) else {
            return Ok(false);
        };
        let largest = match segment.largest_timestamp() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.is_too_old(later, config, now_ms),
            largest => largest?,
        };
        let largest = largest.map(|largest| largest.timestamp_ms).filter(|at| *at >= 0);
        if largest.is_none() && segment.bytes() > 0 && !later.is_empty() && !segment.has_records()? {
            return self.is_too_old(later, config, now_ms);
        }
        let newest_ms = match largest {
            Some(largest) => Some(largest),
            // Records without times are as old as their file. One that compaction left nothing of must not hold back what
            // comes behind it.
            None => match segment.file()?.modified_ms()? {
                None if segment.bytes() == 0 => return Ok(true),
                modified => modified,
            },
        };
        if let Some(ahead_ms) = largest.and_then(|largest| largest.checked_sub(now_ms)).filter(|ahead| *ahead > 0) {
            tracing::warn!(log = %self.id, segment = %segment.base(), ahead_ms, "a record's time lies in the future: retention.ms waits for it");
        }
        Ok(newest_ms.is_some_and(|newest_ms| now_ms.saturating_sub(newest_ms) > retention_ms))
    }
}

impl<'a> Leaving<'a> {
    /// Out of the log, once its start is durable: a first segment that is missing without it is damage.
    fn take_out(mut self, rest: &mut dyn FnMut()) -> Step<'a> {
        if let Some(noted) = self.noted.take() {
            noted.wait()?;
        }
        let log = self.log;
        {
            let mut writer = log.writer.lock();
            if writer.closed.is_some() {
                return Ok(None);
            }
            log.segments.write().drain(..self.segments.len());
            log.show_start(self.start);
            writer.sealed_dirty.retain(|segment| segment.base() >= self.first);
            self.snapshots = writer.snapshots.extract_if(.., |at| *at < self.first).collect();
            writer.unsynced_snapshots.retain(|at| *at >= self.first);
        }
        // Appends go on: of many segments it takes a while.
        for segment in &self.segments {
            for suffix in names::OF_SEGMENT {
                log.leave(names::of_offset(segment.base(), suffix), self.config.file_delete_delay_ms);
            }
            rest();
        }
        // The next checkpoint syncs the renames before it forgets the log start (LOG-18).
        log.writer.lock().new_folder = true;
        Ok(Some(self))
    }

    /// A crash may bring back any of the segments, with holes between them: then the snapshots are needed.
    fn sync_names(self, _: &mut dyn FnMut()) -> Step<'a> {
        if !self.snapshots.is_empty() {
            let path = self.log.path();
            self.log.shared().disk.sync_dir(&path).map_err(LogError::io("sync", path))?;
        }
        Ok(Some(self))
    }

    fn leave_snapshots(self, _: &mut dyn FnMut()) -> Step<'a> {
        for snapshot in &self.snapshots {
            self.log.leave(names::of_offset(*snapshot, names::SNAPSHOT), self.config.file_delete_delay_ms);
        }
        let (log, log_start, segments) = (&self.log.id, self.start, self.segments.len());
        tracing::info!(%log, segments, %log_start, "old segments are deleted");
        Ok(Some(self))
    }
}

/// As [`Log::delete_old_segments`], of several logs; answers in their order. Each step is done for all of them before the next:
/// the first that waits for a commit, or for the filesystem's journal, waits for all.
/// `rest` is called after each segment.
pub fn delete_old_segments(logs: &[&Log], rest: &mut dyn FnMut()) -> Vec<Result<usize, LogError>> {
    let mut going: Vec<Step<'_>> = logs.iter().map(|log| log.note_start()).collect();
    for step in [Leaving::take_out, Leaving::sync_names, Leaving::leave_snapshots] {
        going = going.into_iter().map(|one| one?.map_or(Ok(None), |leaving| step(leaving, rest))).collect();
    }
    going.into_iter().map(|one| Ok(one?.map_or(0, |leaving| leaving.segments.len()))).collect()
}

//! Making a log shorter: at its end (a follower that diverged), at its start (DeleteRecords).
use crate::{
    log::{
        AppendError, Closed,
        known::Known,
        log::{Log, LogError, Writer},
        names,
        opening::Opening,
        segment::Segment,
        tail::Tail,
        transactions::Unstable,
        wal::{Committed, EntryHead, EntryKind, HeldCommits, WalError},
    },
    types::{LogBounds, Offset},
};
use parking_lot::{Condvar, Mutex};
use std::{io, sync::Arc};

impl Log {
    /// Cuts everything from `offset` on; waits for a commit, so call it where waiting is allowed. Readers that hold bytes of it may read less than they were promised (FET-16).
    pub fn truncate_to(&self, offset: Offset) -> Result<(), LogError> {
        let _reshaping = self.reshaping.lock();
        let mut writer = self.writer.lock();
        if writer.closed.is_some() {
            return Err(LogError::Deleted);
        }
        if offset >= writer.end {
            self.epochs.lock().truncate_end(offset);
            return Ok(());
        }
        let offset = self.batch_boundary(offset).map_err(LogError::io("read", self.path()))?;
        // Listed before the write-ahead log has the entry: a checkpoint that covers the entry covers the cut.
        self.list_for_checkpoint(&mut writer);
        let waiter = Arc::new(Waiter::default());
        let reach: Arc<dyn Committed> = waiter.clone();
        let sequence =
            self.shared().wal.append(&self.entry(EntryKind::Truncate, offset), &[], Some((&reach, offset)))?;
        // Durable before the first byte is cut: without the entry, a file that ends before what was synced is damage.
        waiter.wait()?;
        self.truncate_local(&mut writer, offset)?;
        writer.cut = Some(sequence);
        Ok(())
    }

    /// Where the batch begins that holds `offset`: what is said to be cut is what will be cut.
    fn batch_boundary(&self, offset: Offset) -> io::Result<Offset> {
        let segment = {
            let segments = self.segments.read();
            let before = &segments[..segments.partition_point(|segment| segment.base() <= offset).max(1)];
            let lost = before.iter().rev().take_while(|segment| segment.is_stand_in());
            if let Some(lost) = lost.last() {
                // Nothing is left there that could be cut within.
                return Ok(lost.base().min(offset));
            }
            before[before.len() - 1].clone()
        };
        let found = segment.locate(offset, segment.bytes())?;
        Ok(found.and_then(|found| found.header.base()).map_or(offset, |base| base.min(offset)))
    }

    pub(in crate::log) fn entry(&self, kind: EntryKind, offset: Offset) -> EntryHead {
        self.id.entry(kind, offset, self.epochs.lock().latest().unwrap_or_default())
    }

    /// Cuts the files and puts the log together again from what is left.
    pub(in crate::log) fn truncate_local(&self, writer: &mut Writer, offset: Offset) -> Result<(), LogError> {
        self.end_gaps(offset);
        if let Some(cleaned) = self.cleaned().filter(|cleaned| *cleaned > offset) {
            // What comes in the place of these records is not clean (CMP-11), also where a start finds them cut already.
            self.set_cleaned(cleaned.min(offset));
        }
        if offset >= writer.end {
            return Ok(());
        }
        let bounds = self.bounds();
        if offset <= self.segments.read()[0].base() {
            return self.restart_local(writer, offset);
        }
        let end = self.cut_files(writer, offset).map_err(LogError::io("cut", self.path()))?;
        let known = Known {
            clean: false,
            recovery_point: Some(writer.recovery_point.min(end)),
            log_start: Some(bounds.start().min(offset)),
            high: Some(bounds.high().min(offset)),
            cleaned: self.cleaned(),
            cut: true,
            ..Known::default()
        };
        self.load_again(writer, known)
    }

    /// Answers where the log ends now: at `offset`, or before the batch that holds it.
    fn cut_files(&self, writer: &mut Writer, offset: Offset) -> io::Result<Offset> {
        writer.active.write_indexes(false)?;
        let segments = self.segments.read().clone();
        // Compaction, here or at the leader, may have removed the last records before the cut: the name of an empty segment
        // tells where the log goes on. It is there before the first byte goes, or the log would seem to have lost its end.
        let is_named = self.cleaned().is_some() || self.config().compact;
        if is_named {
            Segment::create(self.folder.clone(), offset).file()?;
            self.shared().disk.sync_dir(&self.path())?;
        }
        let mut end = offset;
        for segment in segments.iter().rev() {
            if is_named && segment.base() == offset {
                segment.cut(0)?;
                self.remove_files(segment, &names::INDEXES)?;
                continue;
            }
            if segment.base() >= offset {
                self.remove_now(segment)?;
                continue;
            }
            if let Some(at) = segment.locate(offset, segment.bytes())? {
                segment.cut(at.position)?;
                end = offset.min(at.header.base().unwrap_or(offset));
            }
            break;
        }
        if is_named && end < offset {
            // Never so where the offset is a batch's.
            Segment::create(self.folder.clone(), end).file()?;
        }
        Ok(end)
    }

    fn remove_now(&self, segment: &Arc<Segment>) -> io::Result<()> {
        segment.close_file();
        self.remove_files(segment, &names::OF_SEGMENT)
    }

    fn remove_files(&self, segment: &Segment, suffixes: &[&str]) -> io::Result<()> {
        for suffix in suffixes {
            match self.shared().disk.remove_file(&segment.path(suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn load_again(&self, writer: &mut Writer, known: Known) -> Result<(), LogError> {
        let config = self.config();
        let listing = self.shared().disk.list(&self.path()).map_err(LogError::io("list", self.path()))?;
        let opening = Opening::new(&self.folder, &config, known, self.shared().clock.wall_ms());
        let loaded = opening.load(&listing)?;
        let (listed, cut) = (writer.listed, writer.cut);
        *writer = loaded.writer;
        (writer.listed, writer.cut, writer.new_folder, writer.unlogged) = (listed, cut, true, true);
        writer.unsynced_snapshots = writer.snapshots.clone();
        *self.segments.write() = loaded.segments;
        *self.epochs.lock() = loaded.epochs;
        self.epochs.lock().set_changed();
        self.install(writer, loaded.bounds, loaded.unstable);
        self.list_for_checkpoint(writer);
        Ok(())
    }

    fn install(&self, writer: &Writer, bounds: LogBounds, unstable: Unstable) {
        {
            let mut shown = self.shown.lock();
            shown.bounds = bounds;
            shown.unstable = unstable;
            shown.tail = Tail::new(writer.active.clone());
        }
        self.reset_marks(bounds);
    }

    /// All records go; the log begins anew at `start`.
    pub(in crate::log) fn restart_local(&self, writer: &mut Writer, start: Offset) -> Result<(), LogError> {
        let config = self.config();
        let old = std::mem::take(&mut *self.segments.write());
        for (at, segment) in old.iter().enumerate() {
            if at > 0 && at + 1 == old.len() {
                // The last one alone is what a crash may leave; without it the others would seem to have lost their end.
                self.shared().disk.sync_dir(&self.path()).map_err(LogError::io("sync", self.path()))?;
            }
            self.remove_now(segment).map_err(LogError::io("clear", self.path()))?;
        }
        let is_known = writer.snapshots.contains(&start);
        for snapshot in writer.snapshots.drain(..).filter(|at| *at != start) {
            let path = self.folder.file(names::of_offset(snapshot, names::SNAPSHOT));
            let _ = self.shared().disk.remove_file(&path);
        }
        let mut opening = Opening::new(&self.folder, &config, Known::default(), self.shared().clock.wall_ms());
        if is_known {
            // Cut to where a segment began: its producers are those of then.
            opening.snapshots = vec![start];
            opening.load_newest_snapshot().map_err(LogError::io("read the producers of", self.path()))?;
        }
        let loaded = opening.fresh(start);
        let (listed, cut) = (writer.listed, writer.cut);
        *writer = loaded.writer;
        (writer.listed, writer.cut) = (listed, cut);
        writer.unsynced_snapshots = writer.snapshots.clone();
        writer.active.file().map_err(LogError::io("create", self.path()))?;
        writer.active.set_dirty(true);
        *self.segments.write() = loaded.segments;
        self.epochs.lock().truncate_end(Offset::ZERO);
        self.install(writer, loaded.bounds, loaded.unstable);
        self.list_for_checkpoint(writer);
        Ok(())
    }

    /// DeleteRecords: records below `to` can no longer be read from now on, and are gone for good once the answer was
    /// waited for (OFF-11). `None` stands for the high watermark.
    pub fn advance_start(&self, to: Option<Offset>) -> Result<StartMove, AppendError> {
        let mut writer = self.writer.lock();
        self.check_usable(&writer)?;
        let bounds = self.bounds();
        let to = to.unwrap_or(bounds.high());
        if to > bounds.high() {
            return Err(AppendError::PastHighWatermark { high: bounds.high() });
        }
        let start = to.max(bounds.start());
        let mut moved = StartMove { start, waiter: None };
        // Logged also where the start stands already: whoever moved it may still be waiting for the disk.
        if start > Offset::ZERO {
            let waiter = Arc::new(Waiter::default());
            let reach: Arc<dyn Committed> = waiter.clone();
            self.list_for_checkpoint(&mut writer);
            let wal = self.shared().wal.append(&self.entry(EntryKind::LogStart, start), &[], Some((&reach, start)));
            wal.map_err(|error| AppendError::StorageFailed(error.to_string()))?;
            self.show_start(start);
            moved.waiter = Some(waiter);
        }
        Ok(moved)
    }

    pub(in crate::log) fn show_start(&self, to: Offset) {
        self.shown.lock().bounds.advance_start(to);
        self.epochs.lock().truncate_start(to);
    }

    pub(in crate::log) fn close(&self, why: Closed) {
        self.writer.lock().closed.get_or_insert(why);
        self.close_marks(why);
    }
}

/// A log start that was moved, and is to become durable.
#[must_use = "the move is durable only once it was waited for"]
pub struct StartMove {
    start: Offset,
    waiter: Option<Arc<Waiter>>,
}

impl StartMove {
    /// Waits for the commit that makes the move durable; answers the log's start as it was set.
    pub fn wait(self) -> Result<Offset, AppendError> {
        if let Some(waiter) = self.waiter {
            waiter.wait().map_err(|error| AppendError::StorageFailed(error.to_string()))?;
        }
        Ok(self.start)
    }
}

/// Waits for one commit.
#[derive(Default)]
pub(in crate::log) struct Waiter {
    done: Mutex<Option<Result<(), WalError>>>,
    changed: Condvar,
}

impl Waiter {
    pub fn wait(&self) -> Result<(), WalError> {
        HeldCommits::let_go();
        let mut done = self.done.lock();
        loop {
            if let Some(result) = done.take() {
                return result;
            }
            self.changed.wait(&mut done);
        }
    }

    fn set(&self, result: Result<(), WalError>) {
        *self.done.lock() = Some(result);
        self.changed.notify_all();
    }
}

impl Committed for Waiter {
    fn committed(&self, _up_to: Offset) {
        self.set(Ok(()));
    }

    fn failed(&self, error: &WalError) {
        self.set(Err(error.clone()));
    }
}

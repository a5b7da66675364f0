//! The copy of a log that is on its way to another directory: whole files, and what is appended to the last of them meanwhile.
use super::Progress;
use crate::{
    log::{
        append::is_disk_full,
        log::{Log, LogError},
        log_dir::LogDir,
        log_dir_error::LogDirError,
        names,
        segment::Segment,
        wal::WalError,
    },
    platform::{Disk, OpenMode},
    types::Offset,
};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes copied at a time.
const CHUNK_BYTES: u64 = 1 << 20;
/// With no more than this to copy, appends are made to wait for the rest.
const REST_BYTES_MAX: u64 = 1 << 20;
/// A log that is written faster than it is copied takes its place at some time all the same.
const ROUNDS_MAX: usize = 64;
/// How often it goes back to copying for what compaction replaces.
const BEHIND_MAX: u32 = 8;

/// Why a log has not moved. It is served from where it was, unless its directory failed.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Directory(#[from] LogDirError),
    #[error("the move was not noted in the write-ahead log: {0}")]
    Wal(#[from] WalError),
    #[error("the disk of {} has no room for it", path.display())]
    Full { path: PathBuf },
    #[error("the log was deleted, or the broker stops")]
    Gone,
    #[error("the move was called off")]
    CalledOff,
    /// So much was replaced in the log since it was copied that everybody would wait for it: to be copied first.
    #[error("compaction replaced much of what was copied")]
    Behind,
    #[error("the log is in {} already", path.display())]
    Here { path: PathBuf },
}

impl MoveError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MoveError {
        let path = path.to_owned();
        move |source| MoveError::Io { action, path, source }
    }

    /// A device that fails ends the use of its directory as anywhere else (LOG-9, OPS-2).
    pub(super) fn judge<'a>(&self, directories: impl IntoIterator<Item = &'a LogDir>) {
        if let MoveError::Io { path, source, .. } = self
            && let Some(of) = directories.into_iter().find(|directory| path.starts_with(directory.path()))
        {
            of.shared.judge(source);
        }
    }
}

/// What the copy has of one segment.
#[derive(Clone, Copy)]
struct Copied {
    /// Another segment of the same base has another id: after compaction, after a cut.
    id: u64,
    bytes: u64,
    /// It is not written any more, and its indexes are there too.
    sealed: bool,
}

/// One log on its way.
pub struct Moving {
    pub(super) log: Arc<Log>,
    pub(super) from: Arc<LogDir>,
    pub(in crate::log) to: Arc<LogDir>,
    copied: BTreeMap<Offset, Copied>,
    pub(in crate::log) progress: Arc<Progress>,
    /// How often it was behind at its end.
    behind: u32,
}

impl Moving {
    /// Empties the copy of what an earlier life has left in it.
    pub fn begin(
        log: Arc<Log>,
        from: Arc<LogDir>,
        to: Arc<LogDir>,
        progress: Arc<Progress>,
    ) -> Result<Moving, MoveError> {
        if Arc::ptr_eq(&from, &to) {
            return Err(MoveError::Here { path: to.path().to_owned() });
        }
        if let Some(directory) = [&from, &to].into_iter().find_map(|directory| directory.failure()) {
            return Err(LogDirError::Failed(directory).into());
        }
        if log.writer.lock().closed.is_some() {
            return Err(MoveError::Gone);
        }
        if progress.is_called_off() {
            return Err(MoveError::CalledOff);
        }
        let moving = Moving { log, from, to, copied: BTreeMap::new(), progress, behind: 0 };
        moving.empty().inspect_err(|error| moving.judge(error))?;
        if !moving.to.has_room(moving.log.size_bytes()) {
            return Err(moving.full());
        }
        Ok(moving)
    }

    fn empty(&self) -> Result<(), MoveError> {
        let left = self.disk().list(self.future()).map_err(MoveError::io("list", self.future()))?;
        for file in left.iter().filter(|file| file.name != names::PARTITION_METADATA) {
            let path = self.future().join(&file.name);
            self.disk().remove_file(&path).map_err(MoveError::io("remove", &path))?;
        }
        if left.len() > 1 {
            self.to.look_at_space();
        }
        Ok(())
    }

    /// The copy's directory as long as it is one.
    pub(super) fn future(&self) -> &Path {
        self.progress.folder()
    }

    /// Copies until little is left. `spend` is told of every piece; the move is called off when it says so.
    pub fn catch_up(&mut self, spend: &mut dyn FnMut(u64) -> bool) -> Result<(), MoveError> {
        for _ in 0..ROUNDS_MAX {
            if self.round(spend).inspect_err(|error| self.judge(error))? <= REST_BYTES_MAX {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Copies what there is now and syncs it; answers how many bytes that were.
    pub(super) fn round(&mut self, spend: &mut dyn FnMut(u64) -> bool) -> Result<u64, MoveError> {
        let (tail, tail_bytes, end) = {
            let shown = self.log.shown.lock();
            (shown.tail.segment().clone(), shown.tail.bytes(), shown.bounds.end())
        };
        // A file that is lost here is lost there, too: the checkpoints tell where the log began.
        let is_copied = |segment: &Arc<Segment>| segment.base() <= tail.base() && !segment.is_stand_in();
        let segments: Vec<_> = self.log.all_segments().into_iter().filter(is_copied).collect();
        self.drop_replaced(&segments)?;
        let mut total = 0;
        for segment in &segments {
            let sealed = !Arc::ptr_eq(segment, &tail);
            let bytes = if sealed { segment.bytes() } else { tail_bytes };
            let done = self.copied.get(&segment.base()).copied();
            let from = done.map_or(0, |done| done.bytes);
            let mut reached = from;
            if from < bytes || done.is_none() {
                reached = self.copy_batches(segment, from..bytes, spend)?;
                // Also what was not there any more: something else is, in its place.
                total += bytes - from;
            }
            if sealed && !done.is_some_and(|done| done.sealed) {
                self.copy_indexes(segment)?;
            }
            self.copied.insert(segment.base(), Copied { id: segment.id(), bytes: reached, sealed });
            self.progress.set_reached(segment.base());
        }
        self.progress.set_reached(end);
        Ok(total)
    }

    /// Compaction has put much in place since the last round, which is not for those to wait for who wait for the end of the move. A
    /// log that is compacted all the time takes its place at some time all the same.
    pub(super) fn is_behind(&mut self) -> bool {
        let tail = self.log.shown.lock().tail.segment().base();
        let is_copied = |one: &Segment| self.copied.get(&one.base()).is_some_and(|copied| copied.id == one.id());
        let segments = self.log.all_segments();
        let missing = segments.iter().filter(|one| one.base() < tail && !one.is_stand_in() && !is_copied(one));
        let is_behind = missing.map(|one| one.bytes()).sum::<u64>() > REST_BYTES_MAX && self.behind < BEHIND_MAX;
        self.behind += u32::from(is_behind);
        is_behind
    }

    /// What compaction replaced, retention deleted or a cut removed is copied anew, or not at all.
    fn drop_replaced(&mut self, segments: &[Arc<Segment>]) -> Result<(), MoveError> {
        let is_same = |base: &Offset, copied: &Copied| {
            let now = segments.iter().find(|segment| segment.base() == *base);
            now.is_some_and(|now| now.id() == copied.id && copied.bytes <= now.bytes())
        };
        let gone: Vec<Offset> =
            self.copied.iter().filter(|(base, copied)| !is_same(base, copied)).map(|(base, _)| *base).collect();
        for base in gone {
            for suffix in names::OF_SEGMENT {
                let path = self.future().join(names::of_offset(base, suffix));
                match self.disk().remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(MoveError::io("remove", &path)(error));
                    }
                    _ => {}
                }
            }
            if let Some(copied) = self.copied.remove(&base) {
                self.progress.drop_bytes(copied.bytes);
            }
        }
        Ok(())
    }

    /// Answers up to where there was anything to copy.
    fn copy_batches(
        &self,
        segment: &Arc<Segment>,
        bytes: std::ops::Range<u64>,
        spend: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64, MoveError> {
        let path = self.future().join(names::of_offset(segment.base(), names::LOG));
        let from = match segment.file() {
            // Deleted or replaced since the round began: the next one knows.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.log.has_segment(segment) => {
                return Ok(bytes.start);
            }
            from => from.map_err(MoveError::io("open", &segment.path(names::LOG)))?,
        };
        let into = self.disk().open(&path, OpenMode::Create).map_err(MoveError::io("create", &path))?;
        let mut buffer = vec![0; CHUNK_BYTES.min(bytes.end - bytes.start) as usize];
        let mut at = bytes.start;
        while at < bytes.end {
            let wanted = CHUNK_BYTES.min(bytes.end - at) as usize;
            let read = from.read_at(&mut buffer[..wanted], at).map_err(MoveError::io("read", &self.log.path()))?;
            if read == 0 {
                // Cut meanwhile.
                break;
            }
            self.take_room(read)?;
            into.write_all_at(&buffer[..read], at).map_err(|error| self.write_error(&path, error))?;
            at += read as u64;
            self.progress.add_bytes(read as u64);
            if !spend(read as u64) {
                return Err(MoveError::CalledOff);
            }
        }
        into.sync_data().map_err(|error| self.write_error(&path, error))?;
        Ok(at)
    }

    /// The disk is asked once in a while only, and what is kept back there is not for copies (OPS-3).
    fn take_room(&self, bytes: usize) -> Result<(), MoveError> {
        if self.to.take_room(bytes as u64) { Ok(()) } else { Err(self.full()) }
    }

    fn write_error(&self, path: &Path, error: io::Error) -> MoveError {
        if !is_disk_full(&error) {
            return MoveError::io("write", path)(error);
        }
        self.to.shared.space.refresh(0);
        self.full()
    }

    fn full(&self) -> MoveError {
        MoveError::Full { path: self.to.path().to_owned() }
    }

    /// Those of a segment that is not written any more, or is not written now.
    pub(super) fn copy_indexes(&self, segment: &Arc<Segment>) -> Result<(), MoveError> {
        for suffix in names::INDEXES {
            self.copy_small(&names::of_offset(segment.base(), suffix))?;
        }
        Ok(())
    }

    /// A small file, if it is there.
    pub(super) fn copy_small(&self, name: &str) -> Result<(), MoveError> {
        let from = self.log.folder.file(name);
        let bytes = match self.disk().read(&from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read.map_err(MoveError::io("read", &from))?,
        };
        self.write_small(name, &bytes)
    }

    pub(super) fn write_small(&self, name: &str, bytes: &[u8]) -> Result<(), MoveError> {
        let into = self.future().join(name);
        let write = || {
            let file = self.disk().open(&into, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(bytes, 0)?;
            file.sync_data()
        };
        self.take_room(bytes.len())?;
        write().map_err(|error| self.write_error(&into, error))
    }

    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        self.log.shared().disk.clone()
    }

    pub(super) fn judge(&self, error: &MoveError) {
        error.judge([&*self.to, &*self.from]);
    }

    pub(super) fn is_called_off(&self) -> bool {
        self.progress.is_called_off()
    }
}

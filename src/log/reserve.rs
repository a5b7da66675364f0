//! Room for the next start: a file that gives way when there is none else, so that a broker on a full disk serves reads (OPS-3).
use crate::{
    log::{append::is_disk_full, log_dir::LogDir, log_dir_error::LogDirError, names, wal::WalError},
    platform::{Disk, OpenMode},
};
use std::{io, path::Path, sync::atomic::Ordering};

/// A first file of the write-ahead log, and as much for what the broker says of itself at some starts.
const RESERVE_BYTES: u64 = 2 << 20;
/// On a small file system it is this part of it at most.
const DISK_PART: u64 = 64;
/// With less than this nothing can be written down.
const FULL_BELOW_BYTES: i64 = 64 << 10;

fn reserve_bytes(disk: &dyn Disk, directory: &Path) -> u64 {
    disk.total_bytes(directory).map_or(RESERVE_BYTES, |total| RESERVE_BYTES.min(total / DISK_PART))
}

/// Before anything is written here: where there is no room, the reserve is given up for it.
pub(in crate::log) fn give_up_if_full(disk: &dyn Disk, directory: &Path) -> Result<(), LogDirError> {
    let path = directory.join(names::RESERVE);
    let has_room = |free: u64| free >= reserve_bytes(disk, directory);
    if disk.free_bytes(directory).is_ok_and(has_room) {
        return Ok(());
    }
    match disk.remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(LogDirError::Io { action: "remove", path, source }),
        Ok(()) => {
            tracing::warn!(directory = %directory.display(), "the disk is full: the start takes the room that was kept for it");
            Ok(())
        }
    }
}

/// What is wrong with a start that its disk has no room for.
pub(in crate::log) fn told(directory: &Path) -> impl FnOnce(WalError) -> LogDirError {
    move |error| match error.is_disk_full() {
        true => no_room(directory, &error),
        false => error.into(),
    }
}

fn no_room(directory: &Path, cause: &dyn std::error::Error) -> LogDirError {
    LogDirError::NoRoom { path: directory.to_owned(), needed_kib: RESERVE_BYTES >> 10, cause: cause.to_string() }
}

impl LogDir {
    /// A start has failed by `cause`: whether it is room that was missing.
    pub fn told_as_full(&self, cause: &dyn std::error::Error) -> Option<LogDirError> {
        let is_full = |(_, free): (i64, i64)| free < FULL_BELOW_BYTES;
        let is_short = self.shared.space.is_short() || self.room().is_ok_and(is_full);
        is_short.then(|| no_room(self.path(), cause))
    }

    /// Keeps room for the next start, once there is more than records may take.
    pub(in crate::log) fn keep_reserve(&self) {
        if !self.is_recovered() || self.shared.reserved.load(Ordering::Relaxed) {
            return;
        }
        let (disk, path) = (&*self.shared.disk, self.path().join(names::RESERVE));
        let bytes = reserve_bytes(disk, self.path());
        if !self.shared.space.has_room(bytes) {
            return;
        }
        match write(disk, &path, bytes) {
            Ok(()) => self.shared.reserved.store(true, Ordering::Relaxed),
            Err(error) => {
                // Half of it would not do.
                let _ = disk.remove_file(&path);
                if !is_disk_full(&error) {
                    self.shared.reserved.store(true, Ordering::Relaxed);
                    tracing::warn!(file = %path.display(), %error, "no room is kept for a start on a full disk");
                }
            }
        }
    }
}

fn write(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<()> {
    const PART_BYTES: u64 = 64 << 10;
    let file = disk.open(path, OpenMode::Create)?;
    let zeros = [0; PART_BYTES as usize];
    let mut position = file.len()?;
    while position < bytes {
        let part = PART_BYTES.min(bytes - position);
        file.write_all_at(&zeros[..part as usize], position)?;
        position += part;
    }
    Ok(())
}

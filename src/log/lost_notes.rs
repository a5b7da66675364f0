//! Whether the notes of where logs start were lost: deleted records must not come back with them (LOG-18).
use crate::{
    log::{checkpoint::Noted, last_stop, log_dir_error::LogDirError, names, partition_dirs::holds_partitions},
    platform::Disk,
};
use std::{io, path::Path};

/// The file was there and could not be read, or is gone. A life of this broker here writes it before it says in `meta.properties` that it
/// was here; an older build with its first checkpoint, before the recovery points: without either file its life may have ended before
/// that, and then there is no partition but the one of the metadata. Directories of others, and new ones that partitions were moved to,
/// have no such file to lose.
pub(in crate::log) fn are_starts_lost(
    disk: &dyn Disk,
    directory: &Path,
    starts: &Noted,
    recovery: &Noted,
) -> io::Result<bool> {
    if !starts.changed {
        return Ok(false);
    }
    let path = directory.join(names::LOG_STARTS);
    if disk.exists(&path) {
        return Ok(true);
    }
    let notes_records = recovery.sealed && !recovery.offsets().is_empty();
    let is_gone = notes_records || (holds_partitions(disk, directory)? && last_stop::had_a_life(disk, directory));
    if is_gone {
        tracing::warn!(file = %path.display(), "the notes of where logs start are gone: they are made again from the epochs of every log");
    }
    Ok(is_gone)
}

pub(in crate::log) fn read_noted(disk: &dyn Disk, path: &Path) -> Result<Noted, LogDirError> {
    match disk.read(path) {
        Ok(bytes) => Ok(Noted::read(&bytes).unwrap_or_else(|error| {
            tracing::warn!(file = %path.display(), "a checkpoint is damaged; all of every log is checked: {error}");
            Noted::absent()
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Noted::absent()),
        Err(error) => Err(LogDirError::io("read", path)(error)),
    }
}

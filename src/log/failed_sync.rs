//! What a failed sync leaves: the kernel goes on to show what it could not write, and calls it clean, so that no later sync tells of
//! it, nor that of the next life (LOG-9). That one writes all of it again before it believes what it reads.
use crate::{
    log::{log_dir_error::LogDirError, lost_notes::read_noted, names, wal::WalError},
    platform::{Disk, Entry, Filesystem, OpenMode},
    types::{Offset, TopicPartition},
};
use std::{
    io,
    path::{Path, PathBuf},
};

const CHUNK_BYTES: usize = 1 << 20;

/// For the next life. It need not be durable: a power loss takes away, too, what only the kernel has.
pub(in crate::log) fn leave_note(disk: &dyn Disk, directory: &Path) {
    let path = directory.join(names::SYNC_FAILED);
    if let Err(error) = disk.open(&path, OpenMode::Create) {
        tracing::warn!(file = %path.display(), %error, "there is no note for the next start that this directory failed");
    }
}

/// Where a start has failed with an error of the disk.
pub(in crate::log) fn noted(disk: &dyn Disk, directory: &Path) -> impl Fn(&LogDirError) {
    move |error| {
        if matches!(error, LogDirError::Io { .. } | LogDirError::Wal(WalError::Io { .. })) {
            leave_note(disk, directory);
        }
    }
}

/// Where the last life has left the note: makes durable what may be in memory only.
pub(in crate::log) fn write_again(
    disk: &dyn Disk,
    directory: &Path,
    filesystem: &dyn Filesystem,
) -> Result<(), LogDirError> {
    let note = directory.join(names::SYNC_FAILED);
    if !disk.exists(&note) {
        return Ok(());
    }
    // What failed before this start may be told to nobody yet: it is written again below, and the sync behind it speaks of that.
    let _ = filesystem.sync();
    let doubted = doubted(disk, directory)?;
    tracing::warn!(
        directory = %directory.display(),
        files = doubted.len(),
        "the last life here ended with a failed disk: what it may have left in memory only is written again"
    );
    for path in doubted {
        rewrite(disk, &path).map_err(LogDirError::io("write again", &path))?;
    }
    let synced = filesystem.sync().and_then(|()| disk.remove_file(&note)).and_then(|()| disk.sync_dir(directory));
    synced.map_err(LogDirError::io("sync", directory))
}

/// The files that may have been written since they were synced.
fn doubted(disk: &dyn Disk, directory: &Path) -> Result<Vec<PathBuf>, LogDirError> {
    let list = |path: &Path| match disk.list(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(LogDirError::io("list", path)),
    };
    let recovery = read_noted(disk, &directory.join(names::RECOVERY_POINTS))?;
    let mut doubted = Vec::new();
    for entry in list(directory)? {
        let path = directory.join(&entry.name);
        match names::partition_of(&entry.name) {
            Some((topic, partition)) if entry.is_dir => {
                let synced = recovery.get(&TopicPartition { topic, partition });
                let files = list(&path)?;
                doubted.extend(not_synced(&files, synced.unwrap_or(Offset::ZERO)).map(|file| path.join(&file.name)));
            }
            None if entry.name == names::WAL => doubted.extend(list(&path)?.iter().map(|file| path.join(&file.name))),
            // What somebody else has put there may not even be writable.
            None if !entry.is_dir && names::NOTES.contains(&entry.name.as_str()) => doubted.push(path),
            _ => {}
        }
    }
    Ok(doubted)
}

/// All of a partition's but the segments that end below what a checkpoint has synced.
fn not_synced(files: &[Entry], synced: Offset) -> impl Iterator<Item = &Entry> {
    let bases = files.iter().filter_map(|file| names::offset_of(&file.name, names::LOG));
    let begins = bases.filter(|base| *base <= synced).max().unwrap_or(Offset::ZERO);
    files.iter().filter(move |file| {
        let base = names::OF_SEGMENT.iter().find_map(|suffix| names::offset_of(&file.name, suffix));
        !file.is_dir && base.is_none_or(|base| base >= begins)
    })
}

/// The same bytes once more: the kernel has to write them then.
fn rewrite(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let file = disk.open(path, OpenMode::Write)?;
    // As with all of the filesystem: an error of before may be told to nobody yet.
    let _ = file.sync_data();
    let len = file.len()?;
    let mut buffer = vec![0; CHUNK_BYTES.min(usize::try_from(len).unwrap_or(CHUNK_BYTES))];
    let mut at = 0;
    while at < len {
        let read = file.read_at(&mut buffer, at)?;
        if read == 0 {
            break;
        }
        file.write_all_at(&buffer[..read], at)?;
        at += read as u64;
    }
    Ok(())
}

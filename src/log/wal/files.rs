//! The files of a write-ahead log: their names, how they come to be and how they are used again.
use super::{
    chunks::Chunk,
    error::WalError,
    format::{BLOCK_BYTES, FileHeader, in_blocks},
};
use crate::platform::{Chance, Disk, DiskFile, OpenMode, SystemChance, is_direct_refused};
use std::{
    io::IoSlice,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// `00000000000000000007.wal`: has groups, or may get them.
const NUMBERED: &str = "wal";
/// `00000000000000000003.spare`: released, its bytes mean nothing, its blocks are worth keeping.
const SPARE: &str = "spare";
/// A file that was being zero-filled.
const UNFINISHED: &str = "tmp";
/// The note of the newest file with a group.
const NEWEST: &str = "newest";

/// A file that groups are written to.
pub(super) struct LogFile {
    pub file: Arc<dyn DiskFile>,
    pub path: PathBuf,
    pub number: u64,
    pub salt: u64,
    pub file_bytes: u64,
}

impl LogFile {
    /// Where the first group goes.
    pub const FIRST_POSITION: u64 = BLOCK_BYTES as u64;

    /// Groups with entries stay below; the rest is for release marks when no other file can be had.
    pub fn entries_end(&self) -> u64 {
        self.file_bytes - reserve_bytes(self.file_bytes)
    }

    /// The largest group that the file takes when it is new.
    pub fn room(&self) -> u64 {
        self.entries_end() - Self::FIRST_POSITION
    }

    pub fn into_spare(self) -> Spare {
        Spare { number: self.number, file_bytes: self.file_bytes }
    }
}

const RESERVE_BYTES_MAX: u64 = 64 << 10;

fn reserve_bytes(file_bytes: u64) -> u64 {
    in_blocks((file_bytes / 16).min(RESERVE_BYTES_MAX))
}

/// The size of a file that takes a group of this size, and little more.
pub(super) fn file_bytes_for(group_bytes: u64) -> u64 {
    let needed = in_blocks(group_bytes) + LogFile::FIRST_POSITION;
    // A sixteenth of the whole is reserved, rounded up to a block.
    (in_blocks(needed / 15 * 16) + 4 * BLOCK_BYTES as u64).min(needed + RESERVE_BYTES_MAX)
}

/// A file that can be used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spare {
    pub number: u64,
    pub file_bytes: u64,
}

/// What a directory holds.
#[derive(Default, Debug)]
pub(super) struct Found {
    /// By number, ascending.
    pub numbered: Vec<u64>,
    pub spares: Vec<Spare>,
    pub unfinished: Vec<String>,
}

impl Found {
    /// Above every number that may ever have been used here.
    pub fn next_number(&self) -> u64 {
        let spares = self.spares.iter().map(|s| s.number);
        self.numbered.iter().copied().chain(spares).max().map_or(1, |n| n + 1)
    }
}

/// The directory of a write-ahead log.
pub(super) struct Directory {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// Turned off for good when the filesystem refuses O_DIRECT.
    direct: AtomicBool,
}

impl Directory {
    /// Makes the directory when it is missing, durably (LOG-10).
    pub fn open(disk: Arc<dyn Disk>, path: &Path, direct: bool) -> Result<Directory, WalError> {
        if !disk.exists(path) {
            disk.create_dir_all(path).map_err(WalError::io("create", path))?;
            let parent = path.parent().unwrap_or(Path::new("."));
            disk.sync_dir(parent).map_err(WalError::io("sync", parent))?;
        }
        Ok(Directory { disk, path: path.to_owned(), direct: AtomicBool::new(direct) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn direct(&self) -> bool {
        self.direct.load(Ordering::Relaxed)
    }

    pub fn path_of(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:020}.{NUMBERED}"))
    }

    fn spare_path(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:020}.{SPARE}"))
    }

    pub fn list(&self) -> Result<Found, WalError> {
        let mut found = Found::default();
        for entry in self.disk.list(&self.path).map_err(WalError::io("list", &self.path))? {
            let Some((stem, extension)) = entry.name.rsplit_once('.') else { continue };
            match (extension, stem.parse::<u64>()) {
                (NUMBERED, Ok(number)) => found.numbered.push(number),
                (SPARE, Ok(number)) => found.spares.push(Spare { number, file_bytes: entry.len }),
                (UNFINISHED, Ok(_)) => found.unfinished.push(entry.name),
                _ => {}
            }
        }
        found.numbered.sort_unstable();
        Ok(found)
    }

    pub fn open_to_read(&self, number: u64) -> Result<Arc<dyn DiskFile>, WalError> {
        let path = self.path_of(number);
        self.disk.open(&path, OpenMode::Read).map_err(WalError::io("open", &path))
    }

    /// For whole blocks only; `None` where the filesystem refuses.
    pub fn open_to_read_direct(&self, number: u64) -> Option<Arc<dyn DiskFile>> {
        self.direct().then(|| self.disk.open(&self.path_of(number), OpenMode::WriteDirect).ok()).flatten()
    }

    /// Makes what recovery has read durable before anything is built on it: after a `kill -9` it may be in the page
    /// cache only.
    pub fn sync_file(&self, number: u64) -> Result<(), WalError> {
        let path = self.path_of(number);
        let file = self.disk.open(&path, OpenMode::Write).map_err(WalError::io("open", &path))?;
        file.sync_all().map_err(WalError::io("sync", &path))
    }

    /// That it is gone already is as good.
    pub fn remove_unfinished(&self, name: &str) -> Result<(), WalError> {
        let path = self.path.join(name);
        match self.disk.remove_file(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(WalError::io("remove", &path)),
        }
    }

    pub fn remove_spare(&self, number: u64) -> Result<(), WalError> {
        let path = self.spare_path(number);
        self.disk.remove_file(&path).map_err(WalError::io("remove", &path))
    }

    /// A numbered file becomes a spare one.
    pub fn retire(&self, number: u64) -> Result<(), WalError> {
        let path = self.path_of(number);
        self.disk.rename(&path, &self.spare_path(number)).map_err(WalError::io("rename", &path))?;
        self.sync_names()
    }

    /// A full disk is told before it is touched, where the file system says how full it is.
    pub fn check_room(&self, bytes: u64) -> Result<(), WalError> {
        match self.disk.free_bytes(&self.path) {
            Ok(free) if free < bytes => Err(WalError::DiskFull { directory: self.path.clone() }),
            _ => Ok(()),
        }
    }

    /// A new file of zeros: first writes into blocks that were only allocated would cost a metadata commit each.
    pub fn fill(&self, number: u64, file_bytes: u64) -> Result<LogFile, WalError> {
        let path = self.path.join(format!("{number:020}.{UNFINISHED}"));
        let filled = self.fill_at(&path, number, file_bytes);
        if filled.is_err() {
            // The error that counts is the first one; a left-over is removed at the next start.
            let _ = self.disk.remove_file(&path);
        }
        filled
    }

    fn fill_at(&self, path: &Path, number: u64, file_bytes: u64) -> Result<LogFile, WalError> {
        let file = self.open_to_write(path)?;
        let zeros = Chunk::new();
        let mut position = 0;
        while position < file_bytes {
            const SLICES: usize = 8;
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut len = 0;
            for slice in &mut slices {
                let now = (file_bytes - position - len).min(Chunk::BYTES as u64);
                *slice = IoSlice::new(&zeros.bytes()[..now as usize]);
                len += now;
            }
            file.write_slices_at(&mut slices, position).map_err(WalError::io("fill", path))?;
            position += len;
        }
        self.number(file, path, number, file_bytes)
    }

    /// Takes a spare file into use again.
    pub fn reuse(&self, spare: Spare, number: u64) -> Result<LogFile, WalError> {
        let path = self.spare_path(spare.number);
        let file = self.open_to_write(&path)?;
        self.number(file, &path, number, spare.file_bytes)
    }

    /// Header first, then the name, then the name made durable: a numbered file always has its header, and no group
    /// is written to a file whose name a crash can take away (LOG-10).
    fn number(&self, file: Arc<dyn DiskFile>, path: &Path, number: u64, file_bytes: u64) -> Result<LogFile, WalError> {
        let salt = SystemChance.u64();
        let mut block = Chunk::new();
        let header = FileHeader { number, salt, file_bytes }.to_bytes();
        block.bytes_mut()[..header.len()].copy_from_slice(&header);
        file.write_slices_at(&mut [IoSlice::new(&block.bytes()[..BLOCK_BYTES])], 0)
            .map_err(WalError::io("write", path))?;
        file.sync_all().map_err(WalError::io("sync", path))?;
        let numbered = self.path_of(number);
        self.disk.rename(path, &numbered).map_err(WalError::io("rename", path))?;
        self.sync_names()?;
        Ok(LogFile { file, path: numbered, number, salt, file_bytes })
    }

    pub fn newest_path(&self) -> PathBuf {
        self.path.join(NEWEST)
    }

    /// `None` where there is none.
    pub fn read_newest(&self) -> Result<Option<Vec<u8>>, WalError> {
        let path = self.newest_path();
        match self.disk.read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(WalError::io("read", &path)),
        }
    }

    pub fn open_newest(&self) -> std::io::Result<Arc<dyn DiskFile>> {
        self.open_as_can_be(&self.newest_path())
    }

    pub fn remove_newest(&self) -> Result<(), WalError> {
        let path = self.newest_path();
        self.disk.remove_file(&path).map_err(WalError::io("remove", &path))?;
        self.sync_names()
    }

    fn open_to_write(&self, path: &Path) -> Result<Arc<dyn DiskFile>, WalError> {
        self.open_as_can_be(path).map_err(WalError::io("open", path))
    }

    fn open_as_can_be(&self, path: &Path) -> std::io::Result<Arc<dyn DiskFile>> {
        if self.direct() {
            match self.disk.open(path, OpenMode::CreateDirect) {
                Ok(file) => return Ok(file),
                Err(error) if is_direct_refused(&error) => {
                    self.direct.store(false, Ordering::Relaxed);
                    tracing::info!(
                        directory = %self.path.display(),
                        "the filesystem refuses direct writes: the write-ahead log goes through the page cache"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        self.disk.open(path, OpenMode::Create)
    }

    pub fn sync_names(&self) -> Result<(), WalError> {
        self.disk.sync_dir(&self.path).map_err(WalError::io("sync", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_made_for_a_group_takes_it() {
        for group_bytes in (0..4 << 20).step_by(4093) {
            let file_bytes = file_bytes_for(group_bytes);
            let entries_end = file_bytes - reserve_bytes(file_bytes);
            assert!(LogFile::FIRST_POSITION + in_blocks(group_bytes) <= entries_end, "{group_bytes}");
            assert!(reserve_bytes(file_bytes) >= BLOCK_BYTES as u64);
        }
    }
}

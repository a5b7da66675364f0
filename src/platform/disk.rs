//! Files and directories as the log sees them; every write and sync of the broker goes through these two traits.
use std::{
    io::{self, IoSlice},
    os::fd::BorrowedFd,
    path::Path,
    sync::Arc,
};

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenMode {
    Read,
    /// As `Read`, for work in the background: the disk is asked for no more than what is read, and the page cache is left to
    /// those who are served.
    ReadBehind,
    /// Read and write an existing file.
    Write,
    /// Read and write; made when missing.
    Create,
    /// As `Create`, past the page cache (O_DIRECT): offsets, lengths and buffers must be 4 KiB aligned.
    /// `InvalidInput` or `Unsupported` where the filesystem refuses; the caller falls back to `Create`.
    CreateDirect,
    /// As `CreateDirect`, an existing file.
    WriteDirect,
}

/// Whether this is how a filesystem refuses reads and writes past the page cache.
pub fn is_direct_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub name: String,
    pub is_dir: bool,
    /// Bytes; 0 for a directory.
    pub len: u64,
}

pub trait Disk: Send + Sync {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Sorted by name, so that nothing depends on the filesystem's order.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    fn exists(&self, path: &Path) -> bool;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes names created, renamed or removed in this directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// This path's: one call for all of it instead of thousands of `sync_data`.
    fn filesystem(&self, path: &Path) -> io::Result<Arc<dyn Filesystem>>;
    /// Takes the exclusive lock of `path` (made when missing) for as long as the answer lives; `WouldBlock` when
    /// another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
    /// Bytes that can still be written on this path's filesystem.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// Size of this path's filesystem.
    fn total_bytes(&self, path: &Path) -> io::Result<u64>;

    /// The whole of a small file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path, OpenMode::Read)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(io::Error::other)?];
        let filled = file.read_at(&mut bytes, 0)?;
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Replaces a small file so that a crash leaves the old or the new one, never a part (LOG-11): written beside
    /// it, synced, renamed, directory synced.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let beside = path.with_extension("tmp");
        {
            let file = self.open(&beside, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(bytes, 0)?;
            file.sync_all()?;
        }
        self.rename(&beside, path)?;
        self.sync_dir(path.parent().unwrap_or(Path::new(".")))
    }
}

/// The filesystem that a path is on, held from before what is written there.
pub trait Filesystem: Send + Sync {
    /// Makes everything on it durable (syncfs).
    ///
    /// # Errors
    /// Also those of what was to be written since this is held, whoever was told of them before: one that is opened for one sync alone
    /// hears of no error that another process's has taken.
    fn sync(&self) -> io::Result<()>;
    /// Whether those are told: Linux has done so since 5.8.
    fn tells_failed_writes(&self) -> bool;
}

pub trait DiskFile: Send + Sync {
    /// Fills as much of `buffer` as the file has from `position`; fewer bytes only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// All slices, one after the other, in as few calls as the system allows. After an error nothing is known
    /// about the bytes from `position` on (LOG-3).
    fn write_slices_at(&self, slices: &mut [IoSlice<'_>], position: u64) -> io::Result<()>;
    /// As `write_slices_at`, and durable when it returns: one call where the system has one (`RWF_DSYNC`).
    fn write_slices_synced_at(&self, slices: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        self.write_slices_at(slices, position)?;
        self.sync_data()
    }
    /// fdatasync: the bytes and the length.
    fn sync_data(&self) -> io::Result<()>;
    fn sync_all(&self) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// When the file was last written, by the machine's clock; `None` where nobody keeps that.
    fn modified_ms(&self) -> io::Result<Option<i64>> {
        Ok(None)
    }
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Asks the kernel to begin writing this range to disk, without waiting (`sync_file_range`); one that knows none may pass over it.
    ///
    /// # Errors
    /// As those of a sync (LOG-9): what was to be written may be gone, and no later sync need tell of it.
    fn start_writeback(&self, position: u64, len: u64) -> io::Result<()>;
    /// Asks for blocks for this range behind the end, whose place stays where it is; a hint.
    fn allocate_behind(&self, _position: u64, _len: u64) {}
    /// Gives back blocks behind `len`, the file's length.
    fn trim_behind(&self, _len: u64) -> io::Result<()> {
        Ok(())
    }
    /// For `sendfile`; `None` where there is no real file behind.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

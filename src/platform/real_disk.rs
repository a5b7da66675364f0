//! The machine's own filesystem.
use super::{
    background_file::BackgroundFile,
    disk::{Disk, DiskFile, Entry, Filesystem, OpenMode},
    patience::is_hurried,
};
use rustix::{
    fs::{self, FlockOperation, OFlags},
    io::ReadWriteFlags,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, IoSlice, IoSliceMut},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    },
    path::Path,
    sync::Arc,
};

/// The machine's own filesystem.
pub struct RealDisk;

#[expect(clippy::disallowed_methods, reason = "the one door to the filesystem")]
impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        // Without it, the first read after each write would change the inode, which costs a fetch more than the read.
        match opened(path, mode, OFlags::NOATIME) {
            // Files of another owner refuse the flag.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) => {
                opened(path, mode, OFlags::empty())
            }
            other => other,
        }
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // The listing says so itself: a log directory has as many as it has partitions, and their inodes are all over the disk.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                entries.push(Entry { name, is_dir: true, len: 0 });
                continue;
            }
            let about = match followed(&entry) {
                Ok(about) => about,
                // Removed between listing and asking.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let is_dir = about.is_dir();
            entries.push(Entry { name, is_dir, len: if is_dir { 0 } else { about.len() } });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn filesystem(&self, path: &Path) -> io::Result<Arc<dyn Filesystem>> {
        let of = File::open(path)?;
        let tells_failed_writes = is_since((5, 8)) && !PASSED_ON.contains(&fs::fstatfs(&of)?.f_type);
        Ok(Arc::new(Held { of, tells_failed_writes }))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let about = fs::statvfs(path)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }

    fn total_bytes(&self, path: &Path) -> io::Result<u64> {
        let about = fs::statvfs(path)?;
        Ok(about.f_blocks.saturating_mul(about.f_frsize))
    }
}

/// overlayfs and FUSE: others write for them, and of what those could not write a sync of these does not tell.
const PASSED_ON: [fs::FsWord; 2] = [0x794c_7630, 0x6573_5546];

/// A filesystem, by a directory of it.
struct Held {
    of: File,
    tells_failed_writes: bool,
}

impl Filesystem for Held {
    fn sync(&self) -> io::Result<()> {
        Ok(fs::syncfs(&self.of)?)
    }

    fn tells_failed_writes(&self) -> bool {
        self.tells_failed_writes
    }
}

/// Whether the kernel is of this version or later.
fn is_since(version: (u32, u32)) -> bool {
    let name = rustix::system::uname();
    version_of(&name.release().to_string_lossy()).is_some_and(|running| running >= version)
}

/// The first two numbers of a kernel's name.
fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|other: char| !other.is_ascii_digit()).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn opened(path: &Path, mode: OpenMode, flags: OFlags) -> io::Result<Arc<dyn DiskFile>> {
    match mode {
        OpenMode::ReadBehind => Ok(Arc::new(BackgroundFile::open(path, flags)?)),
        mode => Ok(Arc::new(open(path, mode, flags)?)),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one door to the filesystem")]
pub(super) fn open(path: &Path, mode: OpenMode, flags: OFlags) -> io::Result<RealFile> {
    let mut options = OpenOptions::new();
    options.read(true);
    let flags = match mode {
        OpenMode::Read | OpenMode::ReadBehind => flags,
        OpenMode::Write => {
            options.write(true);
            flags
        }
        OpenMode::Create => {
            options.write(true).create(true).truncate(false);
            flags
        }
        OpenMode::CreateDirect => {
            options.write(true).create(true).truncate(false);
            flags | OFlags::DIRECT
        }
        OpenMode::WriteDirect => {
            options.write(true);
            flags | OFlags::DIRECT
        }
    };
    options.custom_flags(flags.bits() as i32);
    Ok(RealFile(options.open(path)?))
}

/// Slices that one `pwritev` takes at most (Linux: UIO_MAXIOV).
const SLICES_PER_CALL_MAX: usize = 1024;

pub(super) struct RealFile(File);

impl RealFile {
    fn write_slices(&self, mut slices: &mut [IoSlice<'_>], mut position: u64, flags: ReadWriteFlags) -> io::Result<()> {
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let now = &slices[..slices.len().min(SLICES_PER_CALL_MAX)];
            let answer = if flags.is_empty() {
                rustix::io::pwritev(&self.0, now, position)
            } else {
                rustix::io::pwritev2(&self.0, now, position, flags)
            };
            match answer {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    position += written as u64;
                    IoSlice::advance_slices(&mut slices, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl RealFile {
    pub(super) fn file(&self) -> &File {
        &self.0
    }

    /// One read; of the page cache alone where the thread must not wait.
    pub(super) fn read_some(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        if is_hurried() {
            match rustix::io::preadv2(&self.0, &mut [IoSliceMut::new(buffer)], position, ReadWriteFlags::NOWAIT) {
                // Filesystems without RWF_NOWAIT: read as always.
                Err(rustix::io::Errno::OPNOTSUPP) => {}
                answer => return Ok(answer?),
            }
        }
        self.0.read_at(buffer, position)
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_some(&mut buffer[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, position)
    }

    fn write_slices_at(&self, slices: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        self.write_slices(slices, position, ReadWriteFlags::empty())
    }

    fn write_slices_synced_at(&self, slices: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        match self.write_slices(slices, position, ReadWriteFlags::DSYNC) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                // Refused before anything was written, so nothing is retried here that has failed once (LOG-9).
                self.write_slices(slices, position, ReadWriteFlags::empty())?;
                self.sync_data()
            }
            other => other,
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn modified_ms(&self) -> io::Result<Option<i64>> {
        let modified = self.0.metadata()?.modified()?.duration_since(std::time::UNIX_EPOCH);
        Ok(modified.ok().and_then(|since| i64::try_from(since.as_millis()).ok()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn start_writeback(&self, position: u64, len: u64) -> io::Result<()> {
        let (Ok(position), Ok(len)) = (i64::try_from(position), i64::try_from(len)) else { return Ok(()) };
        // SAFETY: the descriptor is open for as long as `self` lives, and the call takes no pointer.
        let answer = unsafe { libc::sync_file_range(self.0.as_raw_fd(), position, len, libc::SYNC_FILE_RANGE_WRITE) };
        if answer == 0 {
            return Ok(());
        }
        // What the device says of it later is told to the next sync of this file. What the filesystem itself could not do, place blocks
        // for one, is told here alone: ext4 drops the pages, and the sync finds nothing to write. Some know no write-back, or have no
        // memory for it right now: then all is as it was.
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(
                libc::EINVAL
                | libc::ESPIPE
                | libc::ENOSYS
                | libc::EOPNOTSUPP
                | libc::ENOMEM
                | libc::EINTR
                | libc::EAGAIN,
            ) => Ok(()),
            _ => Err(error),
        }
    }

    fn allocate_behind(&self, position: u64, len: u64) {
        // A hint: where it is not known, or there is no room, the write itself sees to its blocks.
        let _ = fs::fallocate(&self.0, fs::FallocateFlags::KEEP_SIZE, position, len);
    }

    fn trim_behind(&self, len: u64) -> io::Result<()> {
        const BLOCK_BYTES: u64 = 512;
        /// Blocks that a filesystem needs to know where the others are.
        const OWN_BYTES: u64 = 64 << 10;
        let about = self.0.metadata()?;
        if about.len() == len && about.blocks() * BLOCK_BYTES > len + OWN_BYTES {
            self.0.set_len(len)?;
        }
        Ok(())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

/// About what the name leads to: a partition or a segment may be a link to another disk. A link to nothing is told as itself.
fn followed(entry: &std::fs::DirEntry) -> io::Result<std::fs::Metadata> {
    let about = entry.metadata()?;
    if !about.is_symlink() {
        return Ok(about);
    }
    match std::fs::metadata(entry.path()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(about),
        followed => followed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "links are made by whoever keeps the disks")]
    fn links_are_listed_as_what_they_lead_to_and_removed_as_links() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(there.path().join("t-0")).unwrap();
        std::fs::write(there.path().join("t-0/a.log"), [0; 170]).unwrap();
        symlink(there.path().join("t-0"), here.path().join("t-0")).unwrap();
        symlink(there.path().join("t-0/a.log"), here.path().join("b.log")).unwrap();
        symlink("/nowhere/t-1", here.path().join("t-1")).unwrap();
        let listed = RealDisk.list(here.path()).unwrap();
        let told: Vec<_> = listed.iter().map(|entry| (&*entry.name, entry.is_dir, entry.len)).collect();
        assert_eq!(told, [("b.log", false, 170), ("t-0", true, 0), ("t-1", false, 12)]);
        RealDisk.remove_dir_all(&here.path().join("t-0")).unwrap();
        assert!(there.path().join("t-0/a.log").exists() && !here.path().join("t-0").exists());
    }

    #[test]
    fn a_kernel_s_name_begins_with_its_version() {
        let names = ["5.8.0-rc1", "4.18.0-553.el8_10.x86_64", "6.18.44-fc", "5.15", "linux", ""];
        let due = [Some((5, 8)), Some((4, 18)), Some((6, 18)), Some((5, 15)), None, None];
        assert_eq!(names.map(version_of), due);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the file's own times are to differ")]
    fn a_read_after_a_write_leaves_the_inode_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let accessed = || std::fs::metadata(&path).map(|about| (about.atime(), about.atime_nsec())).unwrap();
        let file = RealDisk.open(&path, OpenMode::Create).unwrap();
        let before = accessed();
        std::thread::sleep(std::time::Duration::from_millis(20));
        file.write_all_at(b"content", 0).unwrap();
        assert_eq!(file.read_at(&mut [0; 7], 0).unwrap(), 7);
        assert_eq!(accessed(), before);
    }
}

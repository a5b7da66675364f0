//! Reads of work in the background, which must not fill the disk's queue before the commits of those who are served.
use super::{
    disk::{DiskFile, OpenMode},
    real_disk::{self, RealFile},
};
use parking_lot::Mutex;
use rustix::fs::{Advice, OFlags, fadvise};
use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    path::Path,
};

/// Direct reads begin and end at multiples of it, in the file and in memory.
const BLOCK_BYTES: usize = 4096;
/// Of one direct read: what a commit may find before it in the queue.
const PIECE_BYTES: usize = 512 << 10;

/// A file to read. What the page cache has of it comes from there; all else comes past it, in pieces: nothing is read ahead (a kernel
/// whose read-ahead is large asks for megabytes at once, and the next commit waits for all of them), and nothing that is read by
/// clients is pushed out of the cache.
pub struct BackgroundFile {
    cached: RealFile,
    /// None where the filesystem or the kernel does not let it be read so.
    direct: Option<RealFile>,
    piece: Mutex<Vec<u8>>,
}

impl BackgroundFile {
    pub fn open(path: &Path, flags: OFlags) -> io::Result<BackgroundFile> {
        let cached = real_disk::open(path, OpenMode::Read, flags)?;
        // A hint: where it is not known the kernel reads ahead as ever.
        let _ = fadvise(cached.file(), 0, None, Advice::Random);
        let is_known = cached_pages(cached.file(), 0, 1).is_some();
        let direct = is_known.then(|| real_disk::open(path, OpenMode::Read, flags | OFlags::DIRECT).ok()).flatten();
        Ok(BackgroundFile { cached, direct, piece: Mutex::default() })
    }

    /// Whether the page cache has all of this range.
    fn is_cached(&self, position: u64, len: usize) -> bool {
        let page = rustix::param::page_size() as u64;
        let pages = (position + len as u64).div_ceil(page) - position / page;
        cached_pages(self.cached.file(), position, len as u64).is_none_or(|cached| cached >= pages)
    }

    /// One piece past the page cache; bytes of it that were there.
    fn read_direct(&self, direct: &RealFile, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut piece = self.piece.lock();
        let before = (position % BLOCK_BYTES as u64) as usize;
        let wanted = (before + buffer.len()).next_multiple_of(BLOCK_BYTES);
        let room = piece.len().max(wanted + BLOCK_BYTES);
        piece.resize(room, 0);
        let aligned = piece.as_ptr().align_offset(BLOCK_BYTES);
        let read = direct.read_some(&mut piece[aligned..aligned + wanted], position - before as u64)?;
        let have = read.saturating_sub(before).min(buffer.len());
        buffer[..have].copy_from_slice(&piece[aligned + before..aligned + before + have]);
        Ok(have)
    }
}

/// How many of this range's pages the page cache has; `None` where the kernel does not tell (before Linux 6.5).
fn cached_pages(file: &impl AsFd, position: u64, len: u64) -> Option<u64> {
    /// The same on all of Linux' architectures that are built for.
    const CACHESTAT: libc::c_long = 451;
    let range = [position, len];
    // Pages cached, dirty, being written, evicted, evicted of late.
    let mut about = [0u64; 5];
    let descriptor = file.as_fd().as_raw_fd();
    // SAFETY: both pointers are to arrays of the shapes that the call reads and writes, which live until it returns.
    let answer = unsafe { libc::syscall(CACHESTAT, descriptor, range.as_ptr(), about.as_mut_ptr(), 0) };
    (answer == 0).then_some(about[0])
}

impl DiskFile for BackgroundFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let (at, rest) = (position + filled as u64, &mut buffer[filled..]);
            let len = rest.len().min(PIECE_BYTES);
            let direct = self.direct.as_ref().filter(|_| !self.is_cached(at, len));
            let more = match direct.map(|direct| self.read_direct(direct, &mut rest[..len], at)) {
                Some(Ok(more)) => more,
                // Also a filesystem that lets a file be opened so may refuse its blocks.
                None | Some(Err(_)) => self.cached.read_at(&mut rest[..len], at)?,
            };
            if more == 0 {
                break;
            }
            filled += more;
        }
        Ok(filled)
    }

    fn write_all_at(&self, _bytes: &[u8], _position: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn write_slices_at(&self, _slices: &mut [IoSlice<'_>], _position: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.cached.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.cached.sync_all()
    }

    fn len(&self) -> io::Result<u64> {
        self.cached.len()
    }

    fn modified_ms(&self) -> io::Result<Option<i64>> {
        self.cached.modified_ms()
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn start_writeback(&self, _position: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.cached.fd()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a file to read")]
    use super::*;
    use crate::platform::{Disk, RealDisk};

    #[test]
    fn reads_of_the_background_find_every_byte_and_leave_nothing_in_the_page_cache() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let bytes: Vec<u8> = (0..2_500_123u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let writer = RealDisk.open(&path, OpenMode::Write).unwrap();
        writer.sync_all().unwrap();
        let kept = std::fs::File::open(&path).unwrap();
        let file = BackgroundFile::open(&path, OFlags::empty()).unwrap();
        for is_cached in [true, false] {
            if !is_cached {
                fadvise(&kept, 0, None, Advice::DontNeed).unwrap();
            }
            let before = cached_pages(&kept, 0, bytes.len() as u64);
            for (from, len) in [(0, 10), (1, 4095), (4090, 12), (700_001, 1_300_000), (2_500_000, 500), (2_500_123, 9)]
            {
                let mut buffer = vec![0; len];
                let read = file.read_at(&mut buffer, from as u64).unwrap();
                assert_eq!(buffer[..read], bytes[from..(from + len).min(bytes.len())], "{from} {len}");
            }
            if file.direct.is_some() {
                assert_eq!(cached_pages(&kept, 0, bytes.len() as u64), before, "{is_cached}");
            }
        }
        assert_eq!(file.len().unwrap(), bytes.len() as u64);
        assert!(file.write_all_at(b"x", 0).is_err());
    }
}

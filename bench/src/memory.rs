//! Brings the machine to the state in which brokers live: memory full, pages recycled instead of grown.
//! On a virtual machine the first touch of a page costs ten times a later one, and whoever writes first pays for it.
use crate::fault::{During, Fault};
use rustix::mm::{Advice, MapFlags, ProtFlags};
use std::{
    ffi::c_void,
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

const CHUNK_BYTES: usize = 4 << 20;
/// With no more free than this, who writes gets pages that others have used.
const FREE_BYTES: u64 = 256 << 20;

/// Memory that stays locked, and a file that fills the page cache over the rest, until this is dropped.
pub struct Held {
    locked: Locked,
    filler: PathBuf,
}

impl Held {
    pub fn bytes(&self) -> usize {
        self.locked.bytes
    }

    /// Deleted logs and ended processes leave free pages behind, which a host takes back within seconds: their place in the
    /// page cache goes to the file again, so that the next run recycles pages.
    pub fn refill(&self) -> Result<(), Fault> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut file = File::open(&self.filler).during("filling the page cache")?;
        while memory_bytes("MemFree")? > FREE_BYTES {
            if file.read(&mut chunk).during("filling the page cache")? == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.filler) {
            eprintln!("{} stays: {error}", self.filler.display());
        }
    }
}

/// Locks memory until only `leave_gib` are available, then lets the page cache grow over the rest.
pub fn hold_all_but(leave_gib: f64, directory: &Path) -> Result<Held, Fault> {
    let leave = (leave_gib * (1u64 << 30) as f64) as u64;
    let locked = lock(memory_bytes("MemAvailable")?.saturating_sub(leave))?;
    let filler = directory.join("page-cache.tmp");
    let held = Held { locked, filler };
    write_filler(&held.filler, leave)?;
    Ok(held)
}

/// Memory of this process alone that is never given back, until this is dropped. One piece: what a fork has to copy counts in pieces.
struct Locked {
    address: *mut c_void,
    bytes: usize,
}

impl Drop for Locked {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: the piece was mapped by `lock`, and nobody else knows of it.
            if let Err(error) = unsafe { rustix::mm::munmap(self.address, self.bytes) } {
                eprintln!("held memory stays: {error}");
            }
        }
    }
}

/// Locks this much memory, in whole chunks.
fn lock(bytes: u64) -> Result<Locked, Fault> {
    let bytes = bytes as usize / CHUNK_BYTES * CHUNK_BYTES;
    if bytes == 0 {
        return Ok(Locked { address: std::ptr::null_mut(), bytes });
    }
    let (read_and_write, private) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new mapping anywhere.
    let mapped = unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), bytes, read_and_write, private) };
    let address = mapped.map_err(std::io::Error::from).during("mapping memory")?;
    let held = Locked { address, bytes };
    // Brokers are started by a fork, which would copy the tables of all these pages first: most of a second that is not theirs.
    // SAFETY: the piece just mapped. A child does not have it, and does nothing but become another program.
    unsafe { rustix::mm::madvise(address, bytes, Advice::LinuxDontFork) }
        .map_err(std::io::Error::from)
        .during("keeping memory from children")?;
    // SAFETY: the piece just mapped; unmapping it ends the lock.
    unsafe { rustix::mm::mlock(address, bytes) }
        .map_err(std::io::Error::from)
        .during("locking memory (see `ulimit -l`)")?;
    Ok(held)
}

/// A figure of `/proc/meminfo`.
fn memory_bytes(name: &str) -> Result<u64, Fault> {
    let text = fs::read_to_string("/proc/meminfo").during("reading /proc/meminfo")?;
    let line = text.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| Fault::Usage(format!("/proc/meminfo has no {name}")))
}

/// Synced, so that its pages can be taken without being written first.
fn write_filler(path: &Path, bytes: u64) -> Result<(), Fault> {
    let chunk = vec![0x5A; CHUNK_BYTES];
    let mut file = File::create(path).during("filling the page cache")?;
    for _ in 0..bytes.div_ceil(CHUNK_BYTES as u64) {
        file.write_all(&chunk).during("filling the page cache")?;
    }
    file.sync_all().during("filling the page cache")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_held_in_whole_chunks_or_the_limit_is_named() {
        match lock(CHUNK_BYTES as u64 + 1) {
            Ok(held) => assert_eq!(held.bytes, CHUNK_BYTES),
            Err(fault) => assert!(fault.to_string().contains("ulimit -l"), "{fault}"),
        }
        assert_eq!(lock(0).unwrap().bytes, 0);
    }

    #[test]
    fn the_file_that_fills_the_page_cache_goes_with_what_is_held() {
        let filler = std::env::temp_dir().join(format!("bench-memory-{}", std::process::id()));
        write_filler(&filler, 2 * CHUNK_BYTES as u64 - 1).unwrap();
        assert_eq!(fs::metadata(&filler).unwrap().len(), 2 * CHUNK_BYTES as u64);
        let held = Held { locked: lock(0).unwrap(), filler: filler.clone() };
        held.refill().unwrap();
        drop(held);
        assert!(!filler.exists());
        assert!(memory_bytes("MemAvailable").unwrap() > 0);
        assert!(memory_bytes("MemNothing").is_err());
    }
}

//! Brings the machine to the state in which brokers live: memory full, pages recycled instead of grown.
//! On a virtual machine the first touch of a page costs ten times a later one, and whoever writes first pays for it.
use crate::fault::{During, Fault};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

const CHUNK_BYTES: usize = 4 << 20;

/// Memory that stays locked until this is dropped.
pub struct Held {
    chunks: Vec<Vec<u8>>,
}

impl Held {
    pub fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK_BYTES
    }
}

/// Locks memory until only `leave_gib` are available, then lets the page cache grow over the rest once.
pub fn hold_all_but(leave_gib: f64, directory: &Path) -> Result<Held, Fault> {
    let leave = (leave_gib * (1u64 << 30) as f64) as u64;
    let held = hold(available_bytes()?.saturating_sub(leave))?;
    fill_page_cache(directory, leave)?;
    Ok(held)
}

/// Locks this much memory, in whole chunks.
fn hold(bytes: u64) -> Result<Held, Fault> {
    let mut held = Held { chunks: Vec::new() };
    for _ in 0..bytes / CHUNK_BYTES as u64 {
        let chunk = vec![1; CHUNK_BYTES];
        // SAFETY: the range is the chunk's own; it lives in `held`, and unmapping it ends the lock.
        unsafe { rustix::mm::mlock(chunk.as_ptr().cast_mut().cast(), chunk.len()) }
            .map_err(std::io::Error::from)
            .during("locking memory (see `ulimit -l`)")?;
        held.chunks.push(chunk);
    }
    Ok(held)
}

fn available_bytes() -> Result<u64, Fault> {
    let text = fs::read_to_string("/proc/meminfo").during("reading /proc/meminfo")?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| Fault::Usage("/proc/meminfo has no MemAvailable".into()))
}

fn fill_page_cache(directory: &Path, bytes: u64) -> Result<(), Fault> {
    fs::create_dir_all(directory).during("making the data directory")?;
    let path = directory.join("page-cache.tmp");
    let chunk = vec![0x5A; CHUNK_BYTES];
    let mut file = File::create(&path).during("filling the page cache")?;
    for _ in 0..bytes / CHUNK_BYTES as u64 {
        file.write_all(&chunk).during("filling the page cache")?;
    }
    drop(file);
    fs::remove_file(&path).during("removing the file that filled the page cache")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_held_in_whole_chunks_or_the_limit_is_named() {
        match hold(CHUNK_BYTES as u64 + 1) {
            Ok(held) => assert_eq!(held.bytes(), CHUNK_BYTES),
            Err(fault) => assert!(fault.to_string().contains("ulimit -l"), "{fault}"),
        }
        assert_eq!(hold(0).unwrap().bytes(), 0);
    }

    #[test]
    fn the_page_cache_is_filled_and_no_file_stays() {
        let directory = std::env::temp_dir().join(format!("bench-memory-{}", std::process::id()));
        fill_page_cache(&directory, 2 * CHUNK_BYTES as u64).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir_all(&directory).unwrap();
        assert!(available_bytes().unwrap() > 0);
    }
}

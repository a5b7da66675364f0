//! A disk in memory that keeps after a crash only what was synced, and fails where a test tells it to.
//!
//! Bytes are durable after a sync of their file, names after a sync of their directory, nothing else is: stricter
//! than most filesystems, and what LOG-10 and LOG-11 are written against.
mod content;
mod crash;
mod faults;
mod filesystem;
mod names;
#[cfg(test)]
mod tests;

use super::disk::{Disk, DiskFile, Entry, Filesystem, OpenMode};
use content::{Change, Content};
use faults::Faults;
pub use faults::{Fault, FaultEffect, Operation, OperationKind};
use filesystem::{Held, Lost};
use names::{Names, NodeId};
use parking_lot::Mutex;
use std::{
    collections::BTreeSet,
    io::{self, IoSlice},
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What O_DIRECT asks of positions, lengths and addresses.
const DIRECT_ALIGNMENT: usize = 4096;

fn is_direct(mode: OpenMode) -> bool {
    matches!(mode, OpenMode::CreateDirect | OpenMode::WriteDirect)
}

/// A disk in memory; clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    names: Names,
    contents: Vec<Content>,
    locks: BTreeSet<PathBuf>,
    faults: Faults,
    /// Bytes of all files together; `None` for no limit.
    capacity_bytes: Option<u64>,
    ignore_syncs: bool,
    refuse_direct: bool,
    lost: Vec<Lost>,
}

impl MemoryDisk {
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// From now on syncs answer well and do nothing: a lying disk, to prove that a crash test can fail.
    pub fn ignore_syncs(&self, ignore: bool) {
        self.state.lock().ignore_syncs = ignore;
    }

    /// From now on files are not opened for direct writes, as on tmpfs.
    pub fn refuse_direct(&self, refuse: bool) {
        self.state.lock().refuse_direct = refuse;
    }

    /// All files together may hold so many bytes; beyond it writes end short with `StorageFull`.
    pub fn limit_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity_bytes = bytes;
    }

    /// Adds a fault; several may stand side by side.
    pub fn inject(&self, fault: Fault) {
        self.state.lock().faults.add(fault);
    }

    pub fn clear_faults(&self) {
        self.state.lock().faults.clear();
    }

    /// After so many more changes (writes, syncs, names made, renamed or removed) nothing has any effect and
    /// everything fails: the moment before a `crash`.
    pub fn power_off_after(&self, changes: u64) {
        self.state.lock().faults.power_off_after(changes);
    }

    /// Changes made so far.
    pub fn changes(&self) -> u64 {
        self.state.lock().faults.changes()
    }

    /// Operations of a kind so far, reads too.
    pub fn asked(&self, kind: OperationKind) -> u64 {
        self.state.lock().faults.asked(kind)
    }

    /// The operations that faults made fail, in order.
    pub fn struck(&self) -> Vec<(OperationKind, PathBuf)> {
        self.state.lock().faults.struck().to_vec()
    }

    /// Everything done so far but reads, in order.
    pub fn operations(&self) -> Vec<Operation> {
        self.state.lock().faults.operations().to_vec()
    }

    /// Bytes of all files that have a name.
    pub fn used_bytes(&self) -> u64 {
        self.state.lock().used_bytes()
    }

    /// Flips one bit of a file, durably: what an ageing disk does.
    pub fn flip_bit(&self, path: &Path, byte: u64, bit: u8) -> io::Result<()> {
        let mut state = self.state.lock();
        let content = state.content_of(path)?;
        state.contents[content].flip_bit(byte, bit)
    }
}

impl State {
    fn used_bytes(&self) -> u64 {
        self.names.files().into_iter().map(|place| self.contents[place].len()).sum()
    }

    fn content_of(&self, path: &Path) -> io::Result<usize> {
        self.names.file(path)
    }

    /// Bytes that one file may still grow by.
    fn room_bytes(&self) -> u64 {
        self.capacity_bytes.map_or(u64::MAX, |limit| limit.saturating_sub(self.used_bytes()))
    }

    fn sync_content(&mut self, place: usize) {
        if !self.ignore_syncs {
            self.contents[place].sync();
        }
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        if is_direct(mode) && state.refuse_direct {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        state.faults.check(OperationKind::Open, path)?;
        let place = match state.content_of(path) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && matches!(mode, OpenMode::Create | OpenMode::CreateDirect) =>
            {
                state.faults.change(OperationKind::Create, path, 0, 0)?;
                let place = state.contents.len();
                state.names.link(path, NodeId::File(place))?;
                state.contents.push(Content::named(path));
                place
            }
            other => other?,
        };
        Ok(Arc::new(Handle { disk: self.clone(), place, mode }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.names.is_dir(path) {
            return Ok(());
        }
        state.faults.change(OperationKind::Create, path, 0, 0)?;
        state.names.make_dirs(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut state = self.state.lock();
        state.faults.check(OperationKind::List, path)?;
        let children = state.names.children(path)?;
        Ok(children
            .into_iter()
            .map(|(name, node)| match node {
                NodeId::Dir(_) => Entry { name, is_dir: true, len: 0 },
                NodeId::File(place) => Entry { name, is_dir: false, len: state.contents[place].len() },
            })
            .collect())
    }

    fn exists(&self, path: &Path) -> bool {
        self.state.lock().names.find(path).is_some()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.faults.change(OperationKind::Rename, from, 0, 0)?;
        state.names.rename(from, to)?;
        state.contents.iter_mut().for_each(|content| content.renamed(from, to));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.content_of(path)?;
        state.faults.change(OperationKind::Remove, path, 0, 0)?;
        state.names.unlink(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if !state.names.is_dir(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.faults.change(OperationKind::Remove, path, 0, 0)?;
        state.names.unlink(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.faults.change(OperationKind::SyncDir, path, 0, 0)?;
        let ignore = state.ignore_syncs;
        state.names.sync(path, ignore)
    }

    fn filesystem(&self, path: &Path) -> io::Result<Arc<dyn Filesystem>> {
        Ok(Arc::new(Held::of(self, path)))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.open(path, OpenMode::Create)?;
        if !self.state.lock().locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Locked { disk: self.clone(), path: path.to_owned() }))
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.state.lock().room_bytes())
    }

    fn total_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.state.lock().capacity_bytes.unwrap_or(u64::MAX))
    }
}

struct Locked {
    disk: MemoryDisk,
    path: PathBuf,
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.disk.state.lock().locks.remove(&self.path);
    }
}

/// An open file; stays readable after its name is gone.
struct Handle {
    disk: MemoryDisk,
    place: usize,
    mode: OpenMode,
}

impl Handle {
    fn check_writable(&self) -> io::Result<()> {
        if matches!(self.mode, OpenMode::Read | OpenMode::ReadBehind) {
            Err(io::ErrorKind::PermissionDenied.into())
        } else {
            Ok(())
        }
    }

    fn check_aligned(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let aligned = |n: usize| n.is_multiple_of(DIRECT_ALIGNMENT);
        let whole = aligned(bytes.as_ptr() as usize) && aligned(bytes.len()) && aligned(position as usize);
        if is_direct(self.mode) && !whole { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(()) }
    }

    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.check_writable()?;
        let state = &mut *self.disk.state.lock();
        let short = state.faults.write(state.contents[self.place].path(), position, bytes.len() as u64)?;
        let grows_to = position.saturating_add(bytes.len() as u64);
        let held = state.contents[self.place].len();
        let growth = grows_to.saturating_sub(held);
        let over = growth.saturating_sub(if growth > 0 { state.room_bytes() } else { 0 });
        let fits = bytes.len() - usize::try_from(over).map_or(bytes.len(), |over| over.min(bytes.len()));
        let (written, error) = match short {
            Some((written, error)) if written < fits => (written, Some(error)),
            _ if over > 0 => (fits, Some(io::ErrorKind::StorageFull.into())),
            _ => (fits, None),
        };
        if written > 0 {
            state.contents[self.place].change(Change::Write { position, bytes: bytes[..written].to_vec() });
        }
        error.map_or(Ok(()), Err)
    }

    fn sync(&self) -> io::Result<()> {
        let state = &mut *self.disk.state.lock();
        let path = state.contents[self.place].path();
        let synced = state.faults.change(OperationKind::Sync, path, 0, 0);
        if let Some(kind) = state.contents[self.place].take_untold() {
            return synced.and(Err(kind.into()));
        }
        if let Err(error) = synced {
            // The kernel reports such an error once and calls the pages clean: a later sync does not save them. A process
            // that dies before its sync has failed nothing: the pages stay as they are.
            if !state.faults.is_off() {
                state.lose(self.place, error.kind());
            }
            return Err(error);
        }
        state.sync_content(self.place);
        Ok(())
    }
}

impl DiskFile for Handle {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let state = &mut *self.disk.state.lock();
        state.faults.check(OperationKind::Read, state.contents[self.place].path())?;
        Ok(state.contents[self.place].read(buffer, position))
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.check_aligned(bytes, position)?;
        self.write(bytes, position)
    }

    fn write_slices_at(&self, slices: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        let mut at = position;
        for slice in slices.iter() {
            self.check_aligned(slice, at)?;
            at += slice.len() as u64;
        }
        let whole = slices.iter().map(|slice| &**slice).collect::<Vec<&[u8]>>().concat();
        self.write(&whole, position)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().contents[self.place].len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let state = &mut *self.disk.state.lock();
        state.faults.change(OperationKind::SetLen, state.contents[self.place].path(), 0, len)?;
        state.contents[self.place].change(Change::SetLen(len));
        Ok(())
    }

    fn start_writeback(&self, _position: u64, _len: u64) -> io::Result<()> {
        let state = &mut *self.disk.state.lock();
        let checked = state.faults.check(OperationKind::Writeback, state.contents[self.place].path());
        if let Err(error) = &checked
            && !state.faults.is_off()
        {
            // What the filesystem had no place for is dropped, and of that no sync of the file tells.
            state.lose(self.place, error.kind());
        }
        checked
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

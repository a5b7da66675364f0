//! The bytes of one file: as they are read, as they are on disk, and what lies between.
use crate::platform::Chance;
use std::{
    io,
    path::{Path, PathBuf},
};

/// What a crash may tear apart: the disk writes whole sectors.
pub(super) const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { position: u64, bytes: Vec<u8> },
    SetLen(u64),
}

#[derive(Clone, Default)]
pub(super) struct Content {
    /// Its newest name, for faults and the list of operations.
    path: PathBuf,
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Changes since the last sync.
    pending: Vec<Change>,
    /// Some are lost, and the next sync of this file is to tell.
    untold: Option<io::ErrorKind>,
}

fn write(into: &mut Vec<u8>, position: u64, bytes: &[u8]) {
    let from = position as usize;
    if into.len() < from + bytes.len() {
        into.resize(from + bytes.len(), 0);
    }
    into[from..from + bytes.len()].copy_from_slice(bytes);
}

fn apply(into: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { position, bytes } => write(into, *position, bytes),
        Change::SetLen(len) => into.resize(*len as usize, 0),
    }
}

impl Content {
    pub fn named(path: &Path) -> Content {
        Content { path: path.to_owned(), ..Content::default() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file, or a directory above it, has got another name.
    pub fn renamed(&mut self, from: &Path, to: &Path) {
        if let Ok(below) = self.path.strip_prefix(from) {
            // Joining nothing would add a slash.
            self.path = if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
        }
    }

    pub fn len(&self) -> u64 {
        self.now.len() as u64
    }

    pub fn read(&self, buffer: &mut [u8], position: u64) -> usize {
        let from = (position as usize).min(self.now.len());
        let filled = buffer.len().min(self.now.len() - from);
        buffer[..filled].copy_from_slice(&self.now[from..from + filled]);
        filled
    }

    pub fn change(&mut self, change: Change) {
        apply(&mut self.now, &change);
        self.pending.push(change);
    }

    pub fn sync(&mut self) {
        for change in self.pending.drain(..) {
            apply(&mut self.durable, &change);
        }
    }

    pub fn lose_pending(&mut self) {
        self.pending.clear();
    }

    /// As `lose_pending`, by somebody who did not ask for this file.
    pub fn lose_untold(&mut self, kind: io::ErrorKind) {
        if !self.pending.is_empty() {
            self.pending.clear();
            self.untold = Some(kind);
        }
    }

    pub fn take_untold(&mut self) -> Option<io::ErrorKind> {
        self.untold.take()
    }

    pub fn flip_bit(&mut self, byte: u64, bit: u8) -> io::Result<()> {
        for bytes in [&mut self.now, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(byte as usize) {
                *byte ^= 1 << (bit % 8);
            }
        }
        if byte < self.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// What is left after a crash when nothing that was not synced got through.
    pub fn after_crash(&self) -> Content {
        Content {
            path: self.path.clone(),
            now: self.durable.clone(),
            durable: self.durable.clone(),
            ..Content::default()
        }
    }

    /// What is left when the disk was free to write some of it early: a prefix of the changes with the next one torn,
    /// or any sectors of any changes.
    pub fn after_crash_with(&self, chance: &dyn Chance) -> Content {
        let mut left = self.durable.clone();
        let count = self.pending.len() as u64;
        let in_order = chance.u64().is_multiple_of(2);
        let cut = chance.u64() % (count + 1);
        for (index, change) in self.pending.iter().enumerate() {
            match (in_order, (index as u64).cmp(&cut)) {
                (true, std::cmp::Ordering::Less) => apply(&mut left, change),
                (true, std::cmp::Ordering::Greater) => break,
                (true, std::cmp::Ordering::Equal) | (false, _) => apply_torn(&mut left, change, chance),
            }
        }
        Content { path: self.path.clone(), now: left.clone(), durable: left, ..Content::default() }
    }
}

fn apply_torn(into: &mut Vec<u8>, change: &Change, chance: &dyn Chance) {
    match change {
        Change::Write { position, bytes } => {
            let mut from = 0;
            while from < bytes.len() {
                let at = *position as usize + from;
                let until = bytes.len().min(from + SECTOR_BYTES - at % SECTOR_BYTES);
                if chance.u64().is_multiple_of(2) {
                    write(into, at as u64, &bytes[from..until]);
                }
                from = until;
            }
        }
        Change::SetLen(_) if chance.u64().is_multiple_of(2) => apply(into, change),
        Change::SetLen(_) => {}
    }
}

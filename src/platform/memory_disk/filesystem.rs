//! The disk as a whole, and what was lost there: whoever holds it hears of each loss once, and who opens it later of those that nobody has
//! heard of yet, as Linux tells them (errseq).
use super::{Content, Filesystem, MemoryDisk, OperationKind, State};
use parking_lot::Mutex;
use std::{
    io,
    path::{Path, PathBuf},
};

/// Something that could not be written.
#[derive(Clone)]
pub(super) struct Lost {
    path: PathBuf,
    kind: io::ErrorKind,
    told: bool,
}

/// One who holds it, by a directory: paths that begin otherwise stand for other filesystems.
pub(super) struct Held {
    disk: MemoryDisk,
    path: PathBuf,
    /// So many were lost when this was opened, or asked last.
    seen: Mutex<usize>,
}

impl State {
    /// What is pending of a file.
    pub(super) fn lose(&mut self, place: usize, kind: io::ErrorKind) {
        let path = self.contents[place].path().to_owned();
        self.contents[place].lose_pending();
        self.lost.push(Lost { path, kind, told: false });
    }
}

impl Held {
    pub(super) fn of(disk: &MemoryDisk, path: &Path) -> Held {
        let seen = Mutex::new(disk.state.lock().lost.len());
        Held { disk: disk.clone(), path: path.to_owned(), seen }
    }
}

impl Filesystem for Held {
    fn sync(&self) -> io::Result<()> {
        let (mut seen, mut state) = (self.seen.lock(), self.disk.state.lock());
        let state = &mut *state;
        let synced = state.faults.change(OperationKind::SyncFilesystem, &self.path, 0, 0);
        if let Err(error) = &synced
            && !state.faults.is_off()
        {
            // As with one file: what could not be written is called clean.
            state.contents.iter_mut().for_each(|content| content.lose_untold(error.kind()));
            state.lost.push(Lost { path: self.path.clone(), kind: error.kind(), told: true });
        }
        let (mut kind, before) = (None, *seen);
        for (at, lost) in state.lost.iter_mut().enumerate() {
            if lost.path.starts_with(&self.path) || self.path.starts_with(&lost.path) {
                // One error stands for all of them: the last.
                kind = Some(lost.kind).filter(|_| at >= before || !lost.told).or(kind);
                lost.told = true;
            }
        }
        *seen = state.lost.len();
        synced?;
        if let Some(kind) = kind {
            return Err(kind.into());
        }
        if !state.ignore_syncs {
            state.contents.iter_mut().for_each(Content::sync);
            state.names.sync_all();
        }
        Ok(())
    }

    fn tells_failed_writes(&self) -> bool {
        true
    }
}

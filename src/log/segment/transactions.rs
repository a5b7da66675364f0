//! The transactions that markers of a segment aborted: in memory, and in the segment's own file.
use super::Segment;
use crate::{
    log::{
        aborted::{self, AbortedEntry, AbortedIndex},
        names,
    },
    platform::OpenMode,
};
use std::{io, sync::atomic::Ordering};

impl Segment {
    pub fn set_aborted(&self, index: AbortedIndex) {
        *self.aborted.lock() = index;
    }

    /// A marker of this segment aborted a transaction.
    pub fn note_aborted(&self, entry: AbortedEntry) {
        self.aborted.lock().push(entry);
    }

    /// Looks at the transactions that markers of this segment aborted, by their markers. The file is read once.
    pub fn read_aborted<T>(&self, look: impl FnOnce(&[AbortedEntry]) -> T) -> io::Result<T> {
        let mut index = self.aborted.lock();
        if index.entries().is_none() {
            *index = AbortedIndex::loaded(self.load_aborted()?);
        }
        Ok(look(index.entries().unwrap_or_default()))
    }

    /// The aborted transactions in the file; none when there is no file.
    pub fn load_aborted(&self) -> io::Result<Vec<AbortedEntry>> {
        let path = self.path(names::TXN_INDEX);
        match self.folder.disk().read(&path) {
            Ok(bytes) => aborted::parse(&bytes).ok_or_else(|| {
                let what = format!("{} holds impossible entries", path.display());
                io::Error::new(io::ErrorKind::InvalidData, what)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub fn set_aborted_unsynced(&self) {
        self.aborted_unsynced.store(true, Ordering::Release);
    }

    /// Must the file of aborted transactions be synced? It counts as synced from now on.
    pub fn take_aborted_unsynced(&self) -> bool {
        self.aborted_unsynced.swap(false, Ordering::AcqRel)
    }

    /// Appends to the file what is only in memory. Not synced here.
    pub fn write_aborted(&self) -> io::Result<()> {
        let mut aborted = self.aborted.lock();
        if let Some((at, bytes)) = aborted.pending() {
            let file = self.folder.disk().open(&self.path(names::TXN_INDEX), OpenMode::Create)?;
            file.write_all_at(&bytes, at)?;
            aborted.set_written();
            self.set_aborted_unsynced();
        }
        Ok(())
    }
}

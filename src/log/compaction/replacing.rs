//! Puts a cleaned segment in the place of those it was made of, so that a crash at any step leaves the old ones or the new
//! one (LOG-17, CMP-13).
//!
//! The cleaned files are synced; then they are named `.swap`: from here on the new segment counts, and opening the log
//! completes what a crash left undone. The old files are named `.deleted`, the new ones get their final names. A file system may
//! bring names to the disk in any order, so the directory is synced wherever one name means that others are there or gone: the
//! records are named after their indexes, and get their final name once the old files have lost theirs.
use super::output::{Cleaned, discard, named};
use crate::{
    log::{
        log::{Log, LogError},
        names,
        segment::Segment,
    },
    types::Offset,
};
use std::{io, sync::Arc};

impl Log {
    /// Replaces `old`, neighbours of this log, by `cleaned`. False, and nothing is changed, when the log was cut, shortened, moved
    /// or deleted since they were read (CMP-11). An error within ends the use of the directory. The last of a run says how
    /// far the log is clean then.
    pub(in crate::log) fn replace_segments(
        &self,
        old: &[Arc<Segment>],
        cleaned: &Cleaned,
        clean_to: Option<Offset>,
    ) -> Result<bool, LogError> {
        let _reshaping = self.reshaping.lock();
        if !self.holds(old) || self.shared().failure().is_some() {
            discard(&self.folder, cleaned.base);
            return Ok(false);
        }
        let beside = [names::INDEX, names::TIME_INDEX, names::TXN_INDEX, names::COVERED];
        for part in [&beside[..], &[names::LOG]] {
            match self.name_swap(cleaned, part) {
                // The log has moved meanwhile: what was written went with the directory that it was in.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                named => named.map_err(LogError::io("rename segments of", self.path()))?,
            }
            self.sync_names().map_err(|source| self.replace_failed(source))?;
        }
        self.exchange(old, cleaned).and_then(|()| self.sync_names()).map_err(|source| self.replace_failed(source))?;
        // Left over, it is removed when the log is opened.
        let _ = self.shared().disk.remove_file(&named(&self.folder, cleaned.base, names::COVERED, names::SWAP));
        if let Some(clean_to) = clean_to {
            self.set_cleaned(clean_to);
        }
        Ok(true)
    }

    /// These segments are still those of the log, which is neither closed nor deleted.
    pub(in crate::log) fn holds(&self, some: &[Arc<Segment>]) -> bool {
        if self.writer.lock().closed.is_some() {
            return false;
        }
        let segments = self.segments.read();
        let sealed = segments.len() - 1;
        some.iter().all(|one| segments[..sealed].iter().any(|held| Arc::ptr_eq(held, one)))
    }

    /// Once the records are named, the cleaned segment is the one that counts. Until then everything can be taken back.
    fn name_swap(&self, cleaned: &Cleaned, suffixes: &[&str]) -> io::Result<()> {
        for suffix in suffixes.iter().copied() {
            let from = named(&self.folder, cleaned.base, suffix, names::CLEANED);
            let to = named(&self.folder, cleaned.base, suffix, names::SWAP);
            let renamed = unless_missing(self.shared().disk.rename(&from, &to), suffix == names::LOG);
            if let Err(error) = renamed {
                discard(&self.folder, cleaned.base);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Nobody looks for a segment while the names change hands; those who hold files of the old ones go on reading them.
    fn exchange(&self, old: &[Arc<Segment>], cleaned: &Cleaned) -> io::Result<()> {
        let mut segments = self.segments.write();
        old.iter().for_each(|segment| segment.retire());
        let delay_ms = self.config().file_delete_delay_ms;
        for segment in old {
            // The records go last: without them the indexes would be orphans, which are removed.
            for suffix in names::INDEXES.into_iter().chain([names::LOG]) {
                let name = names::of_offset(segment.base(), suffix);
                let to = self.folder.file(format!("{name}{}", names::DELETED));
                if unless_missing(self.shared().disk.rename(&self.folder.file(name), &to), false)? {
                    self.shared().remove_later(to, false, delay_ms);
                }
            }
        }
        self.sync_names()?;
        for suffixes in [&names::INDEXES[..], &[names::LOG]] {
            for suffix in suffixes.iter().copied() {
                let from = named(&self.folder, cleaned.base, suffix, names::SWAP);
                let to = self.folder.file(names::of_offset(cleaned.base, suffix));
                unless_missing(self.shared().disk.rename(&from, &to), suffix == names::LOG)?;
            }
            if suffixes != [names::LOG] {
                self.sync_names()?;
            }
        }
        let first = segments.iter().position(|held| Arc::ptr_eq(held, &old[0])).unwrap_or_default();
        segments.splice(first..first + old.len(), [cleaned.segment(self.folder.clone())]);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.shared().disk.sync_dir(&self.path())
    }

    fn replace_failed(&self, source: io::Error) -> LogError {
        let error = LogError::io("replace segments of", self.path())(source);
        // Half of the names are changed: only opening the log anew can tell what it is.
        self.shared().fail(error.to_string());
        error
    }
}

/// True when it was renamed; a missing file is one that was never made, unless it is needed.
fn unless_missing(renamed: io::Result<()>, needed: bool) -> io::Result<bool> {
    match renamed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !needed => Ok(false),
        Err(error) => Err(error),
    }
}

//! Large batches go to the segment past the page cache: for a megabyte, pages and their bookkeeping cost more than the write.
use super::Segment;
use crate::{
    log::{file_cache::OpenFile, wal::LaidOut},
    platform::{OpenMode, is_direct_refused},
};
use std::{
    io::{self, IoSlice},
    sync::{Arc, atomic::Ordering},
};

impl Segment {
    /// The file for direct writes; `None` where the filesystem refuses them.
    pub(in crate::log) fn direct_file(self: &Arc<Self>) -> io::Result<Option<OpenFile>> {
        if let Some(file) = &*self.direct.lock() {
            return Ok(Some(file.clone()));
        }
        let files = self.folder.files();
        if !files.direct() {
            return Ok(None);
        }
        // Makes it when it is not there.
        self.file()?;
        let file = match self.folder.disk().open(&self.path(super::names::LOG), OpenMode::WriteDirect) {
            Ok(file) => file,
            Err(error) if is_direct_refused(&error) => {
                files.refuse_direct();
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        *self.direct.lock() = Some(file.clone());
        files.opened(self);
        Ok(Some(file))
    }

    /// Writes a batch behind the end, at `position`, which its layout was made for: the blocks that it fills go directly, its
    /// first and last bytes, which share a block with others, through the page cache.
    pub(in crate::log) fn write_laid_out(
        self: &Arc<Self>,
        body: &LaidOut,
        direct: &OpenFile,
        position: u64,
    ) -> io::Result<()> {
        self.used.store(true, Ordering::Relaxed);
        let file = self.file()?;
        let (before, behind) = (body.before(), body.behind());
        let blocks_at = position + before.len() as u64;
        let behind_at = position + (body.size() - behind.len()) as u64;
        if !before.is_empty() {
            file.write_all_at(before, position)?;
        }
        let mut blocks = body.blocks();
        match if blocks.is_empty() { Ok(()) } else { direct.write_slices_at(&mut blocks, blocks_at) } {
            // Opened, but other sizes are asked for.
            Err(error) if is_direct_refused(&error) => {
                self.folder.files().refuse_direct();
                self.close_direct();
                file.write_slices_at(&mut body.blocks(), blocks_at)?;
            }
            written => written?,
        }
        if behind.is_empty() { Ok(()) } else { file.write_slices_at(&mut [IoSlice::new(behind)], behind_at) }
    }

    /// No large batch follows soon.
    pub(in crate::log) fn close_direct(&self) {
        self.direct.lock().take();
    }
}

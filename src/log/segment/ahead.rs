//! Blocks of the disk that an active segment has ahead of its end: a write into them costs the filesystem less than one that
//! must first find its blocks, page by page.
use super::Segment;
use crate::platform::DiskFile;
use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

/// Shorter segments take their blocks with each write: thousands of small logs must not take a large disk.
const FROM_BYTES: u64 = 4 << 20;
/// What is asked for at once, and so the most that lies idle behind the end of one segment after a crash.
const AHEAD_BYTES_MAX: u64 = 16 << 20;
/// Written bytes begin their way to the disk in pieces of this size: what a checkpoint finds in the page cache goes at once, and the
/// commits of the write-ahead log wait behind it.
const WRITEBACK_BYTES: u64 = 1 << 20;
/// With less space than this on the disk it is left to those who write.
pub(in crate::log) const SPACE_BYTES_MIN: u64 = 1 << 30;

/// What to ask for, as (position, length), before `len` bytes go to `position`; never more than stands before it, never
/// beyond where the segment is rolled.
fn due(position: u64, len: u64, allocated: u64, segment_bytes: u64) -> Option<(u64, u64)> {
    let end = position + len;
    let from = allocated.max(position);
    let until = (from + position.min(AHEAD_BYTES_MAX)).min(segment_bytes);
    (position >= FROM_BYTES && end > allocated && until > end).then_some((from, until.saturating_sub(from)))
}

impl Segment {
    /// Before `len` bytes are written to `position`. A hint: a disk that cannot says so to the write.
    pub(in crate::log) fn allocate_ahead(
        self: &Arc<Self>,
        position: u64,
        len: u64,
        segment_bytes: u64,
    ) -> io::Result<()> {
        if let Some((from, len)) = due(position, len, self.allocated.load(Ordering::Relaxed), segment_bytes) {
            self.file()?.allocate_behind(from, len);
            self.allocated.store(from + len, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Everything up to `end` is in the page cache, of which this is the file. An error means that of a failed sync (LOG-9).
    pub(in crate::log) fn begin_writeback(&self, file: &dyn DiskFile, end: u64) -> io::Result<()> {
        let from = self.written_back.load(Ordering::Relaxed);
        if end.saturating_sub(from) >= WRITEBACK_BYTES {
            file.start_writeback(from, end - from)?;
            self.written_back.store(end, Ordering::Relaxed);
        }
        Ok(())
    }

    /// No more is written to it: what it has beyond its end, from this run or from one that was killed, goes back.
    pub(in crate::log) fn give_back_ahead(self: &Arc<Self>) {
        self.allocated.store(0, Ordering::Relaxed);
        self.close_direct();
        if self.bytes() >= FROM_BYTES
            && let Err(error) = self.file().and_then(|file| file.trim_behind(self.bytes()))
        {
            tracing::warn!(segment = %self.path(super::names::LOG).display(), "space behind its end could not be given back: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const MIB: u64 = 1 << 20;

    #[test]
    fn small_segments_ask_for_nothing_and_large_ones_for_no_more_than_they_have() {
        assert_eq!(due(FROM_BYTES - 1, MIB, 0, 1024 * MIB), None);
        assert_eq!(due(4 * MIB, MIB, 0, 1024 * MIB), Some((4 * MIB, 4 * MIB)));
        assert_eq!(due(5 * MIB, MIB, 8 * MIB, 1024 * MIB), None, "it still has some");
        assert_eq!(due(8 * MIB - 10, MIB, 8 * MIB, 1024 * MIB), Some((8 * MIB, 8 * MIB - 10)));
        assert_eq!(due(500 * MIB, MIB, 0, 1024 * MIB), Some((500 * MIB, AHEAD_BYTES_MAX)));
    }

    #[test]
    fn nothing_is_asked_for_beyond_the_roll() {
        assert_eq!(due(10 * MIB, MIB, 0, 15 * MIB), Some((10 * MIB, 5 * MIB)));
        assert_eq!(due(14 * MIB, MIB, 14 * MIB, 15 * MIB), None, "the write takes the rest itself");
        assert_eq!(due(10 * MIB, MIB, 0, 0), None, "where the roll is not known");
    }
}

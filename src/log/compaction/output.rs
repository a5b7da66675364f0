//! The segment that a run of compaction writes: beside the log under its own suffix, synced before it is put in place.
use crate::{
    log::{
        aborted::AbortedEntry,
        file_cache::OpenFile,
        folder::Folder,
        index::{self, IndexEntry, LiveIndex},
        names,
        segment::Segment,
        time_index::{LiveTimeIndex, TimeEntry},
    },
    platform::OpenMode,
    record::BatchHeader,
    types::Offset,
};
use std::{
    io::{self, IoSlice},
    path::PathBuf,
    sync::Arc,
};

/// Bytes written before the kernel is asked to bring them to the disk, so that the sync at the end finds little. No more: the
/// next commit of the write-ahead log waits behind them.
const WRITEBACK_BYTES: u64 = 1 << 20;

/// A segment that is being written and is no part of its log yet.
pub struct Output {
    folder: Arc<Folder>,
    base: Offset,
    file: OpenFile,
    bytes: u64,
    written_back: u64,
    index: LiveIndex,
    times: LiveTimeIndex,
    largest: Option<TimeEntry>,
    since_index: u64,
    index_interval_bytes: u64,
    /// Entries the offset index may have: it is a hint, and a full one only makes lookups walk further.
    entries_max: usize,
}

impl Output {
    pub fn create(
        folder: Arc<Folder>,
        base: Offset,
        index_interval_bytes: u64,
        index_bytes_max: u64,
    ) -> io::Result<Output> {
        let path = folder.file(format!("{}{}", names::of_offset(base, names::LOG), names::CLEANED));
        let file = folder.disk().open(&path, OpenMode::Create)?;
        file.set_len(0).inspect_err(|_| discard(&folder, base))?;
        Ok(Output {
            folder,
            base,
            file,
            bytes: 0,
            written_back: 0,
            index: LiveIndex::with_written(0),
            times: LiveTimeIndex::default(),
            largest: None,
            since_index: 0,
            index_interval_bytes,
            entries_max: usize::try_from(index_bytes_max).unwrap_or(usize::MAX) / index::ENTRY_BYTES,
        })
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends whole batches; each is noted by `note` as well, in the same order.
    pub fn write(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let bytes: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        self.file.write_slices_at(slices, self.bytes)?;
        self.bytes += bytes;
        if self.bytes - self.written_back >= WRITEBACK_BYTES {
            self.file.start_writeback(self.written_back, self.bytes - self.written_back)?;
            self.written_back = self.bytes;
        }
        Ok(())
    }

    /// A batch stands, or will stand, at `position`.
    pub fn note(&mut self, header: &BatchHeader, position: u64) {
        let last = header.last().and_then(|last| index::relative(self.base, last));
        let (Some(relative), Ok(at)) = (last, u32::try_from(position)) else { return };
        // A batch without records has a time, but no record to be found by it.
        let timestamp_ms = header.max_timestamp;
        if header.record_count > 0 && self.largest.is_none_or(|largest| timestamp_ms > largest.timestamp_ms) {
            self.largest = Some(TimeEntry { timestamp_ms, relative });
        }
        if self.since_index > self.index_interval_bytes && self.index.len() < self.entries_max {
            self.since_index = 0;
            self.index.push(IndexEntry { relative, position: at });
            if let Some(largest) = self.largest {
                self.times.push(largest);
            }
        }
        self.since_index += header.size() as u64;
    }

    /// Writes the indexes and syncs all files: what is put in place is there after a crash (LOG-17). `aborted` are the
    /// transactions that readers of this segment must still know of, `end` is where the segments end that it replaces: its
    /// last records may be missing, and opening the log after a crash must know which of them go.
    pub fn finish(mut self, aborted: &[AbortedEntry], end: Offset) -> io::Result<Cleaned> {
        if let Some(largest) = self.largest {
            self.times.push(largest);
        }
        self.file.start_writeback(self.written_back, self.bytes - self.written_back)?;
        let mut transactions = Vec::new();
        aborted.iter().for_each(|entry| entry.write(&mut transactions));
        // Where the file that it replaces had one it has one, too: then a crash between the two is seen by the names.
        let replaced = self.folder.disk().read(&self.folder.file(names::of_offset(self.base, names::TXN_INDEX)));
        let had_some = replaced.is_ok_and(|bytes| !bytes.is_empty());
        let is_wanted = |suffix: &str, bytes: &[u8]| suffix != names::TXN_INDEX || had_some || !bytes.is_empty();
        let files = [
            (names::INDEX, self.index.pending().1),
            (names::TIME_INDEX, self.times.pending().1),
            (names::TXN_INDEX, transactions),
            (names::COVERED, end.to_string().into_bytes()),
        ];
        // All are on their way before the first is synced: the filesystem's journal is committed once for them and not for each.
        let mut written = vec![self.file.clone()];
        for (suffix, bytes) in files.into_iter().filter(|(suffix, bytes)| is_wanted(suffix, bytes)) {
            let path = self.folder.file(format!("{}{}", names::of_offset(self.base, suffix), names::CLEANED));
            let file = self.folder.disk().open(&path, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(&bytes, 0)?;
            file.start_writeback(0, bytes.len() as u64)?;
            written.push(file);
        }
        written.iter().try_for_each(|file| file.sync_data())?;
        Ok(Cleaned {
            base: self.base,
            bytes: self.bytes,
            index_entries: self.index.len(),
            time_entries: self.times.len(),
            largest: self.largest,
        })
    }

    /// Removes what was written. A file that stays is removed when the log is opened.
    pub fn discard(self) {
        discard(&self.folder, self.base);
    }
}

/// Removes the files of an output that was not put in place.
pub fn discard(folder: &Folder, base: Offset) {
    for passing in [names::CLEANED, names::SWAP] {
        for suffix in names::INDEXES.into_iter().chain([names::COVERED, names::LOG]) {
            let _ = folder.disk().remove_file(&named(folder, base, suffix, passing));
        }
    }
}

/// The file of a segment under one of the passing suffixes.
pub fn named(folder: &Folder, base: Offset, suffix: &str, passing: &str) -> PathBuf {
    folder.file(format!("{}{passing}", names::of_offset(base, suffix)))
}

/// A whole segment under the suffix `.cleaned`, synced.
pub struct Cleaned {
    pub base: Offset,
    pub bytes: u64,
    index_entries: usize,
    time_entries: usize,
    largest: Option<TimeEntry>,
}

impl Cleaned {
    /// The segment as a part of its log; its files have their final names by now.
    pub fn segment(&self, folder: Arc<Folder>) -> Arc<Segment> {
        let segment = Segment::existing(folder, self.base, self.bytes);
        segment.set_indexes(
            LiveIndex::with_written(self.index_entries),
            LiveTimeIndex::with_written(self.time_entries, self.largest),
            self.largest,
        );
        // Written just now, from batches each of which was looked at.
        segment.health().set_whole(0..self.bytes);
        segment
    }
}

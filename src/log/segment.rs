//! One segment: a `.log` file of batches and its indexes. Written by one writer, read by anyone.
use crate::{
    log::{
        aborted::AbortedIndex,
        config::LogConfig,
        damage::Health,
        file_cache::OpenFile,
        folder::{Folder, LoadedIndex},
        hints::{Hints, Place},
        index::{self, IndexEntry, LiveIndex},
        names, reindex, scan,
        scan::{Scan, Step},
        time_index::{LiveTimeIndex, TimeEntry},
    },
    platform::OpenMode,
    record::BatchHeader,
    types::Offset,
};
use parking_lot::Mutex;
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

mod ahead;
mod direct;
mod replaced;
mod times;
mod transactions;

pub(in crate::log) use ahead::SPACE_BYTES_MIN;
pub(in crate::log) use transactions::producers_at;

/// Bytes read at a time between two index entries.
const SEARCH_CHUNK_BYTES: usize = 4096;
/// The last segment of a log, up to this size, needs no index files.
const SMALL_BYTES_MAX: u64 = 64 << 10;
/// Bytes between two entries of an index that is made again in memory: Kafka's `index.interval.bytes`.
const REBUILT_INTERVAL_BYTES: u64 = 4096;
/// Positions are 31 bits in Kafka's index files.
pub const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64;

/// One segment of a log.
pub struct Segment {
    id: u64,
    base: Offset,
    folder: Arc<Folder>,
    file: Mutex<Option<OpenFile>>,
    /// For large batches.
    direct: Mutex<Option<OpenFile>>,
    used: AtomicBool,
    /// Its name is another segment's by now.
    retired: AtomicBool,
    /// Has bytes that were not synced to this file (they may be in the write-ahead log).
    dirty: AtomicBool,
    bytes: AtomicU64,
    /// Blocks were asked for up to here.
    allocated: AtomicU64,
    /// What stands before was told to go to the disk.
    written_back: AtomicU64,
    index: Mutex<LiveIndex>,
    times: Mutex<Times>,
    aborted: Mutex<AbortedIndex>,
    /// The file of aborted transactions was written since it was last synced.
    aborted_unsynced: AtomicBool,
    /// For readers only; held for a look.
    hints: Mutex<Hints>,
    health: Health,
}

/// The largest timestamp and its batch are one value under one lock (LOG-25).
#[derive(Default)]
struct Times {
    live: LiveTimeIndex,
    largest: Option<TimeEntry>,
    /// `largest` is known; otherwise it is still in the time index file.
    known: bool,
    /// From here on it is only known from headers that nobody has checked.
    unproven_from: Option<u64>,
}

/// A batch found in a segment.
#[derive(Clone, Copy, Debug)]
pub struct Located {
    pub position: u64,
    pub header: BatchHeader,
}

impl Segment {
    /// A segment without bytes; its file is made with the first write.
    pub fn create(folder: Arc<Folder>, base: Offset) -> Arc<Segment> {
        let segment = Segment::existing(folder, base, 0);
        segment.times.lock().known = true;
        *segment.index.lock() = LiveIndex::with_written(0);
        segment.set_aborted(AbortedIndex::empty());
        segment
    }

    /// A segment whose file has `bytes` bytes. Nothing is read.
    pub fn existing(folder: Arc<Folder>, base: Offset, bytes: u64) -> Arc<Segment> {
        let id = folder.indexes().next_id();
        Arc::new(Segment {
            id,
            base,
            folder,
            file: Mutex::new(None),
            direct: Mutex::new(None),
            used: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            bytes: AtomicU64::new(bytes),
            allocated: AtomicU64::new(0),
            written_back: AtomicU64::new(bytes),
            index: Mutex::default(),
            times: Mutex::default(),
            aborted: Mutex::new(AbortedIndex::InFile),
            aborted_unsynced: AtomicBool::new(false),
            hints: Mutex::default(),
            health: Health::unknown_to(bytes),
        })
    }

    pub fn base(&self) -> Offset {
        self.base
    }

    pub fn health(&self) -> &Health {
        &self.health
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    pub fn path(&self, suffix: &str) -> PathBuf {
        self.folder.file(names::of_offset(self.base, suffix))
    }

    pub fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }

    pub fn set_dirty(&self, dirty: bool) {
        self.dirty.store(dirty, Ordering::Release);
    }

    /// The `.log` file, opened when it is not.
    pub fn file(self: &Arc<Self>) -> io::Result<OpenFile> {
        self.used.store(true, Ordering::Relaxed);
        let opened = {
            let mut file = self.file.lock();
            if let Some(file) = &*file {
                return Ok(file.clone());
            }
            if self.retired.load(Ordering::Acquire) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let mode = if self.bytes() == 0 { OpenMode::Create } else { OpenMode::Write };
            file.insert(self.folder.disk().open(&self.path(names::LOG), mode)?).clone()
        };
        self.folder.files().opened(self);
        Ok(opened)
    }

    /// A descriptor of its own, for work in the background that reads from end to end.
    pub fn file_behind(&self) -> io::Result<OpenFile> {
        let _held = self.file.lock();
        if self.retired.load(Ordering::Acquire) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.folder.disk().open(&self.path(names::LOG), OpenMode::ReadBehind)
    }

    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Its file is not there, although it has bytes.
    pub fn is_missing(&self) -> bool {
        self.bytes() > 0 && !self.folder.disk().exists(&self.path(names::LOG))
    }

    pub fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    /// The segment is replaced: its file is not opened by its name any more. Who has it open goes on reading.
    pub fn retire(&self) {
        let _opening = self.file.lock();
        self.retired.store(true, Ordering::Release);
    }

    /// Readers that hold the file keep it.
    pub fn close_file(&self) {
        self.file.lock().take();
        self.close_direct();
    }

    /// Bytes were written behind the present end.
    pub fn extend(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Cuts the file; the indexes are rebuilt by whoever calls this.
    pub fn cut(self: &Arc<Self>, bytes: u64) -> io::Result<()> {
        let file = self.file()?;
        file.set_len(bytes)?;
        if file.len()? != bytes {
            return Err(io::Error::other("the file did not get the length it was cut to"));
        }
        self.hints.lock().forget();
        self.health.cut(bytes);
        self.bytes.store(bytes, Ordering::Release);
        self.allocated.store(0, Ordering::Relaxed);
        self.written_back.fetch_min(bytes, Ordering::Relaxed);
        self.set_dirty(true);
        self.folder.indexes().forget(self.id);
        Ok(())
    }

    /// Remembers a batch's timestamp, and its place when `indexed`.
    pub fn note(&self, position: u64, last: Offset, timestamp_ms: i64, indexed: bool) {
        let relative = index::relative(self.base, last).expect("a segment is rolled before 31 bits overflow");
        let mut times = self.times.lock();
        if times.largest.is_none_or(|largest| timestamp_ms > largest.timestamp_ms) {
            times.largest = Some(TimeEntry { timestamp_ms, relative });
        }
        if indexed {
            let position = u32::try_from(position).expect("a segment is rolled before 31 bits overflow");
            self.index.lock().push(IndexEntry { relative, position });
            if let Some(largest) = times.largest {
                times.live.push(largest);
            }
        }
    }

    /// Entries of the two indexes: a full one rolls the segment.
    pub fn index_entries(&self) -> (usize, usize) {
        (self.index.lock().len(), self.times.lock().live.len())
    }

    /// Sets both indexes and the largest timestamp, as found by recovery or a quick look at the files' ends.
    pub fn set_indexes(&self, index: LiveIndex, live: LiveTimeIndex, largest: Option<TimeEntry>) {
        *self.index.lock() = index;
        *self.times.lock() = Times { live, largest, known: true, unproven_from: None };
    }

    /// Appends to the index files what is only in memory. `seal`: no batch will follow, so the largest timestamp gets
    /// its entry, and the memory is freed. Files that would be empty are made only then: thousands of small logs cost
    /// their creation.
    pub fn write_indexes(&self, seal: bool) -> io::Result<()> {
        let disk = self.folder.disk();
        self.write_aborted()?;
        {
            let mut index = self.index.lock();
            let (at, bytes) = index.pending();
            if !bytes.is_empty() || (seal && index.is_empty()) {
                disk.open(&self.path(names::INDEX), OpenMode::Create)?.write_all_at(&bytes, at)?;
            }
            let all = index.len();
            let dropped = index.set_written(all);
            if seal {
                *index = LiveIndex::with_written(all);
            }
            if dropped || seal {
                // What readers loaded before ends too early.
                self.folder.indexes().forget(self.id);
            }
        }
        let mut times = self.times.lock();
        if let (true, Some(largest)) = (seal || !times.live.is_empty(), times.largest) {
            times.live.push(largest);
        }
        let (at, bytes) = times.live.pending();
        if !bytes.is_empty() || (seal && times.live.is_empty()) {
            disk.open(&self.path(names::TIME_INDEX), OpenMode::Create)?.write_all_at(&bytes, at)?;
        }
        times.live.set_written();
        Ok(())
    }

    /// The indexes of the last segment at a checkpoint, and at an orderly stop (`seal`). A small one that has no files yet gets
    /// none: it is walked as soon as they would be read, and thousands of small logs would each cost their creation.
    pub fn save_indexes(&self, seal: bool, config: &LogConfig) -> io::Result<()> {
        let small_bytes = SMALL_BYTES_MAX.min(config.segment_bytes / 16);
        let on_disk = || self.index.lock().written() > 0 || self.times.lock().live.written() > 0;
        if self.bytes() > small_bytes || on_disk() { self.write_indexes(seal) } else { self.write_aborted() }
    }

    /// True when many index entries wait in memory.
    pub fn indexes_gathered(&self) -> bool {
        self.index.lock().unwritten() >= 512
    }

    /// The whole offset index of the file, loaded once and held by the cache; rebuilt when missing or insane.
    fn loaded_index(self: &Arc<Self>) -> io::Result<LoadedIndex> {
        if let Some(index) = self.folder.indexes().get(self.id) {
            return Ok(index);
        }
        let read = self.read_own(names::INDEX);
        let parsed = match read {
            Ok(bytes) => index::parse(&bytes, self.bytes()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let entries = match parsed {
            Some(entries) => entries,
            None => self.rebuilt_index()?,
        };
        let loaded = Arc::new(entries);
        self.folder.indexes().put(self.id, loaded.clone());
        Ok(loaded)
    }

    /// An index file; `NotFound` too when its name is another segment's by now.
    fn read_own(&self, suffix: &str) -> io::Result<Vec<u8>> {
        let bytes = self.folder.disk().read(&self.path(suffix))?;
        // A segment is retired before its names are given away: what was read before that is its own.
        if self.is_retired() { Err(io::ErrorKind::NotFound.into()) } else { Ok(bytes) }
    }

    fn rebuilt_index(self: &Arc<Self>) -> io::Result<Vec<IndexEntry>> {
        if !self.is_retired() {
            tracing::warn!(segment = %self.path(names::LOG).display(), "the offset index is missing or damaged and is made again in memory");
        }
        Ok(reindex::scan(self, REBUILT_INTERVAL_BYTES)?.offsets)
    }

    /// A position at or before the batch that holds `offset`, as the index knows it.
    fn floor_position(self: &Arc<Self>, offset: Offset) -> io::Result<u64> {
        let Some(relative) = index::relative(self.base, offset) else { return Ok(0) };
        {
            let index = self.index.lock();
            let found = index::floor_by_offset(index.recent(), relative);
            if found.is_some() || index.all_recent() {
                return Ok(found.map_or(0, |entry| u64::from(entry.position)));
            }
        }
        if self.bytes() <= SEARCH_CHUNK_BYTES as u64 {
            return Ok(0);
        }
        let loaded = self.loaded_index()?;
        Ok(index::floor_by_offset(&loaded, relative).map_or(0, |entry| u64::from(entry.position)))
    }

    /// A batch boundary at or before `target` and not before `from`, which is one itself.
    fn floor_boundary(self: &Arc<Self>, from: u64, target: u64) -> io::Result<u64> {
        if target - from <= SEARCH_CHUNK_BYTES as u64 {
            return Ok(from);
        }
        let position = u32::try_from(target).unwrap_or(u32::MAX);
        {
            let index = self.index.lock();
            let found = index::floor_by_position(index.recent(), position);
            if found.is_some() || index.all_recent() {
                return Ok(found.map_or(from, |entry| from.max(entry.position.into())));
            }
        }
        let loaded = self.loaded_index()?;
        Ok(index::floor_by_position(&loaded, position).map_or(from, |entry| from.max(entry.position.into())))
    }

    /// The batch that holds `offset`, or the first after it, among the bytes before `end`.
    pub fn locate(self: &Arc<Self>, offset: Offset, end: u64) -> io::Result<Option<Located>> {
        let file = self.file()?;
        let mut start = self.floor_position(offset)?;
        if start > 0 {
            // The index is a hint: it is believed only when a batch of ours stands there (LOG-23).
            let header = scan::header_at(&*file, start, end)?;
            let fits = header
                .is_some_and(|header| header.base_offset >= self.base.get() && header.base_offset <= offset.get());
            if !fits {
                self.folder.indexes().forget(self.id);
                start = 0;
            }
        }
        let mut scan = Scan::headers(&*file, start, end).chunk(SEARCH_CHUNK_BYTES);
        loop {
            match scan.next_step()? {
                Step::Batch { position, header } if header.last() >= Some(offset) => {
                    // Known to be wrong: its offsets say nothing.
                    let Some(behind) = self.health.damaged_until(position) else {
                        return Ok(Some(Located { position, header }));
                    };
                    scan = Scan::headers(&*file, behind.min(end), end).chunk(SEARCH_CHUNK_BYTES);
                }
                Step::Batch { .. } => {}
                Step::End => return Ok(None),
                Step::Bad { position, why } => match self.health.damaged_until(position) {
                    Some(behind) => scan = Scan::headers(&*file, behind.min(end), end).chunk(SEARCH_CHUNK_BYTES),
                    None => return Err(damaged(self.path(names::LOG), position, &why)),
                },
            }
        }
    }

    /// As `locate`, for readers: where one of them stopped, the next begins without a look at index or file.
    pub fn place_of(self: &Arc<Self>, offset: Offset, end: u64) -> io::Result<Option<Place>> {
        if let Some(place) = self.hints.lock().find(offset.get()).filter(|place| place.end() <= end) {
            return Ok(Some(place));
        }
        let place = self.locate(offset, end)?.map(|found| Place::of(found.position, &found.header));
        if let Some(place) = place {
            self.hints.lock().remember(place);
        }
        Ok(place)
    }

    /// The last batch boundary at or before `target`, counted from `first`, which begins before it. Where the reader
    /// will go on is remembered.
    pub fn boundary_before(self: &Arc<Self>, first: Place, target: u64, end: u64) -> io::Result<u64> {
        let from = first.position;
        if first.end() > target {
            return Ok(from);
        }
        let file = self.file()?;
        let mut at = self.floor_boundary(from, target)?;
        let mut scan = Scan::headers(&*file, at, end).chunk(SEARCH_CHUNK_BYTES);
        loop {
            match scan.next_step()? {
                Step::Batch { .. } if scan.position() <= target => at = scan.position(),
                Step::Batch { position, header } => {
                    self.hints.lock().remember(Place::of(position, &header));
                    return Ok(at);
                }
                Step::End => return Ok(at),
                Step::Bad { position, .. } if self.health.damaged_until(position).is_some() => return Ok(at),
                // The index is a hint: it is believed only when a batch stands where it says (LOG-23).
                Step::Bad { position, .. } if position == at && at != from => {
                    self.folder.indexes().forget(self.id);
                    at = from;
                    scan = Scan::headers(&*file, at, end).chunk(SEARCH_CHUNK_BYTES);
                }
                Step::Bad { position, why } => return Err(damaged(self.path(names::LOG), position, &why)),
            }
        }
    }

    /// Remembers the batch that stands at `position`, where a reader stopped.
    pub fn note_next(self: &Arc<Self>, position: u64, end: u64) -> io::Result<()> {
        if let Some(header) = scan::header_at(&*self.file()?, position, end)? {
            self.hints.lock().remember(Place::of(position, &header));
        }
        Ok(())
    }
}

/// Nothing is found where the bytes are damaged, or torn.
fn unless_damaged<T>(found: io::Result<Option<T>>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        found => found,
    }
}

/// A batch that cannot be read where one must be.
pub fn damaged(path: PathBuf, position: u64, why: &scan::BadBatch) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged at byte {position}: {why}", path.display()))
}

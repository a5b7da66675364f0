//! Holds a bounded number of segment files open, whatever the number of partitions; the least used are closed first.
use crate::{
    log::{log_dir::LogDir, segment::Segment},
    platform::{Disk, DiskFile},
};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Less would have a single append close what it has just opened.
const OPEN_MIN: usize = 8;

/// The clock algorithm over open segments: a segment that was used since the hand last passed is passed once more.
pub struct FileCache {
    disk: Arc<dyn Disk>,
    open_max: AtomicUsize,
    open: Mutex<VecDeque<Weak<Segment>>>,
    /// A file with unsynced bytes was closed: only a sync of the whole file system covers those for certain.
    closed_unsynced: AtomicBool,
    /// Files may be opened for direct writes.
    direct: AtomicBool,
}

impl FileCache {
    pub fn new(disk: Arc<dyn Disk>, open_max: usize, direct: bool) -> Arc<FileCache> {
        Arc::new(FileCache {
            disk,
            open_max: AtomicUsize::new(open_max.max(OPEN_MIN)),
            open: Mutex::default(),
            closed_unsynced: AtomicBool::new(false),
            direct: AtomicBool::new(direct),
        })
    }

    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Files open now, or nearly: segments that were dropped are counted until the hand passes.
    pub fn open_count(&self) -> usize {
        self.open.lock().len()
    }

    pub fn take_closed_unsynced(&self) -> bool {
        self.closed_unsynced.swap(false, Ordering::AcqRel)
    }

    pub fn direct(&self) -> bool {
        self.direct.load(Ordering::Relaxed)
    }

    /// The filesystem takes no direct writes: it is not asked again.
    pub fn refuse_direct(&self) {
        self.direct.store(false, Ordering::Relaxed);
    }

    /// From now on so many files are open at most; those that are too many are closed.
    pub fn set_open_max(&self, open_max: usize) {
        self.open_max.store(open_max.max(OPEN_MIN), Ordering::Relaxed);
        self.close_surplus(&mut self.open.lock(), None);
    }

    /// `segment` has just opened a file; closes others while too many are open.
    pub fn opened(&self, segment: &Arc<Segment>) {
        let mut open = self.open.lock();
        open.push_back(Arc::downgrade(segment));
        self.close_surplus(&mut open, Some(segment));
    }

    fn close_surplus(&self, open: &mut VecDeque<Weak<Segment>>, newest: Option<&Arc<Segment>>) {
        let open_max = self.open_max.load(Ordering::Relaxed);
        let mut passes_left = 2 * open.len();
        while open.len() > open_max && passes_left > 0 {
            passes_left -= 1;
            let Some(candidate) = open.pop_front() else { break };
            let Some(other) = candidate.upgrade() else { continue };
            if newest.is_some_and(|newest| Arc::ptr_eq(&other, newest)) || other.take_used() {
                open.push_back(candidate);
                continue;
            }
            if other.is_dirty() {
                self.closed_unsynced.store(true, Ordering::Release);
            }
            other.close_file();
        }
    }
}

impl LogDir {
    /// From now on so many segment files are open at most.
    pub fn set_open_files_max(&self, open_files_max: usize) {
        self.shared.files.set_open_max(open_files_max);
    }
}

/// A file that is open while someone holds it.
pub type OpenFile = Arc<dyn DiskFile>;

//! A segment whose file is gone, or is another than it was.
use super::Segment;
use crate::{
    log::{aborted::AbortedIndex, folder::Folder},
    types::Offset,
};
use std::sync::{Arc, atomic::Ordering};

const STAND_IN_BYTES: u64 = 1;

impl Segment {
    /// No other segment has it, also of the same base.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Stands for a file that was there and is not any more: without any bytes that could be read.
    pub fn stand_in(folder: Arc<Folder>, base: Offset) -> Arc<Segment> {
        let segment = Segment::existing(folder, base, STAND_IN_BYTES);
        segment.set_aborted(AbortedIndex::empty());
        segment
    }

    /// See `stand_in`. No segment file that has a batch is as short.
    pub fn is_stand_in(&self) -> bool {
        self.bytes() == STAND_IN_BYTES
    }

    /// The file has another name and is another: nobody has looked at it.
    pub fn moved(&self) {
        self.close_file();
        self.set_dirty(false);
        self.allocated.store(0, Ordering::Relaxed);
        self.health.forget(self.bytes());
    }

    /// Places that readers remember may be those of damage.
    pub fn forget_hints(&self) {
        self.hints.lock().forget();
    }
}

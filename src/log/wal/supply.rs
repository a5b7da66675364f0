//! The thread that has the next file ready before it is needed, and makes spare files of released ones.
use super::{
    error::WalError,
    files::{Directory, LogFile, Spare},
};
use parking_lot::{Condvar, Mutex};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// For so long a full disk is not asked again.
const FULL_FOR: Duration = Duration::from_millis(100);

/// Each new file is this many times as large as the one before, up to the settings' size.
const GROWTH: u64 = 4;

/// Prepares and retires files beside the thread that commits.
pub(super) struct Supply {
    directory: Directory,
    small_file_bytes: u64,
    file_bytes_max: u64,
    state: Mutex<State>,
    changed: Condvar,
    spare_bytes: AtomicU64,
    filled: AtomicU64,
    recycled: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct State {
    stock: Stock,
    /// Smallest size of the file that is wanted; `None` when nothing is.
    wanted: Option<u64>,
    /// Only ever replaced by a larger one: who was promised its room keeps it.
    ready: Option<LogFile>,
    /// A file for times of rest is wanted, and is there. Its number may be behind that of others meanwhile.
    small_wanted: bool,
    small: Option<LogFile>,
    /// The disk had no room for a file of this size a moment ago.
    refused: Option<u64>,
    retired: Vec<Spare>,
    /// Spare files to keep at most.
    spares_max: usize,
    /// The disk is short of room: one is kept, whatever is asked for.
    scarce: bool,
    /// What went wrong, other than a full disk; told to whoever needs the next file.
    trouble: Option<WalError>,
    closing: bool,
}

/// What becomes of the wish for a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// There will be an answer, and whoever was given to `start` is told.
    Coming,
    Full,
    Failed,
}

/// What the next file can be made of; moved out of the state while a file is prepared.
#[derive(Default)]
struct Stock {
    next_number: u64,
    planned_bytes: u64,
    spares: Vec<Spare>,
}

impl Supply {
    pub fn new(directory: Directory, next_number: u64, spares: Vec<Spare>, sizes: (u64, u64)) -> Supply {
        let (first_file_bytes, file_bytes_max) = sizes;
        let spare_bytes = spares.iter().map(|s| s.file_bytes).sum();
        Supply {
            directory,
            small_file_bytes: first_file_bytes,
            file_bytes_max,
            spare_bytes: AtomicU64::new(spare_bytes),
            state: Mutex::new(State {
                stock: Stock { next_number, planned_bytes: first_file_bytes, spares },
                wanted: None,
                ready: None,
                small_wanted: false,
                small: None,
                refused: None,
                retired: Vec::new(),
                spares_max: 1,
                scarce: false,
                trouble: None,
                closing: false,
            }),
            changed: Condvar::new(),
            filled: AtomicU64::new(0),
            recycled: AtomicU64::new(0),
            thread: Mutex::new(None),
        }
    }

    /// `tell` is called, without any lock, whenever there is a new answer to what was asked.
    pub fn start(self: &Arc<Supply>, tell: impl Fn() + Send + 'static) -> Result<(), WalError> {
        let supply = self.clone();
        let thread = std::thread::Builder::new()
            .name("wal-files".into())
            .spawn(move || supply.run(&tell))
            .map_err(WalError::io("start the file thread for", self.directory.path()))?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// (bytes of spare files, files filled, files recycled)
    pub fn figures(&self) -> (u64, u64, u64) {
        let of = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        (of(&self.spare_bytes), of(&self.filled), of(&self.recycled))
    }

    /// Asks for a file ahead of time.
    pub fn want(&self, file_bytes_min: u64) {
        let mut state = self.state.lock();
        if state.ready.is_none() && state.wanted.is_none() && state.refused.is_none() {
            state.wanted = Some(file_bytes_min);
            self.changed.notify_all();
        }
    }

    /// Asks for a file of at least this size, since none that is there suffices.
    pub fn ask(&self, file_bytes_min: u64) -> Asked {
        let mut state = self.state.lock();
        if state.trouble.is_some() {
            return Asked::Failed;
        }
        if state.refused.is_some_and(|refused| refused <= file_bytes_min) {
            return Asked::Full;
        }
        state.wanted = Some(state.wanted.unwrap_or(0).max(file_bytes_min));
        self.changed.notify_all();
        Asked::Coming
    }

    /// The largest group that the next file takes; 0 while there is none.
    pub fn ready_room(&self) -> u64 {
        self.state.lock().ready.as_ref().map_or(0, LogFile::room)
    }

    pub fn take_ready(&self) -> Option<LogFile> {
        self.state.lock().ready.take()
    }

    /// Bytes of the next file; 0 while there is none.
    pub fn ready_bytes(&self) -> u64 {
        self.state.lock().ready.as_ref().map_or(0, |file| file.file_bytes)
    }

    /// The next file becomes a spare one.
    pub fn give_up_ready(&self) {
        let mut state = self.state.lock();
        if let Some(file) = state.ready.take() {
            state.retired.push(file.into_spare());
            self.changed.notify_all();
        }
    }

    pub fn small_file_bytes(&self) -> u64 {
        self.small_file_bytes
    }

    /// A small file that follows the one of this number; where there is none it is made, and whoever was given to `start` is
    /// told.
    pub fn take_small(&self, after: u64) -> Option<LogFile> {
        let mut state = self.state.lock();
        match state.small.take() {
            Some(file) if file.number > after => return Some(file),
            // Load came in between, and other files with it.
            Some(file) => state.retired.push(file.into_spare()),
            None => {}
        }
        state.small_wanted = true;
        self.changed.notify_all();
        None
    }

    pub fn take_trouble(&self) -> Option<WalError> {
        self.state.lock().trouble.take()
    }

    /// Files that hold nothing any more that is needed, oldest first. At most `spares_max` files are kept for use.
    pub fn retire(&self, files: impl IntoIterator<Item = Spare>, spares_max: usize) {
        let mut state = self.state.lock();
        state.retired.extend(files);
        state.spares_max = if state.scarce { 1 } else { spares_max.max(1) };
        self.changed.notify_all();
    }

    pub fn keep_few_spares(&self, few: bool) {
        let mut state = self.state.lock();
        state.scarce = few;
        if few {
            state.spares_max = 1;
            self.changed.notify_all();
        }
    }

    /// Finishes what was retired and stops.
    pub fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }

    fn run(&self, tell: &dyn Fn()) {
        let mut state = self.state.lock();
        loop {
            if !state.retired.is_empty() || state.stock.spares.len() > state.spares_max {
                let retired = std::mem::take(&mut state.retired);
                let mut stock = std::mem::take(&mut state.stock);
                let spares_max = state.spares_max;
                drop(state);
                let done = self.recycle(&mut stock, retired, spares_max);
                state = self.state.lock();
                state.stock = stock;
                if let Err(trouble) = done {
                    tracing::error!(%trouble, "a released write-ahead log file cannot be put aside");
                    state.trouble = Some(trouble);
                    state.spares_max = usize::MAX;
                }
            } else if let Some(file_bytes_min) = state.wanted.filter(|_| !state.closing) {
                let mut stock = std::mem::take(&mut state.stock);
                drop(state);
                let answer = self.prepare(&mut stock, file_bytes_min);
                state = self.state.lock();
                state.stock = stock;
                state.take_answer(answer, file_bytes_min);
                drop(state);
                tell();
                state = self.state.lock();
            } else if state.closing {
                return;
            } else if std::mem::take(&mut state.small_wanted) {
                let mut stock = std::mem::take(&mut state.stock);
                drop(state);
                let filled = self.fill(&mut stock, self.small_file_bytes);
                state = self.state.lock();
                state.stock = stock;
                match filled {
                    Ok(file) => {
                        state.small = Some(file);
                        drop(state);
                        tell();
                        state = self.state.lock();
                    }
                    // Nobody needs it.
                    Err(error) => tracing::debug!(%error, "no small file for the write-ahead log at rest"),
                }
            } else if state.refused.is_some() {
                if self.changed.wait_for(&mut state, FULL_FOR).timed_out() {
                    state.refused = None;
                }
            } else {
                self.changed.wait(&mut state);
            }
        }
    }

    fn recycle(&self, stock: &mut Stock, retired: Vec<Spare>, spares_max: usize) -> Result<(), WalError> {
        let recycled = self.recycle_each(stock, retired, spares_max);
        self.count_spares(stock);
        recycled
    }

    fn recycle_each(&self, stock: &mut Stock, retired: Vec<Spare>, spares_max: usize) -> Result<(), WalError> {
        for spare in retired {
            self.directory.retire(spare.number)?;
            stock.spares.push(spare);
        }
        // The largest are the most useful.
        stock.spares.sort_by_key(|s| s.file_bytes);
        while stock.spares.len() > spares_max {
            self.directory.remove_spare(stock.spares.remove(0).number)?;
        }
        Ok(())
    }

    /// A spare file that is large enough, or a new one; where there is no room for the planned size, the smallest
    /// size that does. Room is looked for first: half a file takes from others what they need.
    pub fn prepare_first(&self, file_bytes_min: u64) -> Result<LogFile, WalError> {
        let mut stock = std::mem::take(&mut self.state.lock().stock);
        let answer = self.prepare(&mut stock, file_bytes_min);
        self.state.lock().stock = stock;
        answer
    }

    fn prepare(&self, stock: &mut Stock, file_bytes_min: u64) -> Result<LogFile, WalError> {
        let planned = stock.planned_bytes.max(file_bytes_min);
        stock.planned_bytes = stock.planned_bytes.saturating_mul(GROWTH).min(self.file_bytes_max);
        let prepared = match self.reuse_spare(stock, planned) {
            Some(answer) => answer,
            None => {
                let answer = self.fill(stock, planned);
                match answer {
                    Err(error) if error.is_disk_full() => match self.reuse_spare(stock, file_bytes_min) {
                        Some(answer) => answer,
                        None if file_bytes_min < planned => self.fill(stock, file_bytes_min),
                        None => Err(error),
                    },
                    answer => answer,
                }
            }
        };
        self.count_spares(stock);
        prepared
    }

    fn reuse_spare(&self, stock: &mut Stock, file_bytes_min: u64) -> Option<Result<LogFile, WalError>> {
        let place = stock.spares.iter().position(|s| s.file_bytes >= file_bytes_min)?;
        let spare = stock.spares.remove(place);
        let number = stock.next_number;
        stock.next_number += 1;
        stock.planned_bytes = stock.planned_bytes.max(spare.file_bytes.min(self.file_bytes_max));
        self.recycled.fetch_add(1, Ordering::Relaxed);
        Some(self.directory.reuse(spare, number))
    }

    fn fill(&self, stock: &mut Stock, file_bytes: u64) -> Result<LogFile, WalError> {
        self.directory.check_room(file_bytes)?;
        let number = stock.next_number;
        stock.next_number += 1;
        self.filled.fetch_add(1, Ordering::Relaxed);
        self.directory.fill(number, file_bytes)
    }

    fn count_spares(&self, stock: &Stock) {
        self.spare_bytes.store(stock.spares.iter().map(|s| s.file_bytes).sum(), Ordering::Relaxed);
    }
}

impl State {
    fn take_answer(&mut self, answer: Result<LogFile, WalError>, file_bytes_min: u64) {
        // More may have been asked for meanwhile: that is looked at next.
        self.wanted = self.wanted.filter(|wanted| *wanted > file_bytes_min);
        match answer {
            Ok(file) => {
                self.refused = None;
                self.wanted = self.wanted.filter(|wanted| *wanted > file.file_bytes);
                // On a full disk what was asked for meanwhile can come smaller than what is there, whose room was promised.
                let (kept, spare) = match self.ready.take() {
                    Some(ready) if ready.file_bytes >= file.file_bytes => (ready, Some(file)),
                    smaller => (file, smaller),
                };
                self.ready = Some(kept);
                self.retired.extend(spare.map(LogFile::into_spare));
            }
            Err(error) if error.is_disk_full() => {
                self.refused = Some(file_bytes_min);
                self.wanted = None;
            }
            Err(error) => self.trouble = Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::MemoryDisk;
    use std::path::Path;

    #[test]
    fn log_7_a_file_whose_room_was_promised_gives_way_only_to_a_larger_one() {
        let directory = Directory::open(Arc::new(MemoryDisk::new()), Path::new("/wal"), false).unwrap();
        let file = |number, file_bytes| directory.fill(number, file_bytes);
        let (large, small, larger) = (file(1, 1 << 18), file(2, 1 << 15), file(3, 1 << 20));
        let directory = Directory::open(Arc::new(MemoryDisk::new()), Path::new("/wal"), false).unwrap();
        let supply = Supply::new(directory, 4, Vec::new(), (1 << 15, 1 << 20));
        let mut state = supply.state.lock();
        // More is asked for while the first file is made: it is enough.
        state.wanted = Some(1 << 15);
        state.take_answer(large, 1 << 14);
        assert_eq!(state.wanted, None);
        for (answer, bytes) in [(small, 1 << 18), (larger, 1 << 20)] {
            state.take_answer(answer, 1 << 15);
            assert_eq!(state.ready.as_ref().map(|file| file.file_bytes), Some(bytes));
        }
        assert_eq!(state.retired.iter().map(|spare| spare.number).collect::<Vec<_>>(), [2, 1]);
    }
}

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
};

/// Each new file is this many times as large as the one before, up to the settings' size.
const GROWTH: u64 = 4;

/// Prepares and retires files beside the thread that commits.
pub(super) struct Supply {
    directory: Directory,
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
    ready: Option<Result<LogFile, WalError>>,
    retired: Vec<Spare>,
    /// Spare files to keep at most.
    spares_max: usize,
    /// What went wrong beside the point; told to whoever takes the next file.
    trouble: Option<WalError>,
    closing: bool,
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
            file_bytes_max,
            spare_bytes: AtomicU64::new(spare_bytes),
            state: Mutex::new(State {
                stock: Stock { next_number, planned_bytes: first_file_bytes, spares },
                wanted: None,
                ready: None,
                retired: Vec::new(),
                spares_max: 1,
                trouble: None,
                closing: false,
            }),
            changed: Condvar::new(),
            filled: AtomicU64::new(0),
            recycled: AtomicU64::new(0),
            thread: Mutex::new(None),
        }
    }

    pub fn start(self: &Arc<Supply>) -> Result<(), WalError> {
        let supply = self.clone();
        let thread = std::thread::Builder::new()
            .name("wal-files".into())
            .spawn(move || supply.run())
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
        if state.ready.is_none() && state.wanted.is_none() {
            state.wanted = Some(file_bytes_min);
            self.changed.notify_all();
        }
    }

    /// The next file, of at least this size; waits until it is there. After an error the next call tries again.
    pub fn take(&self, file_bytes_min: u64) -> Result<LogFile, WalError> {
        let mut state = self.state.lock();
        loop {
            if let Some(trouble) = state.trouble.take() {
                return Err(trouble);
            }
            match state.ready.take() {
                Some(Ok(file)) if file.file_bytes < file_bytes_min => {
                    // Made ready before anybody knew how large the next group would be.
                    state.retired.push(Spare { number: file.number, file_bytes: file.file_bytes });
                }
                Some(answer) => return answer,
                None => {}
            }
            if state.closing {
                return Err(WalError::Closed);
            }
            state.wanted = Some(state.wanted.unwrap_or(0).max(file_bytes_min));
            self.changed.notify_all();
            self.changed.wait(&mut state);
        }
    }

    /// Files that hold nothing any more that is needed, oldest first. At most `spares_max` files are kept for use.
    pub fn retire(&self, files: impl IntoIterator<Item = Spare>, spares_max: usize) {
        let mut state = self.state.lock();
        state.retired.extend(files);
        state.spares_max = spares_max.max(1);
        self.changed.notify_all();
    }

    /// Finishes what was retired and stops.
    pub fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }

    fn run(&self) {
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
                // More may have been asked for meanwhile: then `take` finds the file too small and asks again.
                state.wanted = None;
                state.ready = Some(answer);
                self.changed.notify_all();
            } else if state.closing {
                return;
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
    /// size that does.
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
        let number = stock.next_number;
        stock.next_number += 1;
        self.filled.fetch_add(1, Ordering::Relaxed);
        self.directory.fill(number, file_bytes)
    }

    fn count_spares(&self, stock: &Stock) {
        self.spare_bytes.store(stock.spares.iter().map(|s| s.file_bytes).sum(), Ordering::Relaxed);
    }
}

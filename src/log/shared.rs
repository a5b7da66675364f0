//! What all logs of one directory share: disk, clock, write-ahead log, space left, and whether the directory failed.
use crate::{
    log::{
        Closed, Log, LogDir, direct_pace::DirectPace, failed_sync, file_cache::FileCache, folder::IndexCache, wal::Wal,
    },
    platform::{Clock, Disk},
    types::TopicId,
};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// The directory's common part; every log holds it.
pub struct Shared {
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub wal: Arc<Wal>,
    pub files: Arc<FileCache>,
    pub indexes: Arc<IndexCache>,
    pub path: PathBuf,
    /// For logs that have something to be noted at once.
    pub directory: OnceLock<Weak<LogDir>>,
    pub space: Space,
    /// Room is kept for the next start.
    pub reserved: AtomicBool,
    pub direct: DirectPace,
    failure: OnceLock<String>,
    /// Logs written since the last checkpoint.
    pub dirty: Mutex<Vec<Arc<Log>>>,
    pub logs: Mutex<BTreeMap<(TopicId, i32), Arc<Log>>>,
    /// Files and directories to be removed when their time has come.
    pub leaving: Mutex<Vec<Leaving>>,
    pub unsaved_bytes: AtomicU64,
    /// Found since the start.
    pub damages: AtomicU64,
    /// Some log had `flush.ms` set.
    pub flushes_by_time: AtomicBool,
    pub checkpoint_wal_bytes: u64,
    /// How much of one log the write-ahead log takes at a start.
    pub tail_bytes_max: u64,
    /// Wakes the background thread.
    pub alarm: Alarm,
}

/// Says what the disk is, not what stands on it or how many files are open.
fn is_of_device(error: &io::Error) -> bool {
    const CODES: [rustix::io::Errno; 5] = [
        rustix::io::Errno::IO,
        rustix::io::Errno::NXIO,
        rustix::io::Errno::NODEV,
        rustix::io::Errno::ROFS,
        rustix::io::Errno::UCLEAN,
    ];
    match error.raw_os_error() {
        Some(code) => CODES.iter().any(|known| known.raw_os_error() == code),
        None => error.kind() == io::ErrorKind::Other,
    }
}

/// A renamed file or directory, removed once `due` has passed on the monotonic clock.
pub struct Leaving {
    pub due: Duration,
    pub path: PathBuf,
    pub is_dir: bool,
}

impl Shared {
    pub fn new(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        wal: Arc<Wal>,
        path: PathBuf,
        settings: &crate::log::LogDirSettings,
    ) -> Arc<Shared> {
        Arc::new(Shared {
            files: FileCache::new(disk.clone(), settings.open_files_max, settings.wal.direct),
            indexes: IndexCache::new(settings.index_cache_bytes_max),
            disk,
            clock,
            wal,
            path,
            directory: OnceLock::new(),
            // The write-ahead log makes its files ahead of their use.
            space: Space::new(settings.disk_headroom_bytes.saturating_add(settings.wal.file_bytes)),
            reserved: AtomicBool::new(false),
            direct: DirectPace::new(settings.direct),
            failure: OnceLock::new(),
            dirty: Mutex::default(),
            logs: Mutex::default(),
            leaving: Mutex::default(),
            unsaved_bytes: AtomicU64::new(0),
            damages: AtomicU64::new(0),
            flushes_by_time: AtomicBool::new(false),
            checkpoint_wal_bytes: settings.checkpoint_wal_bytes,
            tail_bytes_max: settings.wal.buffer_bytes_max as u64,
            alarm: Alarm::default(),
        })
    }

    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// The directory is lost for this process (LOG-9): nothing is retried, every waiter is told. Takes no append lock.
    pub fn fail(&self, why: String) {
        if self.failure.set(why.clone()).is_err() {
            return;
        }
        tracing::error!(directory = %self.path.display(), "the log directory failed and takes no more records: {why}");
        failed_sync::leave_note(&*self.disk, &self.path);
        let logs: Vec<Arc<Log>> = self.logs.lock().values().cloned().collect();
        for log in logs {
            log.close_marks(Closed::StorageFailed);
        }
    }

    /// An error of the device, in reading too, ends the directory (OPS-2).
    pub fn judge(&self, error: &io::Error) {
        if is_of_device(error) {
            self.fail(format!("its device failed: {error}"));
        }
    }

    /// A log has this config from now on.
    pub fn take_config(&self, config: &crate::log::LogConfig) {
        if config.flush_ms.is_some() {
            self.flushes_by_time.store(true, Ordering::Relaxed);
        }
    }

    /// Bytes were written that only the write-ahead log holds durably; enough of them call for a checkpoint.
    pub fn count_unsaved(&self, bytes: u64) {
        let before = self.unsaved_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before < self.checkpoint_wal_bytes && before + bytes >= self.checkpoint_wal_bytes {
            self.alarm.ring();
        }
    }

    /// There is no room for records: told once, until there is room again.
    pub fn note_full(&self) {
        if self.space.refuse() {
            // A checkpoint, and the files of the write-ahead log that are kept for its next load, may be all that is missing.
            self.wal.keep_few_spares(true);
            self.alarm.ring();
            tracing::error!(
                directory = %self.path.display(),
                free_bytes = self.space.left_bytes(),
                kept_back_bytes = self.space.headroom_bytes(),
                "the disk is full: no more records are taken until some space is free, reading goes on"
            );
        }
    }

    pub fn count_damages(&self, found: usize) {
        self.damages.fetch_add(found as u64, Ordering::Relaxed);
    }

    pub fn remove_later(&self, path: PathBuf, is_dir: bool, delay_ms: u64) {
        let due = self.clock.monotonic() + Duration::from_millis(delay_ms);
        self.leaving.lock().push(Leaving { due, path, is_dir });
    }
}

/// Free space as last seen, less what was written since: appends are refused before they touch anything (OPS-3).
pub struct Space {
    left: AtomicI64,
    headroom: i64,
    /// Records were refused and this was told.
    short: AtomicBool,
}

impl Space {
    fn new(headroom: u64) -> Space {
        let headroom = i64::try_from(headroom).unwrap_or(i64::MAX);
        Space { left: AtomicI64::new(i64::MAX), headroom, short: AtomicBool::new(false) }
    }

    /// True when there is room again after a refusal.
    pub fn refresh(&self, free_bytes: u64) -> bool {
        let free = i64::try_from(free_bytes).unwrap_or(i64::MAX);
        self.left.store(free, Ordering::Relaxed);
        free > self.headroom && self.short.swap(false, Ordering::Relaxed)
    }

    /// Counts `bytes` as used twice, by the segment and by the write-ahead log; false when too little is left for them
    /// (then nothing is counted). What is kept back is for the broker's own records: topics can be deleted on a full
    /// disk.
    pub fn take(&self, bytes: u64, own: bool) -> bool {
        let bytes = i64::try_from(bytes.saturating_mul(2)).unwrap_or(i64::MAX);
        let left = self.left.load(Ordering::Relaxed);
        if left.saturating_sub(bytes) < if own { 0 } else { self.headroom } {
            return false;
        }
        self.left.fetch_sub(bytes, Ordering::Relaxed);
        true
    }

    /// So many bytes can be written beside what is kept back.
    pub fn has_room(&self, bytes: u64) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.left.load(Ordering::Relaxed).saturating_sub(bytes) >= self.headroom
    }

    /// As `has_room`, and counts them as used until the disk is asked again.
    pub fn take_beside(&self, bytes: u64) -> bool {
        let has_room = self.has_room(bytes);
        if has_room {
            self.left.fetch_sub(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
        has_room
    }

    /// Records are refused; true when that is news.
    pub fn refuse(&self) -> bool {
        !self.short.swap(true, Ordering::Relaxed)
    }

    /// Records were refused and there is no room again.
    pub fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    pub fn headroom_bytes(&self) -> i64 {
        self.headroom
    }

    pub fn left_bytes(&self) -> u64 {
        self.left.load(Ordering::Relaxed).max(0) as u64
    }
}

/// Wakes one thread; a ring before the wait is not lost.
#[derive(Default)]
pub struct Alarm {
    state: Mutex<AlarmState>,
    changed: Condvar,
}

#[derive(Default)]
struct AlarmState {
    rung: bool,
    stopped: bool,
}

impl Alarm {
    pub fn ring(&self) {
        self.state.lock().rung = true;
        self.changed.notify_all();
    }

    pub fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits for a ring or the time; false when stopped.
    pub fn wait(&self, at_most: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.rung && !state.stopped {
            self.changed.wait_for(&mut state, at_most);
        }
        state.rung = false;
        !state.stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ops_3_space_is_kept_back() {
        let space = Space::new(100);
        assert!(!space.refresh(400));
        assert!(space.take(100, false));
        assert!(!space.take(51, false));
        assert!(space.take(50, false));
        assert!(!space.take(1, false) && space.take(49, true) && !space.take(2, true));
        assert!(space.refuse() && !space.refuse());
        assert!(!space.refresh(99) && space.refresh(1_000) && !space.refresh(1_000));
        assert!(space.take(1, false));
    }
}

//! The thread of a log directory: takes checkpoints when they are due, removes what was deleted, forgets idle producers.
use crate::log::{Commits, Yielding, log_dir::LogDir, log_dir_error::LogDirError, shared::Leaving};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

/// Less than this in the write-ahead log is read by a start in a moment.
const BURST_BYTES_MIN: u64 = 8 << 20;
/// At most this part of a burst comes after its end, from one look to the next. At that rate a burst takes longer to come than
/// checkpoints are apart.
const TRICKLE_PART: u64 = 64;
/// So many such looks, and it is over.
const LOOKS_MIN: u32 = 2;
/// Less between two looks is no load.
const TRICKLE_BYTES: u64 = 1 << 20;

#[derive(Default)]
struct Background {
    checkpointed: Duration,
    expired: Duration,
    load: Load,
    removing: Removing,
}

/// Deleted files whose time has come, and how their removal makes way for commits.
#[derive(Default)]
struct Removing {
    left: VecDeque<(Leaving, Files)>,
    yielding: Option<Yielding>,
}

/// Of a directory that is to be removed: each is a piece of work of its own, and a deleted log may have many.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    There,
    Listed,
}

/// What came into the write-ahead log between two looks.
#[derive(Default)]
struct Load {
    looked: Duration,
    unsaved_bytes: u64,
    came_bytes: u64,
    low_looks: u32,
}

impl Load {
    /// Whether there is a checkpoint to be taken now, since a burst is over: nobody waits for the disk, and the next start has
    /// less to read.
    fn burst_is_over(&mut self, now: Duration, unsaved_bytes: u64) -> bool {
        // Woken before its time, the thread has seen too little to tell.
        if now < self.looked + LogDir::TICK * 3 / 4 {
            return false;
        }
        // Less than before: a checkpoint was between.
        self.came_bytes = unsaved_bytes.checked_sub(self.unsaved_bytes).unwrap_or(unsaved_bytes);
        (self.looked, self.unsaved_bytes) = (now, unsaved_bytes);
        self.low_looks = if self.came_bytes <= unsaved_bytes / TRICKLE_PART { self.low_looks + 1 } else { 0 };
        unsaved_bytes >= BURST_BYTES_MIN && self.low_looks >= LOOKS_MIN
    }

    fn is_low(&self) -> bool {
        self.came_bytes < TRICKLE_BYTES
    }
}

impl LogDir {
    pub(in crate::log) fn start_background(self: &Arc<Self>) -> Result<(), LogDirError> {
        if !self.settings.background {
            return Ok(());
        }
        let (shared, directory) = (self.shared.clone(), Arc::downgrade(self));
        let body = move || {
            let mut state = Background::default();
            let mut at_most = LogDir::TICK;
            while shared.alarm.wait(at_most) {
                match Weak::upgrade(&directory) {
                    Some(directory) => at_most = directory.tick(&mut state),
                    None => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("log-checkpoint".into()).spawn(body);
        *self.thread.lock() = Some(thread.map_err(LogDirError::io("start the checkpoint thread of", self.path()))?);
        Ok(())
    }

    /// Answers how long to wait for the next.
    fn tick(&self, state: &mut Background) -> Duration {
        let now = self.shared.clock.monotonic();
        self.look_at_space();
        self.keep_reserve();
        if let Some(error) = self.shared.wal.failure() {
            // Nobody may have waited for what was in the commit that failed.
            self.shared.fail(error.to_string());
        }
        self.flush_due();
        let unsaved = self.shared.unsaved_bytes.load(Ordering::Relaxed);
        let much = unsaved >= self.settings.checkpoint_wal_bytes || state.load.burst_is_over(now, unsaved);
        let interval = Duration::from_millis(self.settings.checkpoint_interval_ms);
        // On a full disk it may be the write-ahead log that takes the room.
        let interval = if self.shared.space.is_short() { interval.min(LogDir::PUT_OFF) } else { interval };
        let due = now >= state.checkpointed + interval;
        let soon = self.checkpoint_soon.swap(false, Ordering::AcqRel);
        if (much || due || soon) && self.is_recovered() && self.shared.failure().is_none() {
            self.take_checkpoint(state, now);
        }
        if now >= state.expired + Duration::from_millis(self.settings.producer_expiry_interval_ms) {
            state.expired = now;
            self.logs().iter().for_each(|log| {
                log.expire_producers();
            });
        }
        self.remove_due(&mut state.removing, &|| self.commits())
    }

    fn take_checkpoint(&self, state: &mut Background, now: Duration) {
        state.checkpointed = now;
        match self.checkpoint() {
            Ok(()) if state.load.is_low() => self.shared.wal.rest(),
            Ok(()) => {}
            Err(error) => {
                if let LogDirError::Full { .. } = error {
                    // What it would release may be what the disk has no room for.
                    let sooner =
                        Duration::from_millis(self.settings.checkpoint_interval_ms).saturating_sub(LogDir::PUT_OFF);
                    state.checkpointed = now.saturating_sub(sooner);
                }
                tracing::error!(directory = %self.path().display(), "the checkpoint failed: {error}");
            }
        }
    }

    /// Of its write-ahead log.
    pub fn commits(&self) -> Commits {
        self.shared.wal.commits()
    }

    /// `flush.ms` of logs without the write-ahead log, exact to about a second.
    pub(in crate::log) fn flush_due(&self) {
        if !self.shared.flushes_by_time.load(Ordering::Relaxed) {
            return;
        }
        let dirty = self.shared.dirty.lock().clone();
        for log in dirty {
            if log.config().flush_ms.is_some() {
                let mut writer = log.writer.lock();
                if writer.unlogged && writer.closed.is_none() && log.sync_segments(&mut writer).is_err() {
                    return;
                }
            }
        }
    }

    /// Removes deleted files and directories whose time has come.
    pub fn remove_left(&self, now: Duration) {
        let due: Vec<_> = self.shared.leaving.lock().extract_if(.., |one| one.due <= now).collect();
        due.iter().for_each(|one| self.remove(one));
    }

    /// As `remove_left`, with a rest where commits wait for it: each removal is work for the filesystem's journal and the disk.
    /// Answers after how long to go on.
    fn remove_due(&self, removing: &mut Removing, commits: &dyn Fn() -> Commits) -> Duration {
        let clock = &self.shared.clock;
        let begun = clock.monotonic();
        let due = self.shared.leaving.lock().extract_if(.., |one| one.due <= begun).collect::<Vec<_>>();
        removing.left.extend(due.into_iter().map(|one| (one, Files::There)));
        let yielding = removing.yielding.get_or_insert_with(|| Yielding::begin(begun, commits()));
        while !removing.left.is_empty() {
            let now = clock.monotonic();
            let wait = yielding.wait(now, commits);
            // Whoever is refused for want of room waits for the removal itself.
            if !wait.is_zero() && !self.shared.space.is_short() {
                return wait;
            }
            if now >= begun + LogDir::TICK {
                // The thread has other things to look at.
                return Duration::ZERO;
            }
            self.remove_next(&mut removing.left);
        }
        removing.yielding = None;
        LogDir::TICK
    }

    fn remove_next(&self, left: &mut VecDeque<(Leaving, Files)>) {
        match left.pop_front() {
            Some((directory, Files::There)) if directory.is_dir => {
                let files = self.shared.disk.list(&directory.path).unwrap_or_default();
                let file = |name| Leaving { due: directory.due, path: directory.path.join(name), is_dir: false };
                let files: Vec<_> = files.into_iter().filter(|one| !one.is_dir).map(|one| file(one.name)).collect();
                left.push_front((directory, Files::Listed));
                files.into_iter().for_each(|file| left.push_front((file, Files::There)));
            }
            Some((one, _)) => self.remove(&one),
            None => {}
        }
    }

    fn remove(&self, one: &Leaving) {
        let disk = &self.shared.disk;
        let removed = if one.is_dir { disk.remove_dir_all(&one.path) } else { disk.remove_file(&one.path) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %one.path.display(), "a deleted log could not be removed: {error}");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::LogDirSettings,
        platform::{Clock, Disk, MemoryDisk, OpenMode},
    };
    use std::{path::Path, sync::atomic::AtomicU64};

    const MIB: u64 = 1 << 20;

    /// Looks once a second at what is unsaved; at which of them a checkpoint is taken.
    fn checkpoints(unsaved: &[u64]) -> Vec<usize> {
        let mut load = Load::default();
        let looks = unsaved.iter().enumerate();
        looks
            .filter(|(at, bytes)| load.burst_is_over(LogDir::TICK * (*at as u32 + 1), **bytes))
            .map(|(at, _)| at)
            .collect()
    }

    #[test]
    fn a_checkpoint_is_taken_when_a_burst_is_over_and_not_before() {
        assert_eq!(checkpoints(&[100 * MIB, 150 * MIB, 150 * MIB, 150 * MIB]), [3]);
        assert_eq!(checkpoints(&[100 * MIB, 150 * MIB, 152 * MIB, 153 * MIB]), [3], "a little goes on coming");
        assert_eq!(checkpoints(&[100 * MIB, 150 * MIB, 150 * MIB, 155 * MIB, 155 * MIB]), [0; 0], "a pause");
        assert_eq!(checkpoints(&[MIB, 7 * MIB, 7 * MIB, 7 * MIB]), [0; 0], "a start reads it in a moment");
        assert_eq!(
            checkpoints(&[100 * MIB, 0, 90 * MIB, 90 * MIB, 90 * MIB]),
            [4],
            "after a checkpoint it counts anew"
        );
    }

    #[test]
    fn an_even_load_has_its_checkpoints_from_the_clock_alone() {
        let even: Vec<u64> = (1..=60).map(|second| second * MIB).collect();
        assert_eq!(checkpoints(&even), [0; 0]);
    }

    #[test]
    fn a_look_before_its_time_tells_nothing() {
        let mut load = Load::default();
        assert!(!load.burst_is_over(LogDir::TICK, 100 * MIB));
        for tenth in 1..7 {
            let now = LogDir::TICK + LogDir::TICK * tenth / 10;
            assert!(!load.burst_is_over(now, 100 * MIB), "rung in the middle of a burst");
        }
        assert!(!load.burst_is_over(LogDir::TICK * 2, 100 * MIB));
        assert!(load.burst_is_over(LogDir::TICK * 3, 100 * MIB));
    }

    /// A millisecond passes with each look at it.
    struct Ticking(AtomicU64);

    impl Clock for Ticking {
        fn wall_ms(&self) -> i64 {
            0
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    const FILES: usize = 200;

    /// A directory in which so many files and one deleted log with as many in it are due after a second.
    fn with_deleted() -> (MemoryDisk, Arc<LogDir>) {
        let (disk, clock) = (MemoryDisk::new(), Arc::new(Ticking(AtomicU64::new(0))));
        let settings = LogDirSettings { background: false, ..LogDirSettings::default() };
        let directory = LogDir::open(Arc::new(disk.clone()), clock, Path::new("/data"), settings).unwrap();
        disk.create_dir_all(Path::new("/data/t-0.x-delete")).unwrap();
        for number in 0..FILES {
            let gone = format!("/data/{number}.log.deleted");
            let inner = format!("/data/t-0.x-delete/{number}.log");
            for path in [&gone, &inner] {
                disk.open(Path::new(path), OpenMode::Create).unwrap();
            }
            directory.shared.remove_later(gone.into(), false, 1_000);
        }
        directory.shared.remove_later("/data/t-0.x-delete".into(), true, 1_000);
        (disk, directory)
    }

    /// Deleted files that are still there, and whether the deleted log is.
    fn left(disk: &MemoryDisk) -> (usize, bool) {
        let count = |path, end: &str| {
            let listed = disk.list(Path::new(path)).unwrap_or_default();
            listed.iter().filter(|one| one.name.ends_with(end)).count()
        };
        let folder = "/data/t-0.x-delete";
        (count("/data", ".deleted") + count(folder, ".log"), disk.exists(Path::new(folder)))
    }

    /// Commits that take their time, more with each question.
    fn busy() -> impl Fn() -> Commits {
        let asked = AtomicU64::new(0);
        move || {
            let count = asked.fetch_add(1, Ordering::Relaxed) * 10;
            Commits { count, time: Duration::from_millis(count) }
        }
    }

    fn wait_until_due(directory: &LogDir) {
        while directory.shared.clock.monotonic() < Duration::from_secs(2) {}
    }

    #[test]
    fn ret_4_deleted_files_stay_for_their_delay_and_go_at_once_where_nobody_commits() {
        let (disk, directory) = with_deleted();
        let mut removing = Removing::default();
        assert_eq!(directory.remove_due(&mut removing, &Commits::default), LogDir::TICK);
        assert_eq!(left(&disk), (2 * FILES, true), "before their time");
        wait_until_due(&directory);
        assert_eq!(directory.remove_due(&mut removing, &Commits::default), LogDir::TICK);
        assert_eq!(left(&disk), (0, false));
    }

    #[test]
    fn ret_4_the_removal_of_deleted_files_and_of_a_deleted_logs_files_rests_beside_commits() {
        let (disk, directory) = with_deleted();
        wait_until_due(&directory);
        let (mut removing, commits) = (Removing::default(), busy());
        let (mut rests, mut in_log, mut before) = (0, 0, left(&disk).0);
        while directory.remove_due(&mut removing, &commits) < LogDir::TICK {
            let now = left(&disk).0;
            assert!(before - now <= 20, "{} files without a rest", before - now);
            (rests, before) = (rests + 1, now);
            in_log += u32::from(now > 0 && now < FILES);
        }
        assert_eq!(left(&disk), (0, false));
        assert!(rests > 20 && in_log > 10, "{rests} rests, {in_log} of them within the log");
    }

    #[test]
    fn ops_3_deleted_files_go_without_a_rest_where_room_is_short() {
        let (disk, directory) = with_deleted();
        wait_until_due(&directory);
        assert!(directory.shared.space.refuse());
        assert_eq!(directory.remove_due(&mut Removing::default(), &busy()), LogDir::TICK);
        assert_eq!(left(&disk), (0, false));
    }

    #[test]
    fn ret_4_a_deleted_file_that_cannot_be_removed_holds_up_no_other() {
        let (disk, directory) = with_deleted();
        wait_until_due(&directory);
        for path in ["/data/7.log.deleted", "/data/t-0.x-delete/7.log"] {
            disk.inject(crate::platform::Fault::once(crate::platform::OperationKind::Remove, path));
        }
        assert_eq!(directory.remove_due(&mut Removing::default(), &Commits::default), LogDir::TICK);
        assert_eq!(left(&disk), (1, false), "the directory goes with all that is left in it");
    }
}

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
    left: VecDeque<Leaving>,
    yielding: Option<Yielding>,
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
        self.remove_due(&mut state.removing)
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
    fn remove_due(&self, removing: &mut Removing) -> Duration {
        let clock = &self.shared.clock;
        let begun = clock.monotonic();
        removing.left.extend(self.shared.leaving.lock().extract_if(.., |one| one.due <= begun));
        let yielding = removing.yielding.get_or_insert_with(|| Yielding::begin(begun, self.commits()));
        while !removing.left.is_empty() {
            let now = clock.monotonic();
            let wait = yielding.wait(now, || self.commits());
            // Whoever is refused for want of room waits for the removal itself.
            if !wait.is_zero() && !self.shared.space.is_short() {
                return wait;
            }
            if now >= begun + LogDir::TICK {
                // The thread has other things to look at.
                return Duration::ZERO;
            }
            removing.left.pop_front().iter().for_each(|one| self.remove(one));
        }
        removing.yielding = None;
        LogDir::TICK
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
}

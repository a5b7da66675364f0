//! The threads of compaction: each takes the dirtiest log, cleans it, and looks for the next. A log that cannot be cleaned is
//! told and passed over; the threads go on (CMP-2).
use super::{
    cleaning::{CleanError, CleanFigures, Cleaning, Resources},
    core::{Cleanable, Pace},
};
use crate::{
    log::{Log, LogDir, LogDirError, Yielding},
    platform::{Clock, make_way},
    types::{Offset, TopicId},
};
use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

/// How long a thread of compaction has a processor before it lets others go first.
const TURN: Duration = Duration::from_millis(1);

/// Settings of compaction that are no topic's (`log.cleaner.*`).
#[derive(Clone, PartialEq, Debug)]
pub struct CleanerSettings {
    pub threads: usize,
    /// Memory for keys, all threads together, and how full it may get.
    pub map_bytes: u64,
    pub map_load: f64,
    /// Memory for what is read and written, all threads together.
    pub buffer_bytes: u64,
    pub bytes_per_second: f64,
    pub backoff_ms: u64,
}

impl Default for CleanerSettings {
    fn default() -> CleanerSettings {
        CleanerSettings {
            threads: 1,
            map_bytes: 128 << 20,
            map_load: 0.9,
            buffer_bytes: 512 << 10,
            bytes_per_second: f64::MAX,
            backoff_ms: 15_000,
        }
    }
}

/// What compaction has done since the start.
#[derive(Clone, Copy, Default, Debug)]
pub struct CleanerTotals {
    pub runs: u64,
    pub failures: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub seconds: f64,
    /// Logs that are passed over.
    pub uncleanable: usize,
}

type Key = (TopicId, i32);

/// Compaction of all log directories of a broker.
pub struct Cleaner {
    directories: Vec<Arc<LogDir>>,
    clock: Arc<dyn Clock>,
    settings: ArcSwap<CleanerSettings>,
    pace: Mutex<Pace>,
    logs: Mutex<Logs>,
    totals: Mutex<CleanerTotals>,
    bell: Bell,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Which logs are not to be taken.
#[derive(Default)]
struct Logs {
    busy: BTreeSet<Key>,
    /// Passed over as long as they begin where they began then: what is wrong may go with what retention or somebody else deletes.
    uncleanable: BTreeMap<Key, Beginning>,
    /// Tried again at this time of the monotonic clock.
    put_off: BTreeMap<Key, Duration>,
    /// Directories without room for a cleaned segment, and how much it needed. Told once, until there is so much.
    no_room: BTreeMap<PathBuf, u64>,
}

/// Where a log's first segment begins, and the log itself.
type Beginning = (Offset, Offset);

fn beginning(log: &Log) -> Beginning {
    (log.segments.read()[0].base(), log.bounds().start())
}

/// One log to be cleaned, taken: nobody else works on it.
struct Taken<'a> {
    cleaner: &'a Cleaner,
    directory: Arc<LogDir>,
    log: Arc<Log>,
    plan: Cleanable,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.cleaner.logs.lock().busy.remove(&self.log.id().key());
    }
}

impl Cleaner {
    /// No thread runs until `start`.
    pub fn new(directories: Vec<Arc<LogDir>>, clock: Arc<dyn Clock>, settings: CleanerSettings) -> Arc<Cleaner> {
        Arc::new(Cleaner {
            directories,
            clock,
            pace: Mutex::new(Pace::new(settings.bytes_per_second)),
            settings: ArcSwap::from_pointee(settings),
            logs: Mutex::default(),
            totals: Mutex::default(),
            bell: Bell::default(),
            threads: Mutex::default(),
        })
    }

    /// Starts as many threads as the settings say.
    pub fn start(self: &Arc<Self>) -> io::Result<()> {
        let generation = self.bell.begin();
        let mut threads = self.threads.lock();
        for index in 0..self.settings.load().threads {
            let cleaner = self.clone();
            let body = move || {
                make_way();
                cleaner.work(generation);
            };
            threads.push(std::thread::Builder::new().name(format!("log-cleaner-{index}")).spawn(body)?);
        }
        Ok(())
    }

    /// New settings count at once. A different number of threads begins anew; what they were doing is left undone.
    pub fn update(self: &Arc<Self>, settings: CleanerSettings) {
        let before = self.settings.swap(Arc::new(settings.clone()));
        if *before == settings {
            return;
        }
        *self.pace.lock() = Pace::new(settings.bytes_per_second);
        if before.threads != settings.threads
            && self.bell.is_begun()
            && let Err(error) = self.start()
        {
            tracing::error!(%error, "the threads of compaction cannot be started");
        }
    }

    /// Ends all threads; a log that is being cleaned stays as it is. Idempotent.
    pub fn stop(&self) {
        self.bell.stop();
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join();
        }
    }

    pub fn totals(&self) -> CleanerTotals {
        let mut logs = self.logs.lock();
        let is_there = |key: &Key| self.directories.iter().any(|one| one.shared.logs.lock().contains_key(key));
        logs.uncleanable.retain(|key, _| is_there(key));
        let uncleanable = logs.uncleanable.len();
        drop(logs);
        CleanerTotals { uncleanable, ..*self.totals.lock() }
    }

    fn work(&self, generation: u64) {
        while self.bell.is_current(generation) {
            if !self.clean_next(generation) {
                let backoff = Duration::from_millis(self.settings.load().backoff_ms);
                self.bell.wait(generation, backoff);
            }
        }
    }

    /// Cleans the dirtiest log; false when none is worth it.
    pub fn clean_dirtiest(&self) -> bool {
        self.clean_next(self.bell.begin())
    }

    fn clean_next(&self, generation: u64) -> bool {
        let Some(taken) = self.take_dirtiest() else { return false };
        let begun = self.clock.monotonic();
        let cleaned = self.clean(&taken, generation);
        let id = taken.log.id();
        let mut totals = self.totals.lock();
        totals.seconds += (self.clock.monotonic() - begun).as_secs_f64();
        match cleaned {
            Ok(figures) => {
                totals.runs += 1;
                totals.read_bytes += figures.read_bytes;
                totals.written_bytes += figures.written_bytes;
                drop(totals);
                tracing::info!(
                    log = %id,
                    dirty_bytes = taken.plan.dirty_bytes,
                    written_bytes = figures.written_bytes,
                    keys = figures.keys,
                    segments_before = figures.segments_before,
                    segments_after = figures.segments_after,
                    "log compacted"
                );
            }
            Err(error) => {
                totals.failures += u64::from(!matches!(error, CleanError::Aborted));
                drop(totals);
                self.pass_over(&taken, &error);
            }
        }
        true
    }

    fn pass_over(&self, taken: &Taken<'_>, error: &CleanError) {
        let (id, directory) = (taken.log.id(), &taken.directory);
        let mut logs = self.logs.lock();
        if let CleanError::DiskFull { needed_bytes } = error
            && logs.no_room.insert(directory.path().to_owned(), *needed_bytes).is_none()
        {
            tracing::error!(log = %id, directory = %directory.path().display(), needed_bytes,
                "the disk has no room for compaction: logs stay as they are and grow, until some space is free");
        }
        if error.is_of_log() {
            tracing::error!(log = %id, %error, "the log cannot be compacted and is passed over until its first files are gone, or the broker is started anew");
            logs.uncleanable.insert(id.key(), beginning(&taken.log));
        } else {
            tracing::debug!(log = %id, %error, "compaction of the log is put off");
            let backoff = Duration::from_millis(self.settings.load().backoff_ms);
            logs.put_off.insert(id.key(), self.clock.monotonic() + backoff);
        }
    }

    fn clean(&self, taken: &Taken<'_>, generation: u64) -> Result<CleanFigures, CleanError> {
        let (directory, log) = (&taken.directory, &taken.log);
        let plan = match directory.make_synced(log, taken.plan.end) {
            Ok(()) => log.cleanable(self.clock.wall_ms()),
            Err(LogDirError::Full { .. }) => return Err(CleanError::DiskFull { needed_bytes: 0 }),
            // The directory has failed; there is nothing to be said of the log.
            Err(_) => return Err(CleanError::Aborted),
        };
        if plan.dirty_bytes == 0 {
            return Err(CleanError::Aborted);
        }
        let settings = self.settings.load_full();
        let share = |bytes: u64| usize::try_from(bytes / settings.threads.max(1) as u64).unwrap_or(usize::MAX);
        let yielding = RefCell::new(Yielding::begin(self.clock.monotonic(), directory.commits()));
        let turn = Cell::new(self.clock.monotonic());
        let spend = |bytes: u64| {
            let now = self.clock.monotonic();
            let mut pause =
                self.pace.lock().spend(now, bytes).max(yielding.borrow_mut().wait(now, || directory.commits()));
            if now.saturating_sub(turn.get()) >= TURN {
                // Those who commit and answer need a processor often and for a moment: a few of them would wait for a whole turn of the kernel's.
                std::thread::yield_now();
                turn.set(self.clock.monotonic());
            }
            while !pause.is_zero() {
                if !self.bell.wait(generation, pause) {
                    return false;
                }
                pause = yielding.borrow_mut().wait(self.clock.monotonic(), || directory.commits());
            }
            self.bell.is_current(generation)
        };
        let resources = Resources {
            map_bytes: share(settings.map_bytes),
            map_load: settings.map_load,
            // All of it for reading: what is kept is written from there.
            buffer_bytes: share(settings.buffer_bytes),
            spend: &spend,
        };
        let (end, figures) = Cleaning::new(log, &resources).run(&plan)?;
        if end <= plan.first_dirty {
            return Err(CleanError::Undecided { log: log.id().to_string(), offset: end });
        }
        // Where it is by now, if it has moved.
        let directory = self.directories.iter().find(|directory| directory.has_open(log)).unwrap_or(directory);
        // Not noted is not lost: the next run only begins earlier.
        if let Err(error) = directory.note_compaction(log) {
            tracing::warn!(log = %log.id(), %error, "how far the log is compacted could not be noted");
        }
        Ok(figures)
    }

    /// The log with the largest dirty part among those that are due.
    fn take_dirtiest(&self) -> Option<Taken<'_>> {
        let now_ms = self.clock.wall_ms();
        let now = self.clock.monotonic();
        let mut taken: Option<(Arc<LogDir>, Arc<Log>, Cleanable)> = None;
        let mut logs = self.logs.lock();
        logs.put_off.retain(|_, due| *due > now);
        for directory in &self.directories {
            let path = directory.path();
            if logs.no_room.get(path).is_some_and(|needed_bytes| directory.has_room(*needed_bytes)) {
                logs.no_room.remove(path);
                tracing::info!(directory = %path.display(), "the disk has room for compaction again");
            }
            if directory.failure().is_some() || !directory.is_recovered() {
                continue;
            }
            for log in directory.logs() {
                let key = log.id().key();
                let is_free = !logs.busy.contains(&key) && !logs.put_off.contains_key(&key);
                if !log.config().compact || !is_free {
                    continue;
                }
                if logs.uncleanable.get(&key).is_some_and(|then| *then == beginning(&log)) {
                    continue;
                }
                logs.uncleanable.remove(&key);
                let plan = log.cleanable_once_synced(now_ms);
                let is_dirtier = || taken.as_ref().is_none_or(|(_, _, best)| plan.ratio() > best.ratio());
                if plan.is_due(&log.cleaning_rules(now_ms)) && is_dirtier() {
                    taken = Some((directory.clone(), log, plan));
                }
            }
        }
        let (directory, log, plan) = taken?;
        logs.busy.insert(log.id().key());
        drop(logs);
        Some(Taken { cleaner: self, directory, log, plan })
    }
}

/// Wakes the threads when they are to end: each belongs to a generation, and ends with it.
#[derive(Default)]
struct Bell {
    state: Mutex<BellState>,
    changed: Condvar,
}

#[derive(Default)]
struct BellState {
    generation: u64,
    stopped: bool,
}

impl Bell {
    /// A new generation; the one before ends.
    fn begin(&self) -> u64 {
        let mut state = self.state.lock();
        state.generation += 1;
        self.changed.notify_all();
        state.generation
    }

    fn is_begun(&self) -> bool {
        self.state.lock().generation > 0
    }

    fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    fn is_current(&self, generation: u64) -> bool {
        let state = self.state.lock();
        !state.stopped && state.generation == generation
    }

    /// Waits; false when the generation has ended.
    fn wait(&self, generation: u64, at_most: Duration) -> bool {
        let mut state = self.state.lock();
        let is_current = |state: &mut BellState| !state.stopped && state.generation == generation;
        self.changed.wait_while_for(&mut state, is_current, at_most.min(Duration::from_secs(365 * 86_400)));
        !state.stopped && state.generation == generation
    }
}

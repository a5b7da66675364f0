//! Partitions on their way to another log directory (AlterReplicaLogDirs): one after the other, by one thread.
use super::{Partition, Unavailable};
use crate::{
    log::{LogDir, LogId, MoveError, Pace, Progress},
    platform::{Clock, make_way},
    types::{Offset, TopicId},
};
use parking_lot::{Condvar, Mutex};
use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc, thread::JoinHandle};

type Key = (TopicId, i32);

/// One wish.
#[derive(Clone)]
struct Wanted {
    partition: Arc<Partition>,
    to: Arc<LogDir>,
    progress: Arc<Progress>,
}

impl Wanted {
    fn is(&self, other: &Wanted) -> bool {
        Arc::ptr_eq(&self.progress, &other.progress)
    }
}

/// A copy of a partition that will take its place.
#[derive(Clone)]
pub struct Future {
    pub partition: Arc<Partition>,
    pub to: Arc<LogDir>,
    pub bytes: u64,
    pub reached: Offset,
}

#[derive(Default)]
struct State {
    wanted: BTreeMap<Key, Wanted>,
    stopped: bool,
}

/// All moves of a broker.
pub struct Moves {
    clock: Arc<dyn Clock>,
    pace: Mutex<Pace>,
    /// Held by who wishes, from the end of one wish for a partition to the begin of the next: that may take as long as a copy takes to take
    /// its log's place, and nobody else is to wait for it.
    wishing: Mutex<()>,
    state: Mutex<State>,
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Moves {
    /// No thread runs until `start`. `bytes_per_second`: `None` for as fast as it goes.
    pub fn new(clock: Arc<dyn Clock>, bytes_per_second: Option<u64>) -> Arc<Moves> {
        Arc::new(Moves {
            clock,
            pace: Mutex::new(pace_of(bytes_per_second)),
            wishing: Mutex::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
            thread: Mutex::default(),
        })
    }

    pub fn set_rate(&self, bytes_per_second: Option<u64>) {
        *self.pace.lock() = pace_of(bytes_per_second);
    }

    pub fn start(self: &Arc<Self>) -> io::Result<()> {
        let moves = self.clone();
        let body = move || {
            make_way();
            while let Some(wanted) = moves.next() {
                moves.carry_out(&wanted);
            }
        };
        *self.thread.lock() = Some(std::thread::Builder::new().name("log-moves".into()).spawn(body)?);
        Ok(())
    }

    /// Ends the thread; a copy that is not complete is made anew by the next start. Idempotent.
    pub fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }

    /// The partition is to be in `to`. Where it is there already, or on its way, nothing changes but that another move of it is
    /// called off: when this returns, that is not begun anew by any start either, and this wish is.
    pub fn want(&self, partition: &Arc<Partition>, to: &Arc<LogDir>) -> Result<(), Unavailable> {
        self.want_by(partition, to, |id| Progress::begin(to, id))
    }

    /// What the last stop has left in `copy` goes on, unless nobody wants it there.
    pub fn go_on(&self, partition: &Arc<Partition>, to: &Arc<LogDir>, copy: PathBuf) {
        let progress = Progress::again(copy);
        let wish = self.want_by(partition, to, |_| Ok(progress.clone()));
        let is_wanted = |now: Wanted| Arc::ptr_eq(&now.progress, &progress);
        // One that cannot begin now, since the directory it is to leave is offline, is found by the next start again.
        if wish.is_ok() && !self.wanted(partition).is_some_and(is_wanted) {
            // So is what cannot be removed.
            let _ = progress.call_off(to);
        }
    }

    fn want_by(
        &self,
        partition: &Arc<Partition>,
        to: &Arc<LogDir>,
        begin: impl FnOnce(&LogId) -> Result<Arc<Progress>, MoveError>,
    ) -> Result<(), Unavailable> {
        let _wishing = self.wishing.lock();
        if to.failure().is_some() {
            return Err(Unavailable::StorageFailed);
        }
        let here = match self.wanted(partition) {
            Some(wanted) if Arc::ptr_eq(&wanted.to, to) => return Ok(()),
            Some(other) => self.end(&other)?,
            None => partition.directory(),
        };
        let here = here.filter(|here| here.failure().is_none()).ok_or(Unavailable::StorageFailed)?;
        if !Arc::ptr_eq(&here, to) {
            let progress = begin(partition.id()).map_err(|error| {
                tracing::error!(partition = %partition.id(), to = %to.path().display(), "no move begins: {error}");
                Unavailable::StorageFailed
            })?;
            let wanted = Wanted { partition: partition.clone(), to: to.clone(), progress };
            self.state.lock().wanted.insert(partition.id().key(), wanted);
            self.changed.notify_all();
        }
        Ok(())
    }

    /// The partition is deleted: it goes nowhere.
    pub fn call_off(&self, partition: &Partition) {
        // Nobody who deletes waits for a disk that somebody else is to move to. A wish that comes just now finds no log.
        if self.wanted(partition).is_none() {
            return;
        }
        let _wishing = self.wishing.lock();
        if let Some(wanted) = self.wanted(partition) {
            // What cannot be removed belongs to no topic at the next start.
            let _ = self.end(&wanted);
        }
    }

    fn wanted(&self, partition: &Partition) -> Option<Wanted> {
        self.state.lock().wanted.get(&partition.id().key()).cloned()
    }

    /// Answers where the partition is then.
    fn end(&self, wanted: &Wanted) -> Result<Option<Arc<LogDir>>, Unavailable> {
        let here = wanted.partition.call_off(&wanted.to, &wanted.progress);
        self.forget(wanted);
        // The copy may wait for its rate, for hours.
        self.changed.notify_all();
        here
    }

    /// Unless another wish has come in its place.
    fn forget(&self, ended: &Wanted) {
        let mut state = self.state.lock();
        let key = ended.partition.id().key();
        if state.wanted.get(&key).is_some_and(|now| now.is(ended)) {
            state.wanted.remove(&key);
        }
    }

    /// All that is on its way.
    pub fn futures(&self) -> Vec<Future> {
        let future = |wanted: &Wanted| Future {
            partition: wanted.partition.clone(),
            to: wanted.to.clone(),
            bytes: wanted.progress.bytes(),
            reached: wanted.progress.reached(),
        };
        self.state.lock().wanted.values().map(future).collect()
    }

    /// Waits for a wish. `None` when stopped.
    fn next(&self) -> Option<Wanted> {
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(first) = state.wanted.values().next() {
                return Some(first.clone());
            }
            self.changed.wait(&mut state);
        }
    }

    fn carry_out(&self, wanted: &Wanted) {
        let is_on = |state: &State| !state.stopped && !wanted.progress.is_called_off();
        let mut spend = |bytes: u64| {
            let pause = self.pace.lock().spend(self.clock.monotonic(), bytes);
            let mut state = self.state.lock();
            if !pause.is_zero() && is_on(&state) {
                self.changed.wait_for(&mut state, pause);
            }
            is_on(&state)
        };
        let has_failed = || {
            let from = wanted.partition.directory();
            [from.as_ref(), Some(&wanted.to)].into_iter().flatten().any(|one| one.failure().is_some()) || from.is_none()
        };
        let keeps_copy = || self.state.lock().stopped || has_failed();
        let moved = wanted.partition.move_to(&wanted.to, &wanted.progress, &mut spend, &keeps_copy);
        let partition = wanted.partition.id();
        match moved {
            Ok(()) | Err(MoveError::CalledOff | MoveError::Here { .. }) => {}
            // Its copy went while it was written.
            Err(_) if wanted.progress.is_called_off() => {}
            Err(error) => {
                tracing::error!(%partition, to = %wanted.to.path().display(), "the partition stays where it is: {error}")
            }
        }
        self.forget(wanted);
    }
}

fn pace_of(bytes_per_second: Option<u64>) -> Pace {
    Pace::new(bytes_per_second.map_or(f64::MAX, |rate| rate as f64))
}

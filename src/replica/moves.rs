//! Partitions on their way to another log directory (AlterReplicaLogDirs): one after the other, by one thread.
use super::{Partition, Unavailable};
use crate::{
    log::{LogDir, MoveError, Pace, Progress},
    platform::Clock,
    types::{Offset, TopicId},
};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

type Key = (TopicId, i32);

/// One wish.
#[derive(Clone)]
struct Wanted {
    partition: Arc<Partition>,
    to: Arc<LogDir>,
    progress: Arc<Progress>,
    called_off: Arc<AtomicBool>,
}

/// A copy of a partition that will take its place.
#[derive(Clone)]
pub struct Future {
    pub partition: Arc<Partition>,
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
    /// called off.
    pub fn want(&self, partition: &Arc<Partition>, to: &Arc<LogDir>) -> Result<(), Unavailable> {
        let key = partition.id().key();
        let state = &mut *self.state.lock();
        if state.wanted.get(&key).is_some_and(|wanted| Arc::ptr_eq(&wanted.to, to)) {
            return Ok(());
        }
        if let Some(other) = state.wanted.remove(&key) {
            other.called_off.store(true, Ordering::Release);
        }
        let here = partition.directory().ok_or(Unavailable::StorageFailed)?;
        if here.failure().is_some() || to.failure().is_some() {
            return Err(Unavailable::StorageFailed);
        }
        if !Arc::ptr_eq(&here, to) {
            let wanted = Wanted {
                partition: partition.clone(),
                to: to.clone(),
                progress: Arc::default(),
                called_off: Arc::default(),
            };
            state.wanted.insert(key, wanted);
            self.changed.notify_all();
        }
        Ok(())
    }

    /// What is on its way to a directory.
    pub fn futures_in(&self, directory: &Arc<LogDir>) -> Vec<Future> {
        let state = self.state.lock();
        let here = state.wanted.values().filter(|wanted| Arc::ptr_eq(&wanted.to, directory));
        let future = |wanted: &Wanted| Future {
            partition: wanted.partition.clone(),
            bytes: wanted.progress.bytes(),
            reached: wanted.progress.reached(),
        };
        here.map(future).collect()
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
        let mut spend = |bytes: u64| {
            let pause = self.pace.lock().spend(self.clock.monotonic(), bytes);
            let mut state = self.state.lock();
            if !pause.is_zero() && !state.stopped {
                self.changed.wait_for(&mut state, pause);
            }
            !state.stopped && !wanted.called_off.load(Ordering::Acquire)
        };
        let moved = wanted.partition.move_to(&wanted.to, &wanted.progress, &mut spend, &|| self.state.lock().stopped);
        let partition = wanted.partition.id();
        match moved {
            Ok(()) | Err(MoveError::CalledOff | MoveError::Here { .. }) => {}
            Err(error) => {
                tracing::error!(%partition, to = %wanted.to.path().display(), "the partition stays where it is: {error}")
            }
        }
        let state = &mut *self.state.lock();
        // Unless another wish for it came meanwhile.
        let is_this = |now: &Wanted| Arc::ptr_eq(&now.called_off, &wanted.called_off);
        if state.wanted.get(&partition.key()).is_some_and(is_this) {
            state.wanted.remove(&partition.key());
        }
    }
}

fn pace_of(bytes_per_second: Option<u64>) -> Pace {
    Pace::new(bytes_per_second.map_or(f64::MAX, |rate| rate as f64))
}

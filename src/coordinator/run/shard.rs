//! One partition of the internal topic with its machine: waiting to be loaded, loading, serving, or not to be had.
use super::{Coordinated, CoordinatorError, Sharded, forget::Untold, journal::PartitionJournal, load, load::Volume};
use crate::{
    log::Log,
    machine::{NotWritten, Pending, Runtime},
    metrics::CoordinatorFigures,
    replica::{Partition, Unavailable},
    store::Rows,
    types::{LeaderEpoch, Offset},
};
use parking_lot::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

/// No timer is set.
pub(super) const NEVER_MS: u64 = u64::MAX;
/// Timers handled in one go; then requests and other partitions have their turn.
const DUE_AT_ONCE_MAX: usize = 1_000;

pub(super) struct Shard<M: Coordinated> {
    pub(super) partition: Arc<Partition>,
    /// The term in which this broker leads; a later one is another shard, loaded anew.
    pub(super) epoch: LeaderEpoch,
    /// Held while one operation is decided and appended; never across an await.
    state: Mutex<State<M>>,
    due_ms: AtomicU64,
    /// How far the view follows; negative until this shard has served.
    viewed: AtomicI64,
    /// Where the journal ended when it was loaded: what the view had by then cannot go beyond.
    loaded_end: AtomicI64,
    /// Topics that are gone; it is told once it serves.
    pub(super) untold: Untold,
}

enum State<M: Coordinated> {
    /// Nothing was ever written: its log is opened when the first request comes, and nothing is there to be told.
    Unwritten,
    Waiting,
    Loading,
    Serving(Box<Runtime<M, PartitionJournal<M>>>),
    /// The journal is damaged; told in the log once (TXN-15).
    Failed,
    Gone,
}

impl<M: Coordinated> Shard<M> {
    pub(super) fn new(partition: Arc<Partition>, epoch: LeaderEpoch, unwritten: bool) -> Arc<Shard<M>> {
        let state = if unwritten { State::Unwritten } else { State::Waiting };
        Arc::new(Shard {
            partition,
            epoch,
            state: Mutex::new(state),
            due_ms: AtomicU64::new(NEVER_MS),
            viewed: AtomicI64::new(-1),
            loaded_end: AtomicI64::new(0),
            untold: Untold::default(),
        })
    }

    pub(super) fn is_serving(&self) -> bool {
        matches!(&*self.state.lock(), State::Serving(_))
    }

    /// When its first timer is due.
    pub(super) fn due_ms(&self) -> u64 {
        self.due_ms.load(Ordering::Acquire)
    }

    /// Decides one request now; what comes back only waits for the commit.
    pub(super) fn run(&self, of: &Sharded<M>, request: M::Request) -> Result<Pending<M::Reply>, CoordinatorError> {
        self.run_if(of, request, |_| Ok(()))
    }

    /// As `run`, where `admit` agrees: it looks at the journal while nobody can write there.
    pub(super) fn run_if(
        &self,
        of: &Sharded<M>,
        request: M::Request,
        admit: impl FnOnce(&Arc<Log>) -> Result<(), CoordinatorError>,
    ) -> Result<Pending<M::Reply>, CoordinatorError> {
        let mut state = self.state.lock();
        if let State::Unwritten = &*state {
            self.begin(of, &mut state)?;
        }
        match &mut *state {
            State::Serving(runtime) => {
                admit(runtime.journal().log())?;
                Ok(self.decide(of, runtime, request))
            }
            State::Waiting => {
                // Somebody is here: before those that nobody asked for.
                of.wants_loading(self.partition.id().partition);
                Err(CoordinatorError::Loading)
            }
            State::Unwritten | State::Loading => Err(CoordinatorError::Loading),
            State::Failed => Err(CoordinatorError::Unavailable),
            State::Gone => Err(CoordinatorError::NotCoordinator),
        }
    }

    /// As `run`, for a question to all: `None` where nothing was ever written.
    pub(super) fn run_if_written(
        &self,
        of: &Sharded<M>,
        request: impl FnOnce() -> M::Request,
    ) -> Option<Result<Pending<M::Reply>, CoordinatorError>> {
        (!self.was_never_written()).then(|| self.run(of, request()))
    }

    pub(super) fn was_never_written(&self) -> bool {
        matches!(&*self.state.lock(), State::Unwritten)
    }

    /// Has a partition that serves let go of topics that are gone: how many it was asked about, and its answer.
    pub(super) fn forget(&self, of: &Sharded<M>) -> Option<(usize, Pending<M::Reply>)> {
        let mut state = self.state.lock();
        let State::Serving(runtime) = &mut *state else { return None };
        let topics = self.untold.all();
        let count = topics.len();
        let request = M::topics_deleted(topics).filter(|_| count > 0)?;
        Some((count, self.decide(of, runtime, request)))
    }

    fn decide(
        &self,
        of: &Sharded<M>,
        runtime: &mut Runtime<M, PartitionJournal<M>>,
        request: M::Request,
    ) -> Pending<M::Reply> {
        let batch_bytes_max = runtime.journal().batch_bytes_max();
        let pending = runtime.run(of.op(request, batch_bytes_max));
        if runtime.take_voided() {
            // The members lost their timers with the rest of the soft state (GRP-20).
            drop(runtime.run(of.op(M::loaded(), batch_bytes_max)));
        }
        let due_ms = M::next_due(runtime.soft()).unwrap_or(NEVER_MS);
        self.due_ms.store(due_ms, Ordering::Release);
        of.alarm.ring_before(due_ms);
        pending
    }

    /// Opens the log of a partition that was never written.
    fn begin(&self, of: &Sharded<M>, state: &mut State<M>) -> Result<(), CoordinatorError> {
        let log = self.partition.log().map_err(|why| match why {
            Unavailable::StorageFailed | Unavailable::Damaged(_) => CoordinatorError::Unavailable,
            _ => CoordinatorError::NotCoordinator,
        })?;
        if log.bounds().end() > Offset::ZERO {
            *state = State::Waiting;
            of.wants_loading(self.partition.id().partition);
            return Err(CoordinatorError::Loading);
        }
        *state = State::Serving(self.start(of, M::Hard::default(), log.clone()));
        Ok(())
    }

    fn start(&self, of: &Sharded<M>, hard: M::Hard, log: Arc<Log>) -> Box<Runtime<M, PartitionJournal<M>>> {
        self.loaded_end.store(log.bounds().end().get(), Ordering::Release);
        let journal = PartitionJournal::new(self.partition.clone(), log, of.clock.clone());
        let mut runtime = Box::new(Runtime::new(of.machine.clone(), hard, journal));
        drop(self.decide(of, &mut runtime, M::loaded()));
        self.viewed.store(0, Ordering::Release);
        runtime
    }

    /// Found to have no log on disk before it was loaded.
    pub(super) fn is_unwritten(&self) {
        let mut state = self.state.lock();
        if let State::Waiting = &*state {
            *state = State::Unwritten;
        }
    }

    /// Reads the journal and serves from then on. Blocks; once at a time and only where it is wanted.
    pub(super) fn load(&self, of: &Sharded<M>, rows: &mut Rows) {
        {
            let mut state = self.state.lock();
            let State::Waiting = &*state else { return };
            *state = State::Loading;
        }
        let begun = of.clock.monotonic();
        let read = self.read(of, rows);
        let mut state = self.state.lock();
        let State::Loading = &*state else { return };
        match read {
            Ok((hard, log, volume)) => {
                *state = State::Serving(self.start(of, hard, log));
                let took = of.clock.monotonic() - begun;
                of.count_load(took);
                of.loaded.notify_one();
                self.tell(volume, took.as_millis());
                of.forgetting.ring();
            }
            Err(why) if !why.is_damage() => {
                tracing::error!(partition = %self.partition.id(), %why, "the coordinator's partition is not loaded yet");
                // The next who asks has it tried again.
                *state = State::Waiting;
            }
            Err(why) => {
                tracing::error!(partition = %self.partition.id(), %why,
                    "the coordinator's partition cannot be loaded and stays unavailable; others go on");
                *state = State::Failed;
            }
        }
    }

    fn tell(&self, volume: Volume, ms: u128) {
        let Volume { rows, records, bytes, unknown } = volume;
        tracing::debug!(partition = %self.partition.id(), rows, records, bytes, ms, "coordinator loaded");
        if unknown > 0 {
            tracing::warn!(partition = %self.partition.id(), records = unknown,
                "records of types that this version of Ottla does not know were passed over");
        }
    }

    fn read(&self, of: &Sharded<M>, rows: &mut Rows) -> Result<(M::Hard, Arc<Log>, Volume), load::LoadError> {
        let log = self.partition.log().map_err(load::LoadError::Unavailable)?;
        let wanted = || matches!(&*self.state.lock(), State::Loading);
        let (hard, volume) = load::load(&of.machine, log, of.view.as_deref(), rows, &wanted)?;
        Ok((hard, log.clone(), volume))
    }

    /// Handles what is due at `now_ms`, each under its own hold of the lock.
    pub(super) fn fire(&self, of: &Sharded<M>, now_ms: u64) {
        for _ in 0..DUE_AT_ONCE_MAX {
            if self.due_ms() > now_ms {
                return;
            }
            let mut state = self.state.lock();
            let State::Serving(runtime) = &mut *state else { return };
            drop(self.decide(of, runtime, M::due()));
        }
    }

    pub(super) fn count(&self, figures: &mut CoordinatorFigures) {
        match &*self.state.lock() {
            State::Unwritten => figures.unwritten += 1,
            State::Waiting | State::Loading => figures.loading += 1,
            State::Serving(runtime) => {
                figures.serving += 1;
                figures.entries += M::entries(runtime.hard());
                figures.waiting += runtime.parked();
            }
            State::Failed => figures.failed += 1,
            State::Gone => {}
        }
    }

    /// Its log if a start would ask the view about it and that is behind by so many records; and how much of it the view
    /// can know.
    pub(super) fn log_to_follow(&self, ahead: i64) -> Option<(Arc<Log>, Offset)> {
        let viewed = Offset::from_wire(self.viewed.load(Ordering::Acquire))?;
        let log = self.partition.opened().filter(|log| log.bounds().high().get() - viewed.get() >= ahead)?;
        if load::is_quick::<M>(log) {
            return None;
        }
        let loaded_end = Offset::new(self.loaded_end.load(Ordering::Acquire));
        Some((log.clone(), viewed.max(loaded_end)))
    }

    pub(super) fn followed(&self, to: Offset) {
        self.viewed.store(to.get(), Ordering::Release);
    }

    /// This broker serves it no longer: whoever is parked asks elsewhere.
    pub(super) fn leave(&self, why: NotWritten) {
        let mut state = self.state.lock();
        if let State::Serving(runtime) = &mut *state {
            runtime.give_up(why);
        }
        *state = State::Gone;
        self.due_ms.store(NEVER_MS, Ordering::Release);
    }

    #[cfg(test)]
    pub(super) fn hard<T>(&self, look: impl FnOnce(&M::Hard) -> T) -> Option<T> {
        match &*self.state.lock() {
            State::Serving(runtime) => Some(look(runtime.hard())),
            _ => None,
        }
    }
}

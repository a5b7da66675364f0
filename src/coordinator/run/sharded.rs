//! All partitions of one internal topic that this broker leads, and the way of a request to its own.
use super::{Coordinated, CoordinatorError, Given, due::Alarm, forget::Forgetting, hash::partition_of, shard::Shard};
use crate::{
    image::Image,
    log::Log,
    machine::{NotWritten, Pending},
    metrics::CoordinatorFigures,
    platform::{Chance, Clock},
    replica::{Partition, Partitions},
    store::{JournalId, View},
    types::{LeaderEpoch, TopicId},
};
use arc_swap::ArcSwap;
use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::sync::Notify;

/// What a coordinator is made of.
pub struct Parts<M: Coordinated> {
    pub machine: M,
    pub settings: M::Settings,
    pub partitions: Arc<Partitions>,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    /// Makes starts short; nothing depends on it.
    pub view: Option<Arc<View>>,
}

/// A coordinator: one machine for each partition of its topic that this broker leads.
pub struct Sharded<M: Coordinated> {
    pub(super) machine: M,
    pub(super) clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    pub(super) partitions: Arc<Partitions>,
    settings: ArcSwap<M::Settings>,
    pub(super) image: ArcSwap<Image>,
    pub(super) view: Option<Arc<View>>,
    /// Journals of deleted topics, to be forgotten by the view. Held for a push or a take.
    pub(super) removed: Mutex<Vec<JournalId>>,
    pub(super) table: ArcSwap<Table<M>>,
    pub(super) alarm: Alarm,
    pub(super) forgetting: Forgetting,
    /// To be loaded, in this order. Held for a push or a pop.
    pub(super) queue: Mutex<VecDeque<Arc<Shard<M>>>>,
    pub(super) loaded: Notify,
    /// How many, and the seconds they took. Held for an addition.
    loads: Mutex<(u64, f64)>,
    /// From here on, partitions of a new topic have never been written.
    pub(super) started: AtomicBool,
}

/// Which partitions there are, and which of them are here.
pub(super) struct Table<M: Coordinated> {
    pub(super) topic: Option<TopicId>,
    /// Of the whole topic; 0 while it does not exist.
    pub(super) count: i32,
    pub(super) shards: BTreeMap<i32, Arc<Shard<M>>>,
}

impl<M: Coordinated> Table<M> {
    pub(super) fn empty() -> Table<M> {
        Table { topic: None, count: 0, shards: BTreeMap::new() }
    }
}

/// A request that was decided; awaiting it gives the answer once everything it tells is committed.
struct Submitted<T>(Result<Pending<T>, CoordinatorError>);

impl<T: Send + 'static> Submitted<T> {
    async fn reply(self) -> Result<T, CoordinatorError> {
        Ok(self.0?.reply().await?)
    }
}

impl<M: Coordinated> Sharded<M> {
    pub fn new(parts: Parts<M>) -> Arc<Sharded<M>> {
        Arc::new(Sharded {
            machine: parts.machine,
            clock: parts.clock,
            chance: parts.chance,
            partitions: parts.partitions,
            settings: ArcSwap::from_pointee(parts.settings),
            image: ArcSwap::from_pointee(Image::default()),
            view: parts.view,
            removed: Mutex::default(),
            table: ArcSwap::from_pointee(Table::empty()),
            alarm: Alarm::default(),
            forgetting: Forgetting::default(),
            queue: Mutex::default(),
            loaded: Notify::new(),
            loads: Mutex::default(),
            started: AtomicBool::new(false),
        })
    }

    /// Decides `request` before this returns (NET-4); the future only waits for the answer and its commit. Dropping it
    /// gives up the answer, not what was decided.
    pub fn submit(
        &self,
        key: &str,
        request: M::Request,
    ) -> impl Future<Output = Result<M::Reply, CoordinatorError>> + Send + 'static + use<M> {
        self.start(self.partition_of(key), request, |_| Ok(())).reply()
    }

    /// As [`Sharded::submit`]; where `again` has another question to what was decided, that one is asked before this returns.
    pub fn submit_again(
        &self,
        key: &str,
        request: M::Request,
        again: impl FnOnce(&M::Reply) -> Option<M::Request>,
    ) -> BoxFuture<'static, Result<M::Reply, CoordinatorError>> {
        let partition = self.partition_of(key);
        let mut first = self.start(partition, request, |_| Ok(()));
        match first.0.as_mut().ok().and_then(Pending::decided).and_then(again) {
            Some(request) => Box::pin(self.start(partition, request, |_| Ok(())).reply()),
            None => Box::pin(first.reply()),
        }
    }

    /// As [`Sharded::submit`], where `admit` agrees: it looks at the journal while nobody can write there.
    pub fn submit_if(
        &self,
        key: &str,
        request: M::Request,
        admit: impl FnOnce(&Arc<Log>) -> Result<(), CoordinatorError>,
    ) -> BoxFuture<'static, Result<M::Reply, CoordinatorError>> {
        Box::pin(self.start(self.partition_of(key), request, admit).reply())
    }

    /// As [`Sharded::submit_if`], of one partition.
    pub fn submit_at(
        &self,
        partition: i32,
        request: M::Request,
        admit: impl FnOnce(&Arc<Log>) -> Result<(), CoordinatorError>,
    ) -> BoxFuture<'static, Result<M::Reply, CoordinatorError>> {
        Box::pin(self.start(Some(partition), request, admit).reply())
    }

    /// As [`Sharded::submit_at`], in the term that the caller knows: in another one it is not asked at all (TXN-16).
    pub fn submit_in(
        &self,
        partition: i32,
        term: LeaderEpoch,
        request: M::Request,
    ) -> BoxFuture<'static, Result<M::Reply, CoordinatorError>> {
        let table = self.table.load();
        let shard = table.shards.get(&partition).filter(|shard| shard.epoch == term);
        let decided = shard.map_or(Err(CoordinatorError::NotCoordinator), |shard| shard.run(self, request));
        Box::pin(Submitted(decided).reply())
    }

    /// Where what `key` names is coordinated; `None` while there is no such topic.
    pub fn partition_of(&self, key: &str) -> Option<i32> {
        let count = self.table.load().count;
        (count > 0).then(|| partition_of(key, count))
    }

    fn start(
        &self,
        partition: Option<i32>,
        request: M::Request,
        admit: impl FnOnce(&Arc<Log>) -> Result<(), CoordinatorError>,
    ) -> Submitted<M::Reply> {
        let table = self.table.load();
        Submitted(match partition.and_then(|partition| table.shards.get(&partition)) {
            Some(shard) => shard.run_if(self, request, admit),
            None => Err(CoordinatorError::NotCoordinator),
        })
    }

    /// The journal of one partition that is led here.
    pub fn journal_at(&self, partition: i32) -> Option<Arc<Partition>> {
        Some(self.table.load().shards.get(&partition)?.partition.clone())
    }

    /// The partitions that are served now, with the term in which this broker leads them.
    pub fn served(&self) -> Vec<(i32, LeaderEpoch)> {
        let table = self.table.load();
        let served = table.shards.iter().filter(|(_, shard)| shard.is_serving());
        served.map(|(index, shard)| (*index, shard.epoch)).collect()
    }

    /// The term in which this broker leads one partition.
    pub fn term_of(&self, partition: i32) -> Option<LeaderEpoch> {
        Some(self.table.load().shards.get(&partition)?.epoch)
    }

    /// Waits until a partition was loaded since the last call.
    pub async fn loaded(&self) {
        self.loaded.notified().await;
    }

    /// Asks every partition that is led here and was ever written. Each has decided before this returns.
    pub fn submit_all(
        &self,
        request: impl Fn() -> M::Request,
    ) -> BoxFuture<'static, Vec<Result<M::Reply, CoordinatorError>>> {
        let table = self.table.load();
        let asked = table.shards.values().filter_map(|shard| shard.run_if_written(self, &request));
        let asked: Vec<_> = asked.map(|pending| Submitted(pending).reply()).collect();
        Box::pin(join_all(asked))
    }

    /// What there is to tell in the metrics.
    pub fn figures(&self) -> CoordinatorFigures {
        let mut figures = CoordinatorFigures::default();
        for shard in self.table.load().shards.values() {
            shard.count(&mut figures);
        }
        (figures.loads, figures.load_seconds) = *self.loads.lock();
        figures
    }

    pub(super) fn count_load(&self, took: Duration) {
        let mut loads = self.loads.lock();
        loads.0 += 1;
        loads.1 += took.as_secs_f64();
    }

    /// The settings in force now.
    pub fn settings(&self) -> Arc<M::Settings> {
        self.settings.load_full()
    }

    /// The settings in force from now on.
    pub fn configure(&self, settings: M::Settings) {
        self.settings.store(Arc::new(settings));
    }

    pub(super) fn see(&self, image: &Arc<Image>) {
        self.image.store(image.clone());
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn op(&self, request: M::Request, batch_bytes_max: usize) -> M::Op {
        let given = Given {
            wall_ms: self.clock.wall_ms(),
            monotonic_ms: self.now_ms(),
            id: self.chance.uuid(),
            image: self.image.load_full(),
            settings: self.settings(),
            batch_bytes_max,
        };
        M::op(given, request)
    }

    /// Puts a shard in front of those that wait to be loaded.
    pub(super) fn wants_loading(&self, partition: i32) {
        if let Some(shard) = self.table.load().shards.get(&partition) {
            let mut queue = self.queue.lock();
            if queue.front().is_some_and(|first| Arc::ptr_eq(first, shard)) {
                return;
            }
            queue.retain(|other| !Arc::ptr_eq(other, shard));
            queue.push_front(shard.clone());
            drop(queue);
            self.alarm.ring();
        }
    }

    /// Serves nobody any more.
    pub(super) fn leave_all(&self, why: &NotWritten) {
        let table = self.table.swap(Arc::new(Table::empty()));
        for shard in table.shards.values() {
            shard.leave(why.clone());
        }
    }
}

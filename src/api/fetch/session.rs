//! Fetch sessions (KIP-227): a client that polls the same partitions says only what changed, and is told only what
//! changed. The cache is bounded and evicts (FET-9 to FET-12).
use super::read::Found;
use crate::{
    api::{Context, merging::last_of_each},
    replica::Partition,
    types::{ErrorCode, LogBounds, TopicId},
};
use dashmap::DashMap;
use kafka_protocol::messages::{FetchRequest, fetch_request::FetchPartition};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// One partition of a fetch, with the partition itself once it was looked up.
#[derive(Clone)]
pub struct Item {
    /// Empty when the topic was named by id.
    pub topic: Arc<str>,
    /// Zero when it was named by name.
    pub topic_id: TopicId,
    pub index: i32,
    pub fetch_offset: i64,
    pub current_leader_epoch: i32,
    pub last_fetched_epoch: i32,
    pub partition_max_bytes: i32,
    pub partition: Result<Arc<Partition>, ErrorCode>,
}

impl Item {
    pub fn same_topic(&self, other: &Item) -> bool {
        self.topic == other.topic && self.topic_id == other.topic_id
    }

    fn key(&self) -> Key {
        (self.topic.clone(), self.topic_id, self.index)
    }

    fn new(topic: Arc<str>, topic_id: TopicId, partition: &FetchPartition) -> Item {
        Item {
            topic,
            topic_id,
            index: partition.partition,
            fetch_offset: partition.fetch_offset,
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
            partition_max_bytes: partition.partition_max_bytes,
            partition: Err(ErrorCode::UnknownTopicOrPartition),
        }
    }
}

type Key = (Arc<str>, TopicId, i32);

/// What one fetch reads, and how its answer is told.
pub struct Plan {
    pub items: Vec<Item>,
    kind: PlanKind,
}

enum PlanKind {
    /// No session: everything is told, nothing is kept.
    Sessionless,
    /// Everything is told; a session may begin.
    Full,
    /// Only what changed is told.
    Incremental(Arc<Session>),
}

impl Plan {
    /// Looks every partition up, again at each read: topics come and go while a fetch waits (FET-10).
    pub fn resolve(&mut self, cx: &Context) {
        let partitions = &cx.broker.partitions;
        for item in &mut self.items {
            let (topic, unknown) = if cx.version >= 13 {
                (partitions.topic_by_id(item.topic_id), ErrorCode::UnknownTopicId)
            } else {
                (partitions.topic(&item.topic), ErrorCode::UnknownTopicOrPartition)
            };
            item.partition = match topic {
                None => Err(unknown),
                Some(topic) => topic.partition(item.index).cloned().ok_or(ErrorCode::UnknownTopicOrPartition),
            };
        }
    }
}

/// How many sessions there may be, and how long one is safe from others.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// `max.incremental.fetch.session.cache.slots`.
    pub slots: usize,
    /// A session unused for this long gives way to any other.
    pub eviction: Duration,
}

pub struct SessionCache {
    settings: SessionSettings,
    sessions: DashMap<i32, Arc<Session>>,
    /// Partitions of all sessions.
    partitions: AtomicUsize,
    evictions: AtomicUsize,
}

/// Partitions that all sessions together may remember, some 250 bytes each. Whoever comes with more goes on without a
/// session.
const PARTITIONS_MAX: usize = 1_000_000;

struct Session {
    id: i32,
    by_id: bool,
    size: usize,
    /// Guards one session; a client uses its session from one connection at a time.
    state: Mutex<State>,
}

struct State {
    /// The epoch that the next request must carry.
    next_epoch: i32,
    used_at: Duration,
    partitions: HashMap<Key, Cached>,
    /// Order of reading; a partition that returned data goes to the end (FET-11).
    order: BTreeMap<u64, Key>,
    next_rank: u64,
    /// It is no longer in the cache: whoever still holds it must not use it.
    is_gone: bool,
}

struct Cached {
    item: Item,
    rank: u64,
    /// High watermark and log start as last told; `None` after an error, so that recovery is told (FET-10).
    told: Option<(i64, i64)>,
}

impl SessionCache {
    pub fn new(settings: SessionSettings) -> SessionCache {
        SessionCache {
            settings,
            sessions: DashMap::new(),
            partitions: AtomicUsize::new(0),
            evictions: AtomicUsize::new(0),
        }
    }

    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub fn evictions(&self) -> usize {
        self.evictions.load(Ordering::Relaxed)
    }

    /// Which partitions this request reads (Kafka's `FetchManager.newContext`).
    pub fn plan(&self, cx: &Context, request: &FetchRequest) -> Result<Plan, ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        if epoch == 0 || epoch == -1 {
            if id != 0 {
                self.forget(id);
            }
            let kind = if epoch == -1 || cx.version < 7 { PlanKind::Sessionless } else { PlanKind::Full };
            return Ok(Plan { items: items(cx, request), kind });
        }
        let session = self.sessions.get(&id).map(|found| found.clone()).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        let by_id = cx.version >= 13;
        let mut state = session.state.lock();
        if state.is_gone {
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        if state.next_epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        let before = state.partitions.len();
        for item in items(cx, request) {
            state.put(item);
        }
        for topic in &request.forgotten_topics_data {
            let name: Arc<str> = if by_id { "".into() } else { topic.topic.as_str().into() };
            let id = if by_id { TopicId(topic.topic_id) } else { TopicId::ZERO };
            for partition in &topic.partitions {
                state.forget(&(name.clone(), id, *partition));
            }
        }
        state.used_at = cx.broker.clock.monotonic();
        let after = state.partitions.len();
        let in_all = self.partitions.fetch_add(after, Ordering::AcqRel) + after;
        self.partitions.fetch_sub(before, Ordering::AcqRel);
        if after > before && in_all - before > PARTITIONS_MAX {
            drop(state);
            self.forget(id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        if state.partitions.is_empty() {
            drop(state);
            self.forget(id);
            return Ok(Plan { items: Vec::new(), kind: PlanKind::Sessionless });
        }
        // FET-9: after the greatest epoch comes 1; 0 would begin a new session.
        state.next_epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        let items = state.order.values().map(|key| state.partitions[key].item.clone()).collect();
        drop(state);
        Ok(Plan { items, kind: PlanKind::Incremental(session) })
    }

    /// What is told of what was found: the session's id and the partitions, with their places in `found`.
    pub fn settle(&self, cx: &Context, plan: Plan, found: &[Found]) -> (i32, Vec<(usize, Item)>) {
        let items = plan.items.into_iter().enumerate();
        match plan.kind {
            PlanKind::Sessionless => (0, items.collect()),
            PlanKind::Full => {
                let items: Vec<_> = items.collect();
                (self.begin(cx, &items, found), items)
            }
            PlanKind::Incremental(session) => {
                let mut state = session.state.lock();
                (session.id, items.filter(|(index, item)| state.changed(item, &found[*index])).collect())
            }
        }
    }

    fn forget(&self, id: i32) -> bool {
        let Some((_, session)) = self.sessions.remove(&id) else { return false };
        let mut state = session.state.lock();
        state.is_gone = true;
        self.partitions.fetch_sub(state.partitions.len(), Ordering::AcqRel);
        true
    }

    /// After a full fetch: begins a session when there is room for it, else gives 0 (the client goes on without).
    fn begin(&self, cx: &Context, items: &[(usize, Item)], found: &[Found]) -> i32 {
        if items.is_empty() {
            return 0;
        }
        let now = cx.broker.clock.monotonic();
        if self.sessions.len() >= self.settings.slots && !self.evict(now, items.len()) {
            return 0;
        }
        if self.partitions.load(Ordering::Acquire) + items.len() > PARTITIONS_MAX {
            return 0;
        }
        let mut state = State {
            next_epoch: 1,
            used_at: now,
            partitions: HashMap::with_capacity(items.len()),
            order: BTreeMap::new(),
            next_rank: 0,
            is_gone: false,
        };
        for (index, item) in items {
            state.put(item.clone());
            state.changed(item, &found[*index]);
        }
        self.partitions.fetch_add(state.partitions.len(), Ordering::AcqRel);
        loop {
            // Random, so that nobody meets another's session by counting (FET-12).
            let id = (cx.broker.chance.u64() & 0x7FFF_FFFF) as i32;
            if id == 0 {
                continue;
            }
            if let dashmap::Entry::Vacant(vacant) = self.sessions.entry(id) {
                let by_id = cx.version >= 13;
                vacant.insert(Arc::new(Session { id, by_id, size: items.len(), state: Mutex::new(state) }));
                return id;
            }
        }
    }

    /// Makes room: for one that was not used for long, or for a smaller one (FET-12).
    fn evict(&self, now: Duration, size: usize) -> bool {
        let oldest = self.sessions.iter().map(|entry| (entry.state.lock().used_at, entry.id, entry.size)).min();
        let Some((used_at, id, oldest_size)) = oldest else { return false };
        if now.saturating_sub(used_at) > self.settings.eviction || oldest_size < size {
            let is_evicted = self.forget(id);
            self.evictions.fetch_add(usize::from(is_evicted), Ordering::Relaxed);
            return is_evicted;
        }
        false
    }
}

impl State {
    fn put(&mut self, item: Item) {
        let key = item.key();
        if let Some(cached) = self.partitions.get_mut(&key) {
            cached.item = item;
            return;
        }
        let rank = self.rank();
        self.order.insert(rank, key.clone());
        self.partitions.insert(key, Cached { item, rank, told: None });
    }

    fn forget(&mut self, key: &Key) {
        if let Some(cached) = self.partitions.remove(key) {
            self.order.remove(&cached.rank);
        }
    }

    fn rank(&mut self) -> u64 {
        self.next_rank += 1;
        self.next_rank
    }

    /// FET-10: told when there are records, an error, a divergence, or when a bound moved since it was told last.
    fn changed(&mut self, item: &Item, found: &Found) -> bool {
        let rank = self.rank();
        let key = item.key();
        let Some(cached) = self.partitions.get_mut(&key) else { return false };
        if found.bytes() > 0 {
            self.order.remove(&cached.rank);
            cached.rank = rank;
            self.order.insert(rank, key);
        }
        let now = found.bounds.filter(|_| !found.code.is_error()).map(told);
        let moved = now != cached.told;
        cached.told = now;
        found.bytes() > 0 || found.code.is_error() || found.diverging.is_some() || moved
    }
}

fn told(bounds: LogBounds) -> (i64, i64) {
    (bounds.high().get(), bounds.start().get())
}

fn items(cx: &Context, request: &FetchRequest) -> Vec<Item> {
    let by_id = cx.version >= 13;
    let mut items = Vec::with_capacity(request.topics.iter().map(|topic| topic.partitions.len()).sum());
    for topic in &request.topics {
        let name: Arc<str> = if by_id { "".into() } else { topic.topic.as_str().into() };
        let id = if by_id { TopicId(topic.topic_id) } else { TopicId::ZERO };
        items.extend(topic.partitions.iter().map(|partition| Item::new(name.clone(), id, partition)));
    }
    last_of_each(&mut items, Item::key);
    items
}

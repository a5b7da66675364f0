//! Fetch sessions (KIP-227): a client that polls the same partitions says only what changed, and is told only what
//! changed (FET-9 to FET-11).
use super::read::Found;
use crate::{
    api::{Context, merging::last_of_each},
    replica::{Partition, Partitions, Topic},
    types::{ErrorCode, LogBounds, TopicId, TopicName},
    wire::Version,
};
use kafka_protocol::messages::{FetchRequest, fetch_request::FetchPartition};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
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
    /// Named by id, what the topic was called when it was there first: from then on the reader is told that it is gone,
    /// or that another has its name, and not that its id is unknown.
    pub known_as: Option<TopicName>,
    pub partition: Result<Arc<Partition>, ErrorCode>,
}

impl Item {
    pub fn same_topic(&self, other: &Item) -> bool {
        self.topic == other.topic && self.topic_id == other.topic_id
    }

    /// FET-15: a name that was taken anew stands for another log, where it has that partition.
    fn topic_by_id(&mut self, partitions: &Partitions) -> Result<Arc<Topic>, ErrorCode> {
        if let Some(topic) = partitions.topic_by_id(self.topic_id) {
            self.known_as.get_or_insert_with(|| topic.name.clone());
            return Ok(topic);
        }
        let name = self.known_as.as_ref().ok_or(ErrorCode::UnknownTopicId)?;
        let is_taken = partitions.partition(name.as_str(), self.index).is_some();
        Err(if is_taken { ErrorCode::InconsistentTopicId } else { ErrorCode::UnknownTopicOrPartition })
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
            known_as: None,
            partition: Err(ErrorCode::UnknownTopicOrPartition),
        }
    }
}

type Key = (Arc<str>, TopicId, i32);

/// What one fetch reads, and how its answer is told.
pub struct Plan {
    pub items: Vec<Item>,
    pub(super) kind: PlanKind,
}

pub(super) enum PlanKind {
    /// No session: everything is told, nothing is kept.
    Sessionless,
    /// Everything is told; a session may begin.
    Full(SessionKind),
    /// Only what changed is told.
    Incremental(Arc<Session>),
}

impl Plan {
    /// Looks every partition up, again at each read: topics come and go while a fetch waits (FET-10).
    pub fn resolve(&mut self, cx: &Context) {
        let partitions = &cx.broker.partitions;
        for item in &mut self.items {
            let topic = if cx.version >= 13 {
                item.topic_by_id(partitions)
            } else {
                partitions.topic(&item.topic).ok_or(ErrorCode::UnknownTopicOrPartition)
            };
            item.partition =
                topic.and_then(|topic| topic.partition(item.index).cloned().ok_or(ErrorCode::UnknownTopicOrPartition));
        }
    }
}

/// What holds for a session from begin to end.
#[derive(Clone, Copy)]
pub(super) struct SessionKind {
    /// It names topics by id.
    pub by_id: bool,
    /// A copy on another broker reads; it comes before consumers (FET-12).
    pub is_privileged: bool,
}

impl SessionKind {
    pub fn of(version: Version, request: &FetchRequest) -> SessionKind {
        SessionKind { by_id: version >= 13, is_privileged: is_follower(request) }
    }
}

/// Copies on other brokers ask with their broker's id.
pub fn is_follower(request: &FetchRequest) -> bool {
    request.replica_id.0 >= 0 || request.replica_state.replica_id.0 >= 0
}

pub(super) struct Session {
    pub id: i32,
    pub kind: SessionKind,
    pub begun_at: Duration,
    /// Guards one session; a client uses its session from one connection at a time.
    pub state: Mutex<State>,
}

pub(super) struct State {
    /// The epoch that the next request must carry.
    pub next_epoch: i32,
    pub used_at: Duration,
    partitions: HashMap<Key, Cached>,
    /// Order of reading; a partition that returned data goes to the end (FET-11).
    order: BTreeMap<u64, Key>,
    next_rank: u64,
    /// It is no longer in the cache: whoever still holds it must not use it.
    pub is_gone: bool,
}

struct Cached {
    item: Item,
    rank: u64,
    /// High watermark and log start as last told; `None` after an error, so that recovery is told (FET-10).
    told: Option<(i64, i64)>,
}

impl State {
    pub fn new(now: Duration, partitions: usize) -> State {
        State {
            next_epoch: 1,
            used_at: now,
            partitions: HashMap::with_capacity(partitions),
            order: BTreeMap::new(),
            next_rank: 0,
            is_gone: false,
        }
    }

    /// How many partitions it remembers.
    pub fn size(&self) -> usize {
        self.partitions.len()
    }

    /// FET-9: after the greatest epoch comes 1; 0 would begin a new session.
    pub fn advance(&mut self, now: Duration) {
        self.used_at = now;
        self.next_epoch = self.next_epoch.checked_add(1).unwrap_or(1);
    }

    /// Takes over what the request says of its partitions, and forgets those it names.
    pub fn update(&mut self, by_id: bool, request: &FetchRequest) {
        for item in items(by_id, request) {
            self.put(item);
        }
        for topic in &request.forgotten_topics_data {
            let name: Arc<str> = if by_id { "".into() } else { topic.topic.as_str().into() };
            let id = if by_id { TopicId(topic.topic_id) } else { TopicId::ZERO };
            for partition in &topic.partitions {
                self.forget(&(name.clone(), id, *partition));
            }
        }
    }

    /// What it reads, in order.
    pub fn items(&self) -> Vec<Item> {
        self.order.values().map(|key| self.partitions[key].item.clone()).collect()
    }

    pub fn put(&mut self, item: Item) {
        let key = item.key();
        if let Some(cached) = self.partitions.get_mut(&key) {
            cached.item = Item { known_as: cached.item.known_as.take(), ..item };
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
    pub fn changed(&mut self, item: &Item, found: &Found) -> bool {
        let rank = self.rank();
        let key = item.key();
        let Some(cached) = self.partitions.get_mut(&key) else { return false };
        if cached.item.known_as.is_none() {
            cached.item.known_as.clone_from(&item.known_as);
        }
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

/// The partitions that a request names.
pub(super) fn items(by_id: bool, request: &FetchRequest) -> Vec<Item> {
    let mut items = Vec::with_capacity(request.topics.iter().map(|topic| topic.partitions.len()).sum());
    for topic in &request.topics {
        let name: Arc<str> = if by_id { "".into() } else { topic.topic.as_str().into() };
        let id = if by_id { TopicId(topic.topic_id) } else { TopicId::ZERO };
        items.extend(topic.partitions.iter().map(|partition| Item::new(name.clone(), id, partition)));
    }
    last_of_each(&mut items, Item::key);
    items
}

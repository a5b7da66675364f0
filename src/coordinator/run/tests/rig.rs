//! The machine `Tally`, and a broker's worth of partitions for it in a temporary directory.
use crate::{
    coordinator::run::*,
    image::{Delta, Image, Publisher},
    log::{LogDir, LogDirSettings},
    machine::{Outcome, Ticket, Timers, Turn},
    node::topic_settings,
    platform::{ManualClock, RealDisk, SeededChance},
    replica::{Partition, Partitions, TopicPublisher},
    store::{self, View},
    types::{NodeId, TopicId},
    wire::metadata::{MetadataRecord, PartitionRecord, RemoveTopicRecord, TopicRecord},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};
use uuid::Uuid;

/// Remembers values under keys. A value of `None` is a tombstone.
#[derive(Clone)]
pub struct Tally;

pub type Row = (String, Option<String>);

#[derive(Clone, Debug)]
pub enum Ask {
    Put(Vec<Row>),
    /// The value, or wait for one, no longer than this.
    Wait(String, u64),
    Loaded,
    Due,
    /// Keys that begin with one of these, two at a time.
    Forget(Vec<String>),
}

pub struct Op {
    at_ms: u64,
    ask: Ask,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rows {
    pub rows: BTreeMap<String, String>,
    pub open: BTreeMap<ProducerId, Vec<Row>>,
}

#[derive(Default)]
pub struct Soft {
    waiting: BTreeMap<String, BTreeSet<Ticket>>,
    timers: Timers<String>,
    loads: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    Done,
    More,
    Value(String),
    TimedOut,
}

#[derive(Debug, thiserror::Error)]
#[error("a forbidden value")]
pub struct Forbidden;

impl Machine for Tally {
    type Hard = Rows;
    type Soft = Soft;
    type Record = Row;
    type Op = Op;
    type Reply = Told;
    type Fault = Forbidden;

    fn decide(&self, hard: &Rows, soft: &mut Soft, op: Op, turn: Turn) -> Outcome<Row, Told> {
        match op.ask {
            Ask::Put(rows) => {
                let mut answers = vec![(turn.ticket, Told::Done)];
                for (key, value) in &rows {
                    let Some(value) = value else { continue };
                    soft.timers.cancel(key);
                    let waiting = soft.waiting.remove(key).unwrap_or_default();
                    answers.extend(waiting.into_iter().map(|ticket| (ticket, Told::Value(value.clone()))));
                }
                Outcome { records: rows, answers }
            }
            Ask::Wait(key, wait_ms) => match hard.rows.get(&key) {
                Some(value) => Outcome::answer(turn, vec![], Told::Value(value.clone())),
                None => {
                    soft.timers.set(key.clone(), op.at_ms + wait_ms);
                    soft.waiting.entry(key).or_default().insert(turn.ticket);
                    Outcome::park()
                }
            },
            Ask::Loaded => {
                soft.loads += 1;
                soft.timers.set("alive".into(), op.at_ms + 1_000_000);
                Outcome::answer(turn, vec![], Told::Done)
            }
            Ask::Forget(names) => {
                let named = hard.rows.keys().filter(|key| names.iter().any(|name| key.starts_with(name)));
                let records: Vec<Row> = named.take(2).map(|key| (key.clone(), None)).collect();
                let told = if records.len() < 2 { Told::Done } else { Told::More };
                Outcome::answer(turn, records, told)
            }
            Ask::Due => {
                let key = soft.timers.take_due(op.at_ms).unwrap_or_default();
                let waiting = soft.waiting.remove(&key).unwrap_or_default();
                let mut answers: Vec<_> = waiting.into_iter().map(|ticket| (ticket, Told::TimedOut)).collect();
                answers.push((turn.ticket, Told::Done));
                Outcome { records: vec![(format!("due-{key}"), Some("1".into()))], answers }
            }
        }
    }

    fn replay(&self, hard: &mut Rows, _: Offset, records: Vec<Row>) -> Result<(), Forbidden> {
        for (key, value) in records {
            match value {
                Some(value) if value == "forbidden" => return Err(Forbidden),
                Some(value) => drop(hard.rows.insert(key, value)),
                None => drop(hard.rows.remove(&key)),
            }
        }
        Ok(())
    }
}

impl Coordinated for Tally {
    const TOPIC: &'static str = "__consumer_offsets";
    /// The view is asked always.
    const QUICK_RECORDS: u64 = 0;
    type Request = Ask;
    type Settings = ();

    fn op(given: Given<()>, ask: Ask) -> Op {
        Op { at_ms: given.monotonic_ms, ask }
    }

    fn loaded() -> Ask {
        Ask::Loaded
    }

    fn due() -> Ask {
        Ask::Due
    }

    fn topics_deleted(topics: Vec<(String, TopicId)>) -> Option<Ask> {
        Some(Ask::Forget(topics.into_iter().map(|(name, _)| name).collect()))
    }

    fn is_more(told: &Told) -> bool {
        *told == Told::More
    }

    fn entries(hard: &Rows) -> usize {
        hard.rows.len()
    }

    fn next_due(soft: &Soft) -> Option<u64> {
        soft.timers.next()
    }

    fn encode((key, value): &Row) -> (Vec<u8>, Option<Vec<u8>>) {
        (key.as_bytes().to_vec(), value.as_ref().map(|value| value.as_bytes().to_vec()))
    }

    fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Option<Row>, String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string());
        let key = text(key.ok_or("no key")?)?;
        if key.starts_with("later-") {
            return Ok(None);
        }
        Ok(Some((key, value.map(text).transpose()?)))
    }

    fn replay_open(
        &self,
        hard: &mut Rows,
        _: Offset,
        producer: ProducerId,
        records: Vec<Row>,
    ) -> Result<(), Forbidden> {
        hard.open.entry(producer).or_default().extend(records);
        Ok(())
    }

    fn replay_end(
        &self,
        hard: &mut Rows,
        at: Offset,
        producer: ProducerId,
        result: TransactionResult,
    ) -> Result<(), Forbidden> {
        let records = hard.open.remove(&producer).unwrap_or_default();
        if result == TransactionResult::Commit { self.replay(hard, at, records) } else { Ok(()) }
    }
}

pub fn put(key: &str, value: &str) -> Ask {
    Ask::Put(vec![(key.into(), Some(value.into()))])
}

/// One life of a broker.
pub struct Rig {
    pub directory: Arc<LogDir>,
    pub partitions: Arc<Partitions>,
    pub tally: Arc<Sharded<Tally>>,
    pub clock: Arc<ManualClock>,
    pub view: Option<Arc<View>>,
    image: Image,
    topics: TopicPublisher,
    coordinator: CoordinatorPublisher<Tally>,
}

pub const COUNT: i32 = 5;

impl Rig {
    /// As a node starts: the topic is there if `count` is not 0, its logs are recovered, nothing is loaded yet.
    pub fn start(path: &Path, count: i32) -> Rig {
        Rig::start_with(path, count, None)
    }

    /// As `start`, with a view in the log directory.
    pub fn start_viewed(path: &Path, count: i32) -> Rig {
        Rig::start_with(path, count, Some(View::new(Arc::new(RealDisk), path.join("ottla-state"))))
    }

    fn start_with(path: &Path, count: i32, view: Option<Arc<View>>) -> Rig {
        let mut settings = LogDirSettings { background: false, ..LogDirSettings::default() };
        settings.wal.file_bytes = 1 << 22;
        settings.wal.first_file_bytes = 1 << 16;
        let clock = Arc::new(ManualClock::at_wall_ms(1_700_000_000_000));
        let directory = LogDir::open(Arc::new(RealDisk), clock.clone(), path, settings).unwrap();
        let partitions = Partitions::new(NodeId(1), vec![directory.clone()], Default::default());
        let resolve = |_: &str, _: &_, _: &_, _: &_| {
            let set = [("segment.bytes", "1048576"), ("max.message.bytes", "20000"), ("cleanup.policy", "compact")];
            let set = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
            Arc::new(topic_settings(&Default::default(), &set).unwrap())
        };
        let tally = Sharded::new(Parts {
            machine: Tally,
            settings: (),
            partitions: partitions.clone(),
            clock: clock.clone(),
            chance: Arc::new(SeededChance::new(1)),
            view: view.clone(),
        });
        let topics = TopicPublisher::new(partitions.clone(), Box::new(resolve));
        let coordinator = CoordinatorPublisher(tally.clone());
        let mut rig = Rig { directory, partitions, tally, clock, view, image: Image::default(), topics, coordinator };
        if count > 0 {
            rig.create(count, 0);
        }
        for (topic, index) in rig.directory.pending() {
            rig.partitions.topic_by_id(topic).unwrap().partition(index).unwrap().log().unwrap();
        }
        rig.directory.finish_recovery().unwrap();
        rig
    }

    pub fn create(&mut self, count: i32, leader_epoch: i32) {
        let topic = TopicRecord { name: Tally::TOPIC.into(), topic_id: Uuid::from_u128(9) };
        let partition = |partition_id| PartitionRecord {
            partition_id,
            topic_id: Uuid::from_u128(9),
            replicas: vec![1],
            isr: vec![1],
            leader: 1,
            leader_epoch,
            directories: vec![Uuid::from_u128(77)],
            ..PartitionRecord::default()
        };
        let created: Option<MetadataRecord> = self.image.topics.is_empty().then(|| topic.into());
        let records = created.into_iter().chain((0..count).map(|index| partition(index).into())).collect();
        self.publish(records);
    }

    pub fn remove(&mut self) {
        self.publish(vec![RemoveTopicRecord { topic_id: Uuid::from_u128(9) }.into()]);
    }

    /// A topic of this name comes and goes.
    pub fn delete_other(&mut self, name: &str) {
        let topic_id = Uuid::from_u128(10);
        self.publish(vec![TopicRecord { name: name.into(), topic_id }.into()]);
        self.publish(vec![RemoveTopicRecord { topic_id }.into()]);
    }

    fn publish(&mut self, records: Vec<MetadataRecord>) {
        let mut delta = Delta::default();
        for record in records {
            self.image.apply(&record, &mut delta).unwrap();
        }
        let image = Arc::new(self.image.clone());
        self.topics.publish(&delta, &image);
        self.coordinator.publish(&delta, &image);
    }

    /// What the coordinator's task does when it begins, here and now.
    pub fn load_all(&self) {
        self.tally.begin();
        while let Some(shard) = self.tally.next_to_load() {
            shard.load(&self.tally, &mut store::Rows::default());
        }
        if let Some(view) = &self.view {
            view.settle().unwrap();
        }
    }

    pub fn partition(&self, index: i32) -> Arc<Partition> {
        self.partitions.partition(Tally::TOPIC, index).unwrap()
    }

    /// All rows of all partitions that serve.
    pub fn rows(&self) -> BTreeMap<String, String> {
        let table = self.tally.table.load();
        table.shards.values().filter_map(|shard| shard.hard(|hard| hard.rows.clone())).flatten().collect()
    }

    pub fn advance(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
        self.tally.fire();
    }

    /// Ends this life: in order, or as `kill -9` does.
    pub fn end(self, in_order: bool) {
        let table = self.tally.table.load_full();
        self.tally.leave_all(&NotWritten::Stopping);
        if in_order {
            self.tally.follow_all(&table);
            if let Some(view) = &self.view {
                view.close().unwrap();
            }
            self.directory.close().unwrap();
        }
        // Held here to the last: where the committing thread is the last holder, nobody waits for its end, and it would go on
        // with the files under the next life.
        let wal = self.directory.wal().clone();
        drop((self, table));
        let _ = wal.close();
    }
}

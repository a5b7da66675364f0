//! A shard of groups on a journal in memory, with topics as tests make them and a clock that stands still until it is
//! told.
use crate::{
    coordinator::group::{GroupMachine, GroupSettings, Groups, Moment, Op, Reply, Request, Soft},
    image::{Delta, Image},
    log::Watermark,
    machine::{Journal, Machine, NotWritten, Runtime},
    types::{LeaderEpoch, Offset},
    wire::{
        coordinator::GroupRecord,
        metadata::{ConfigRecord, MetadataRecord, PartitionRecord, RemoveTopicRecord, TopicRecord},
    },
};
use futures_util::task::noop_waker;
use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use uuid::Uuid;

/// Keeps the bytes, as a log does; committed at once, or when it is told.
pub struct Memory {
    pub appended: Vec<Vec<(Vec<u8>, Option<Vec<u8>>)>>,
    /// The same as they were decided: transactions stand in headers of batches, which are not kept here.
    pub decided: Vec<Vec<GroupRecord>>,
    count: i64,
    committed: Arc<Watermark>,
    /// Nothing is committed until it is said.
    holds: Cell<bool>,
}

impl Journal<GroupRecord> for Memory {
    fn append(&mut self, records: &[GroupRecord]) -> Result<Offset, NotWritten> {
        let base = self.end();
        self.appended.push(records.iter().map(GroupRecord::encode).collect());
        self.decided.push(records.to_vec());
        self.count += records.len() as i64;
        if !self.holds.get() {
            self.committed.raise(self.end());
        }
        Ok(base)
    }

    fn end(&self) -> Offset {
        Offset::new(self.count)
    }

    fn committed(&self) -> &Arc<Watermark> {
        &self.committed
    }
}

impl Memory {
    /// Replays the batches from this one on, as a reader of the log would.
    fn replay(&self, from: usize, groups: &mut Groups) {
        let mut base = Offset::ZERO;
        for (number, (bytes, decided)) in self.appended.iter().zip(&self.decided).enumerate() {
            let next = base.plus(decided.len() as i64);
            if number >= from {
                let records =
                    bytes.iter().zip(decided).map(|((key, value), decided)| read(key, value.as_deref(), decided));
                let replayed = GroupMachine.replay(groups, base, records.collect());
                replayed.unwrap_or_else(|never| match never {});
            }
            base = next;
        }
    }
}

fn read(key: &[u8], value: Option<&[u8]>, decided: &GroupRecord) -> GroupRecord {
    if let GroupRecord::EndTransaction(..) = decided {
        return decided.clone();
    }
    let read = GroupRecord::decode(Some(key), value).expect("what was written is read");
    decided.producer().into_iter().fold(read, GroupRecord::in_transaction)
}

pub struct Rig {
    pub runtime: Runtime<GroupMachine, Memory>,
    pub at: Moment,
    pub image: Arc<Image>,
    pub settings: GroupSettings,
    ids: u128,
    replayed: Groups,
    replayed_batches: usize,
}

/// A request on its way; an answer may be taken once.
pub type Asking = Pin<Box<dyn Future<Output = Result<Reply, NotWritten>>>>;

impl Rig {
    pub fn new() -> Rig {
        let (appended, decided, committed) = (Vec::new(), Vec::new(), Watermark::new(Offset::ZERO));
        let journal = Memory { appended, decided, count: 0, committed, holds: Cell::new(false) };
        let at = Moment { wall_ms: 1_000_000, monotonic_ms: 1_000 };
        let runtime = Runtime::new(GroupMachine, Groups::default(), journal);
        let settings = GroupSettings::default();
        let (image, replayed) = (Arc::default(), Groups::default());
        let mut rig = Rig { runtime, at, image, settings, ids: 0, replayed, replayed_batches: 0 };
        assert_eq!(rig.now(Request::Loaded), Some(Reply::Done));
        rig
    }

    /// Asks, and leaves the answer for later.
    pub fn ask(&mut self, request: Request) -> Asking {
        self.ids += 1;
        let settings = Arc::new(self.settings.clone());
        let op = Op { at: self.at, id: Uuid::from_u128(self.ids), image: self.image.clone(), settings, request };
        let pending = self.runtime.run(op);
        self.assert_replays();
        Box::pin(pending.reply())
    }

    /// Asks, and takes the answer when there is one at once.
    pub fn now(&mut self, request: Request) -> Option<Reply> {
        answer(&mut self.ask(request))
    }

    /// Lets time pass; what falls due is handled at its time.
    pub fn advance(&mut self, ms: u64) {
        let end_ms = self.at.monotonic_ms + ms;
        while let Some(due_ms) = self.runtime.soft().timers.next().filter(|due_ms| *due_ms <= end_ms) {
            self.pass(due_ms.saturating_sub(self.at.monotonic_ms));
            self.now(Request::Due);
        }
        self.pass(end_ms - self.at.monotonic_ms);
    }

    /// Lets time pass and handles nothing, as if the process stood still.
    pub fn pass(&mut self, ms: u64) {
        self.at.monotonic_ms += ms;
        self.at.wall_ms += ms as i64;
    }

    /// GRP-17: what the journal's bytes say is the state.
    fn assert_replays(&mut self) {
        let from = self.replayed_batches;
        self.replayed_batches = self.runtime.journal().appended.len();
        self.runtime.journal().replay(from, &mut self.replayed);
        assert_eq!(&self.replayed, self.runtime.hard(), "the journal replays to the state");
    }

    /// From now on replicas are slow.
    pub fn hold(&self) {
        self.runtime.journal().holds.set(true);
    }

    /// They have everything.
    pub fn commit_all(&self) {
        let journal = self.runtime.journal();
        journal.holds.set(false);
        journal.committed.raise(journal.end());
    }

    pub fn hard(&self) -> &Groups {
        self.runtime.hard()
    }

    pub fn soft(&self) -> &Soft {
        self.runtime.soft()
    }

    /// All records so far, in order.
    pub fn records(&self) -> impl Iterator<Item = &GroupRecord> {
        self.runtime.journal().decided.iter().flatten()
    }

    /// What the records alone make of an empty shard.
    pub fn replayed(&self) -> Groups {
        let mut groups = Groups::default();
        self.runtime.journal().replay(0, &mut groups);
        groups
    }

    /// With topics of so many partitions each; the first has the id 1, the next 2, ...
    pub fn with_topics(topics: &[(&str, i32)]) -> Rig {
        let mut rig = Rig::new();
        for (number, (name, partitions)) in topics.iter().enumerate() {
            rig.create_topic(name, number as u128 + 1, *partitions);
        }
        rig
    }

    pub fn create_topic(&mut self, name: &str, id: u128, partitions: i32) {
        let topic_id = Uuid::from_u128(id);
        self.change(TopicRecord { name: name.into(), topic_id }.into());
        (0..partitions).for_each(|partition_id| self.extend_topic(id, partition_id));
    }

    /// With one partition more.
    pub fn extend_topic(&mut self, id: u128, partition_id: i32) {
        let topic_id = Uuid::from_u128(id);
        let at = PartitionRecord { partition_id, topic_id, replicas: vec![1], isr: vec![1], ..Default::default() };
        self.change(PartitionRecord { leader: 1, directories: vec![Uuid::from_u128(77)], ..at }.into());
    }

    pub fn delete_topic(&mut self, id: u128) {
        self.change(RemoveTopicRecord { topic_id: Uuid::from_u128(id) }.into());
    }

    /// A topic's own setting.
    pub fn set_topic(&mut self, topic: &str, name: &str, value: &str) {
        let (resource_name, value) = (topic.into(), Some(value.into()));
        self.change(ConfigRecord { resource_type: 2, resource_name, name: name.into(), value }.into());
    }

    /// Key and value of all records of the largest write since this one.
    pub fn largest_write(&self, from: usize) -> usize {
        let bytes = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| key.len() + value.as_ref().map_or(0, Vec::len);
        let writes = self.runtime.journal().appended[from..].iter();
        writes.map(|records| records.iter().map(bytes).sum()).max().unwrap_or(0)
    }

    fn change(&mut self, record: MetadataRecord) {
        let image = Arc::make_mut(&mut self.image);
        image.apply(&record, &mut Delta::default()).unwrap();
        image.advance(image.next_offset(), LeaderEpoch::from_wire(1).unwrap());
    }

    /// The coordinator dies and another loads the journal. Who waited is told to ask elsewhere.
    pub fn reload(&mut self) {
        self.assert_replays();
        self.runtime.give_up(NotWritten::NotLeader);
        assert_eq!(self.now(Request::Loaded), Some(Reply::Done));
    }
}

/// The answer, if it is there; an error says that the coordinator is gone.
pub fn outcome(asking: &mut Asking) -> Option<Result<Reply, NotWritten>> {
    match asking.as_mut().poll(&mut Context::from_waker(&noop_waker())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

/// The answer, if it is there.
pub fn answer(asking: &mut Asking) -> Option<Reply> {
    outcome(asking).map(|outcome| outcome.expect("the coordinator serves"))
}

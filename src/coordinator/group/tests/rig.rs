//! A shard of groups on a journal in memory, with a clock and topics that tests set.
use crate::{
    coordinator::group::{GroupMachine, GroupSettings, Groups, Moment, Op, Reply, Request, Soft},
    image::{Delta, Image},
    log::Watermark,
    machine::{Journal, Machine, NotWritten, Pending, Runtime},
    types::Offset,
    wire::{
        coordinator::GroupRecord,
        metadata::{MetadataRecord, PartitionRecord, RemoveTopicRecord, TopicRecord},
    },
};
use std::sync::Arc;
use uuid::Uuid;

/// Appends as they came, each at its base offset; all is committed at once.
pub struct Memory {
    pub appends: Vec<(Offset, Vec<GroupRecord>)>,
    end: Offset,
    committed: Arc<Watermark>,
}

impl Journal<GroupRecord> for Memory {
    fn append(&mut self, records: &[GroupRecord]) -> Result<Offset, NotWritten> {
        let base = self.end;
        // What is kept is what a reader of the log would find.
        let read = |record: &GroupRecord| match record {
            GroupRecord::EndTransaction(..) => record.clone(),
            _ => {
                let (key, value) = record.encode();
                let read = GroupRecord::decode(Some(&key), value.as_deref()).expect("what is written can be read");
                record.producer().into_iter().fold(read, GroupRecord::in_transaction)
            }
        };
        self.appends.push((base, records.iter().map(read).collect()));
        self.end = base.plus(records.len() as i64);
        Ok(base)
    }

    fn end(&self) -> Offset {
        self.end
    }

    fn committed(&self) -> &Arc<Watermark> {
        &self.committed
    }
}

/// One shard under test.
pub struct Rig {
    pub runtime: Runtime<GroupMachine, Memory>,
    pub settings: GroupSettings,
    pub image: Image,
    pub at: Moment,
    asked: u128,
}

/// 2026 in milliseconds since 1970.
const WALL_MS: i64 = 1_795_255_200_000;

impl Default for Rig {
    fn default() -> Rig {
        Rig::new()
    }
}

impl Rig {
    pub fn new() -> Rig {
        let journal =
            Memory { appends: Vec::new(), end: Offset::ZERO, committed: Watermark::new(Offset::new(i64::MAX / 2)) };
        let mut rig = Rig {
            runtime: Runtime::new(GroupMachine, Groups::default(), journal),
            settings: GroupSettings::default(),
            image: Image::default(),
            at: Moment { wall_ms: WALL_MS, monotonic_ms: 1_000 },
            asked: 0,
        };
        assert_eq!(rig.ask(Request::Loaded), Some(Reply::Done));
        rig
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
        for partition_id in 0..partitions {
            let at = PartitionRecord { partition_id, topic_id, replicas: vec![1], isr: vec![1], ..Default::default() };
            self.change(PartitionRecord { leader: 1, directories: vec![Uuid::from_u128(77)], ..at }.into());
        }
    }

    pub fn delete_topic(&mut self, id: u128) {
        self.change(RemoveTopicRecord { topic_id: Uuid::from_u128(id) }.into());
    }

    fn change(&mut self, record: MetadataRecord) {
        self.image.apply(&record, &mut Delta::default()).unwrap();
    }

    /// Asks and gives the way to the answer, which a parked request gets later: see [`answered`].
    pub fn begin(&mut self, request: Request) -> Pending<Reply> {
        self.asked += 1;
        let op = Op {
            at: self.at,
            id: Uuid::from_u128(self.asked),
            image: Arc::new(self.image.clone()),
            settings: Arc::new(self.settings.clone()),
            request,
        };
        let pending = self.runtime.run(op);
        self.check();
        pending
    }

    /// Asks; `None` when the request was parked, and its answer is of no interest.
    pub fn ask(&mut self, request: Request) -> Option<Reply> {
        answered(self.begin(request))
    }

    /// Lets time pass, a timer at a time.
    pub fn advance(&mut self, ms: u64) {
        let until = self.at.monotonic_ms + ms;
        while let Some(due) = self.runtime.soft().timers.next().filter(|due| *due <= until) {
            self.set_clock(due.max(self.at.monotonic_ms));
            assert_eq!(self.ask(Request::Due), Some(Reply::Done));
        }
        self.set_clock(until);
    }

    fn set_clock(&mut self, monotonic_ms: u64) {
        self.at.wall_ms += (monotonic_ms - self.at.monotonic_ms) as i64;
        self.at.monotonic_ms = monotonic_ms;
    }

    pub fn hard(&self) -> &Groups {
        self.runtime.hard()
    }

    pub fn soft(&self) -> &Soft {
        self.runtime.soft()
    }

    /// All records so far, in order.
    pub fn records(&self) -> impl Iterator<Item = &GroupRecord> {
        self.runtime.journal().appends.iter().flat_map(|(_, records)| records)
    }

    /// What the records alone make of an empty shard.
    pub fn replayed(&self) -> Groups {
        let mut hard = Groups::default();
        for (base, records) in &self.runtime.journal().appends {
            GroupMachine.replay(&mut hard, *base, records.clone()).unwrap();
        }
        hard
    }

    /// GRP-17, after each step.
    pub fn check(&self) {
        assert_eq!(&self.replayed(), self.hard(), "the journal says something else than memory");
    }

    /// The shard as after a restart: hard state from the journal, no soft state.
    pub fn reload(&mut self) {
        let journal = &self.runtime.journal();
        let journal =
            Memory { appends: journal.appends.clone(), end: journal.end, committed: journal.committed.clone() };
        self.runtime = Runtime::new(GroupMachine, self.replayed(), journal);
        assert_eq!(self.ask(Request::Loaded), Some(Reply::Done));
    }
}

/// The answer, when there is one by now.
pub fn answered(pending: Pending<Reply>) -> Option<Reply> {
    Some(pending.before_commit()?.expect("the journal in memory takes everything"))
}

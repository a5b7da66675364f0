//! A shard on a journal in memory, with a clock and topics that tests set. After each step what the journal's bytes
//! say is compared with what the shard knows (GRP-17).
use crate::{
    coordinator::group::{
        GroupMachine, GroupSettings, Groups, Members, Moment, Op, Reply, Request,
        consumer::{
            self, DescribedGroup, Group, Heartbeat, HeartbeatReply, Matched, Partitions, Refused, group::without_epochs,
        },
    },
    image::{Delta, Image},
    log::Watermark,
    machine::{Journal, Machine, NotWritten, Runtime},
    types::{ErrorCode, LeaderEpoch, Offset, TopicId},
    wire::{
        coordinator::GroupRecord,
        metadata::{ConfigRecord, MetadataRecord, PartitionRecord, RemoveTopicRecord, TopicRecord},
    },
};
use std::sync::Arc;
use uuid::Uuid;

pub struct Memory {
    appended: Vec<Vec<GroupRecord>>,
    count: i64,
    committed: Arc<Watermark>,
}

impl Journal<GroupRecord> for Memory {
    fn append(&mut self, records: &[GroupRecord]) -> Result<Offset, NotWritten> {
        let base = self.end();
        let read = |record: &GroupRecord| {
            let (key, value) = record.encode();
            GroupRecord::decode(Some(&key), value.as_deref()).expect("what is written can be read")
        };
        self.appended.push(records.iter().map(read).collect());
        self.count += records.len() as i64;
        self.committed.raise(self.end());
        Ok(base)
    }

    fn end(&self) -> Offset {
        Offset::new(self.count)
    }

    fn committed(&self) -> &Arc<Watermark> {
        &self.committed
    }
}

pub struct Shard {
    runtime: Runtime<GroupMachine, Memory>,
    pub settings: GroupSettings,
    pub image: Arc<Image>,
    pub at: Moment,
    /// After each step; at scale only at the end.
    pub compares: bool,
    replayed: Groups,
    compared: usize,
    asked: u128,
    topics: u128,
}

/// The group of most tests.
pub const GROUP: &str = "g";

impl Shard {
    /// With topics of so many partitions each.
    pub fn new(topics: &[(&str, i32)]) -> Shard {
        let journal = Memory { appended: vec![], count: 0, committed: Watermark::new(Offset::ZERO) };
        let mut shard = Shard {
            runtime: Runtime::new(GroupMachine, Groups::default(), journal),
            settings: GroupSettings::default(),
            image: Arc::default(),
            at: Moment { wall_ms: 1_795_255_200_000, monotonic_ms: 1_000 },
            compares: true,
            replayed: Groups::default(),
            compared: 0,
            asked: 0,
            topics: 0,
        };
        topics.iter().for_each(|(name, partitions)| shard.create(name, *partitions));
        shard.ask(Request::Loaded);
        shard
    }

    fn change(&mut self, records: Vec<MetadataRecord>) {
        let image = Arc::make_mut(&mut self.image);
        for record in records {
            image.apply(&record, &mut Delta::default()).unwrap();
            image.advance(image.next_offset(), LeaderEpoch::from_wire(1).unwrap());
        }
    }

    pub fn create(&mut self, name: &str, partitions: i32) {
        self.topics += 1;
        let topic_id = Uuid::from_u128(self.topics);
        self.change(vec![TopicRecord { name: name.into(), topic_id }.into()]);
        self.extend(name, partitions);
    }

    pub fn extend(&mut self, name: &str, partitions: i32) {
        let topic = self.image.topics.named(name).expect("there is such a topic");
        let (topic_id, from) = (topic.id.0, topic.partitions.len() as i32);
        let record = |partition_id| {
            let at = PartitionRecord { partition_id, topic_id, replicas: vec![1], isr: vec![1], ..Default::default() };
            PartitionRecord { leader: 1, directories: vec![Uuid::from_u128(77)], ..at }.into()
        };
        self.change((from..partitions).map(record).collect());
    }

    pub fn delete(&mut self, name: &str) {
        let topic_id = self.id(name).0;
        self.change(vec![RemoveTopicRecord { topic_id }.into()]);
    }

    /// A setting of the group.
    pub fn set(&mut self, name: &str, value: &str) {
        let (resource_name, value) = (GROUP.into(), Some(value.into()));
        self.change(vec![ConfigRecord { resource_type: 32, resource_name, name: name.into(), value }.into()]);
    }

    pub fn id(&self, topic: &str) -> TopicId {
        self.image.topics.named(topic).expect("there is such a topic").id
    }

    pub fn ask(&mut self, request: Request) -> Reply {
        self.asked += 1;
        let settings = Arc::new(self.settings.clone());
        let op = Op { at: self.at, id: Uuid::from_u128(self.asked), image: self.image.clone(), settings, request };
        let reply = self.runtime.run(op).before_commit().expect("nothing is parked").unwrap();
        if self.compares {
            self.compare();
        }
        reply
    }

    /// What the journal says is what the shard knows.
    pub fn compare(&mut self) {
        let appended = &self.runtime.journal().appended;
        if self.compared < appended.len() {
            for records in &appended[self.compared..] {
                GroupMachine.replay(&mut self.replayed, Offset::ZERO, records.clone()).unwrap();
            }
            self.compared = appended.len();
            assert_eq!(&self.replayed, self.runtime.hard(), "the journal replays to the state");
        }
    }

    pub fn beat(&mut self, heartbeat: &Heartbeat) -> Result<HeartbeatReply, Refused> {
        match self.beat_matched(heartbeat, Matched::default()) {
            Ok(reply) => reply,
            Err(texts) => {
                let matched = Matched::find(texts, &self.image, &|| false);
                self.beat_matched(heartbeat, matched).expect("what it asked for was found")
            }
        }
    }

    /// `Err`: expressions that are to be matched first.
    pub fn beat_matched(
        &mut self,
        heartbeat: &Heartbeat,
        matched: Matched,
    ) -> Result<Result<HeartbeatReply, Refused>, Vec<String>> {
        let request = consumer::Request::Heartbeat(GROUP.into(), Arc::new(heartbeat.clone()), matched);
        let appended = self.appended();
        match self.ask(Request::Consumer(request)) {
            Reply::Consumer(consumer::Reply::Heartbeat(reply)) => Ok(reply),
            Reply::Consumer(consumer::Reply::Unmatched(texts)) => {
                assert_eq!(self.appended(), appended, "nothing was decided");
                Err(texts)
            }
            other => panic!("a heartbeat is answered as one: {other:?}"),
        }
    }

    /// The code with which a heartbeat is refused.
    pub fn refusal(&mut self, heartbeat: &Heartbeat) -> ErrorCode {
        let appended = self.appended();
        let refused = self.beat(heartbeat).expect_err("it is refused");
        assert!(!refused.message.is_empty());
        assert_eq!(self.appended(), appended, "what is refused writes nothing");
        refused.code
    }

    pub fn describe(&mut self) -> Result<DescribedGroup, Refused> {
        match self.ask(Request::Consumer(consumer::Request::Describe(GROUP.into()))) {
            Reply::Consumer(consumer::Reply::Described(described)) => described,
            other => panic!("a description is answered as one: {other:?}"),
        }
    }

    /// Lets time pass; what falls due is handled at its time.
    pub fn pass(&mut self, ms: u64) {
        let until = self.at.monotonic_ms + ms;
        while let Some(due) = self.runtime.soft().timers.next().filter(|due| *due <= until) {
            self.set_clock(due.max(self.at.monotonic_ms));
            self.ask(Request::Due);
        }
        self.set_clock(until);
    }

    fn set_clock(&mut self, monotonic_ms: u64) {
        self.at.wall_ms += (monotonic_ms - self.at.monotonic_ms) as i64;
        self.at.monotonic_ms = monotonic_ms;
    }

    /// The coordinator dies; another loads the journal.
    pub fn reload(&mut self) {
        self.runtime.give_up(NotWritten::NotLeader);
        self.ask(Request::Loaded);
    }

    pub fn group(&self) -> &Group {
        self.find().expect("there is a consumer group")
    }

    pub fn find(&self) -> Option<&Group> {
        match &self.runtime.hard().by_id.get(GROUP)?.members {
            Members::Consumer(group) => Some(group),
            _ => None,
        }
    }

    pub fn appended(&self) -> usize {
        self.runtime.journal().appended.len()
    }

    /// The records of the newest append.
    pub fn last(&self) -> &[GroupRecord] {
        self.runtime.journal().appended.last().map_or(&[], Vec::as_slice)
    }

    pub fn timers(&self) -> usize {
        self.runtime.soft().timers.len()
    }

    pub fn join(&mut self, id: &str, topics: &[&str]) -> HeartbeatReply {
        self.beat(&joining(id, topics)).unwrap()
    }

    /// A member stays, and has all that it was assigned.
    pub fn stay(&mut self, id: &str) -> HeartbeatReply {
        let member = self.group().member(id).unwrap_or_else(|| panic!("there is no {id}"));
        let owned = without_epochs(&member.current.assigned);
        let heartbeat = Heartbeat { owned: Some(owned), ..staying(id, member.current.epoch) };
        let instance_id = member.metadata.instance_id.clone();
        self.beat(&Heartbeat { instance_id, ..heartbeat }).unwrap()
    }

    /// How many partitions a member is assigned.
    pub fn count(&self, id: &str) -> usize {
        self.group().member(id).map_or(0, |member| member.current.assigned.values().map(|held| held.len()).sum())
    }
}

pub fn joining(id: &str, topics: &[&str]) -> Heartbeat {
    Heartbeat {
        rebalance_timeout_ms: Some(30_000),
        topics: Some(topics.iter().map(|name| name.to_string()).collect()),
        owned: Some(Partitions::new()),
        ..staying(id, 0)
    }
}

pub fn staying(id: &str, member_epoch: i32) -> Heartbeat {
    Heartbeat {
        member_id: id.into(),
        chooses_id: true,
        member_epoch,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        ..Heartbeat::default()
    }
}

pub fn is_static(instance: &str, heartbeat: Heartbeat) -> Heartbeat {
    Heartbeat { instance_id: Some(instance.into()), ..heartbeat }
}

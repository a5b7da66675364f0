//! What clients ask of groups and of transactions in these lives, each noted before it is asked and once it is told.
use super::{
    Coordinators, Life, in_time,
    model::{CLASSIC, CONSUMER, Fate, Known, PLACES, Written, group_of, wrong},
};
use crate::{
    coordinator::{
        CoordinatorError, GroupMachine,
        group::{
            self, Groups, Members, classic,
            consumer::{self, Heartbeat, Matched, Partitions},
            offsets::{self, CommitPartition, CommitTopic, Committer, Durability, Named},
        },
        run::{Coordinated, GroupCoordinator, tests::broker::WHOLE},
        txn::{Producer, Reply, Request},
    },
    log::{AppendOrigin, tests::crash::Trouble},
    record::{BatchBuilder, BatchHeader, TransactionResult},
    types::{Acks, ErrorCode, ProducerEpoch, ProducerId, TopicName, TransactionVersion},
    wire::{StrBytes, coordinator},
};
use std::{collections::BTreeSet, sync::Arc};

const VERSION: TransactionVersion = TransactionVersion::V2;
/// Asked again so often where an end is on its way.
const TRIES: usize = 4;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn commit(group: &str, partition: i32, offset: i64, durability: Durability) -> group::Request {
    let at = CommitPartition { partition, offset, leader_epoch: -1, metadata: None };
    group::Request::Offsets(offsets::Request::Commit(offsets::Commit {
        group: text(group),
        committer: Committer { member_id: text(""), instance_id: None, generation: -1 },
        durability,
        topics: vec![CommitTopic { topic: Named::Name(text(WHOLE)), partitions: vec![at] }],
        version: 9,
    }))
}

fn taken(reply: Result<group::Reply, CoordinatorError>) -> Result<(), Trouble> {
    match reply.map_err(Trouble::io)? {
        group::Reply::Offsets(offsets::Reply::Committed(codes)) if codes == [ErrorCode::None] => Ok(()),
        other => wrong(format!("a commit was told {other:?}")),
    }
}

/// In the classic group.
fn is_any_of_them_there(groups: &GroupCoordinator) -> bool {
    let table = groups.table.load();
    let there = |hard: &Groups| match hard.by_id.get(CLASSIC).map(|group| &group.members) {
        Some(Members::Classic(record)) => !record.members.is_empty(),
        _ => false,
    };
    table.shards.values().any(|shard| shard.hard(there) == Some(true))
}

impl Coordinators {
    /// Some are told together.
    pub async fn commit_offset(&mut self, life: &mut Life, group: &'static str) -> Result<(), Trouble> {
        let (partition, offset) = (PLACES[self.below(2) as usize], self.next_number());
        let asked = self.model.offset(group, partition).asked(Some(offset));
        let told = life.broker.groups.submit(group, commit(group, partition, offset, Durability::Kept));
        life.waiting.push(((group, partition), asked, Box::pin(told)));
        if self.below(2) == 0 { self.hear(life).await } else { Ok(()) }
    }

    pub async fn hear(&mut self, life: &mut Life) -> Result<(), Trouble> {
        for ((group, partition), asked, told) in std::mem::take(&mut life.waiting) {
            taken(in_time(told).await?)?;
            self.model.offset(group, partition).told(asked);
        }
        Ok(())
    }

    pub async fn delete_group(&mut self, life: &mut Life, group: &'static str) -> Result<(), Trouble> {
        self.hear(life).await?;
        let asked = PLACES.map(|partition| self.model.offset(group, partition).asked(None));
        loop {
            let request = group::Request::Offsets(offsets::Request::DeleteGroup(text(group)));
            match in_time(life.broker.groups.submit(group, request)).await?.map_err(Trouble::io)? {
                group::Reply::Offsets(offsets::Reply::More) => {}
                group::Reply::Offsets(offsets::Reply::GroupDeleted(_)) => break,
                other => return wrong(format!("{other:?}")),
            }
        }
        for (partition, asked) in PLACES.into_iter().zip(asked) {
            self.model.offset(group, partition).told(asked);
        }
        Ok(())
    }

    /// One member comes, whoever else there was is gone by then, and takes all.
    pub async fn rebalance(&mut self, life: &mut Life) -> Result<(), Trouble> {
        let protocol = classic::Protocol { name: "range".into(), metadata: vec![1].into() };
        let join = classic::JoinRequest {
            group: CLASSIC.into(),
            member_id: "".into(),
            instance_id: None,
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 1_000,
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            reason: None,
            takes_id: false,
            skips_assignment: false,
        };
        let groups = life.broker.groups.clone();
        let others = is_any_of_them_there(&groups);
        let ask = |request| groups.submit(CLASSIC, group::Request::Classic(request));
        let joining = ask(classic::Request::Join(join));
        // Those who were there have their time to come again.
        self.pass(life, if others { 1_001 } else { 1 });
        let joined = match in_time(joining).await?.map_err(Trouble::io)? {
            group::Reply::Classic(classic::Reply::Join(joined)) if !joined.error.is_error() => joined,
            other => return wrong(format!("a join was told {other:?}")),
        };
        let sync = classic::SyncRequest {
            group: CLASSIC.into(),
            generation: joined.generation,
            member_id: joined.member_id.clone(),
            instance_id: None,
            protocol_type: Some("consumer".into()),
            protocol: Some("range".into()),
            assignments: vec![(joined.member_id, vec![2].into())],
        };
        match in_time(ask(classic::Request::Sync(sync))).await?.map_err(Trouble::io)? {
            group::Reply::Classic(classic::Reply::Sync(synced)) if !synced.error.is_error() => {}
            other => return wrong(format!("a sync was told {other:?}")),
        }
        self.model.generation.told(joined.generation);
        Ok(())
    }

    /// A member comes to the group of consumers, or goes.
    pub async fn come_or_go(&mut self, life: &mut Life) -> Result<(), Trouble> {
        let there = self.model.members.iter().find(|(_, known)| known.is(&true));
        let leaves = there.map(|(member, _)| member.clone()).filter(|_| self.below(2) == 0);
        let comes = leaves.is_none();
        let member_id = leaves.unwrap_or_else(|| format!("member-{}", self.values + 1));
        self.values += 1;
        let known = self.model.members.entry(member_id.clone()).or_insert_with(|| Known::new(false));
        let asked = known.asked(comes);
        let heartbeat = Heartbeat {
            member_id: member_id.clone(),
            chooses_id: true,
            member_epoch: if comes { 0 } else { -1 },
            rebalance_timeout_ms: Some(10_000),
            topics: Some([WHOLE.to_owned()].into()),
            owned: Some(Partitions::new()),
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            ..Heartbeat::default()
        };
        let request = consumer::Request::Heartbeat(CONSUMER.into(), Arc::new(heartbeat), Matched::default());
        let told = life.broker.groups.submit(CONSUMER, group::Request::Consumer(request));
        match in_time(told).await?.map_err(Trouble::io)? {
            group::Reply::Consumer(consumer::Reply::Heartbeat(Ok(reply))) => {
                if comes {
                    self.model.group_epoch.told(reply.member_epoch);
                }
                self.model.members.get_mut(&member_id).expect("it was noted").told(asked);
                Ok(())
            }
            other => wrong(format!("a heartbeat was told {other:?}")),
        }
    }

    /// The next step of a transactional id's client.
    pub async fn transact(&mut self, life: &mut Life, id: &'static str) -> Result<(), Trouble> {
        match (life.producers.get(id).copied(), self.model.open.get(id).copied()) {
            (None, open) => self.init(life, id, open).await,
            (Some(producer), None) => self.begin_transaction(life, id, producer).await,
            (Some(producer), Some(open)) => self.end_transaction(life, id, producer, open).await,
        }
    }

    async fn ask(&self, life: &Life, id: &str, request: Request) -> Result<Reply, Trouble> {
        in_time(life.broker.try_ask(id, request)).await?.map_err(Trouble::io)
    }

    async fn init(&mut self, life: &mut Life, id: &'static str, open: Option<i64>) -> Result<(), Trouble> {
        let asked = open.map(|open| self.model.fate(open).asked(Fate::Ended(false)));
        for _ in 0..TRIES {
            match self.ask(life, id, Request::Init { id: id.into(), timeout_ms: 60_000, expected: None }).await? {
                Reply::Producer(producer) => {
                    self.told(life, id, producer);
                    if let (Some(open), Some(asked)) = (open, asked) {
                        self.model.fate(open).told(asked);
                        self.model.open.remove(id);
                    }
                    return Ok(());
                }
                Reply::Refused(ErrorCode::ConcurrentTransactions) => life.finish(id).await?,
                other => return wrong(format!("{id} was told {other:?}")),
            }
        }
        wrong(format!("{id} never becomes a producer"))
    }

    fn told(&mut self, life: &mut Life, id: &'static str, producer: Producer) {
        self.model.producers.entry(id).or_default().told((producer.id, producer.epoch));
        life.producers.insert(id, producer);
    }

    async fn begin_transaction(
        &mut self,
        life: &mut Life,
        id: &'static str,
        producer: Producer,
    ) -> Result<(), Trouble> {
        let (number, group) = (self.next_number(), group_of(id));
        let places = match self.below(3) {
            0 => &PLACES[..1],
            1 => &PLACES[1..],
            _ => &PLACES[..],
        };
        let offsets_at = (self.below(2) == 0).then(|| life.broker.groups.partition_of(&group)).flatten();
        let name = |topic: &str| TopicName::parse(topic).map_err(Trouble::io);
        let mut partitions: BTreeSet<_> = BTreeSet::new();
        for at in places {
            partitions.insert((name(WHOLE)?, *at));
        }
        if let Some(at) = offsets_at {
            partitions.insert((name(GroupMachine::TOPIC)?, at));
        }
        let written = Written { id, told: BTreeSet::new(), is_offset_told: false, fate: Known::new(Fate::Open) };
        self.model.transactions.insert(number, written);
        self.model.open.insert(id, number);
        let add = Request::AddPartitions { id: id.into(), producer, partitions, version: VERSION };
        let mut tries = 0..TRIES;
        loop {
            match self.ask(life, id, add.clone()).await? {
                Reply::Done => break,
                Reply::Refused(ErrorCode::ConcurrentTransactions) if tries.next().is_some() => life.finish(id).await?,
                other => return wrong(format!("{id} was told {other:?}")),
            }
        }
        for at in places {
            self.write(life, producer, *at, number).await?;
        }
        if offsets_at.is_some() {
            let whose = (ProducerId::from_wire(producer.id), ProducerEpoch::from_wire(producer.epoch));
            let (Some(of), Some(epoch)) = whose else { return wrong("no producer") };
            let durability = Durability::InTransaction(coordinator::Producer { id: of, epoch });
            let admit = |log: &Arc<crate::log::Log>| log.check_transactional(of, epoch, None).map_err(Into::into);
            taken(in_time(life.broker.groups.submit_if(&group, commit(&group, 0, number, durability), admit)).await?)?;
            self.model.transactions.get_mut(&number).expect("it was begun").is_offset_told = true;
        }
        Ok(())
    }

    /// As a leader takes it, without the questions before.
    async fn write(&mut self, life: &Life, producer: Producer, at: i32, number: i64) -> Result<(), Trouble> {
        let batch = BatchBuilder::new(self.now_ms).attributes(BatchHeader::TRANSACTIONAL);
        let batch = batch.producer(producer.id, producer.epoch, -1).record(None, Some(number.to_string().as_bytes()));
        let partition = life.broker.partition(WHOLE, at);
        let appended = partition.append(batch.build(), Acks::Leader, AppendOrigin::Replication).map_err(Trouble::io)?;
        let reached = partition.log().map_err(Trouble::io)?.high_mark().reached(appended.last.next());
        in_time(reached).await?.map_err(Trouble::io)?;
        self.model.transactions.get_mut(&number).expect("it was begun").told.insert(at);
        Ok(())
    }

    async fn end_transaction(
        &mut self,
        life: &mut Life,
        id: &'static str,
        producer: Producer,
        open: i64,
    ) -> Result<(), Trouble> {
        let is_commit = self.below(3) > 0;
        let result = if is_commit { TransactionResult::Commit } else { TransactionResult::Abort };
        let asked = self.model.fate(open).asked(Fate::Ended(is_commit));
        match self.ask(life, id, Request::End { id: id.into(), producer, result, version: VERSION }).await? {
            Reply::Producer(next) => self.told(life, id, next),
            other => return wrong(format!("the end of {id} was told {other:?}")),
        }
        self.model.fate(open).told(asked);
        self.model.open.remove(id);
        if self.below(3) > 0 { life.finish(id).await } else { Ok(()) }
    }
}

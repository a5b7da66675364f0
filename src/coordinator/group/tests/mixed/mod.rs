//! Groups whose members speak both protocols, and how they came to be (GRP-24).
mod changing;
mod errors;
mod living;
mod model;
mod statics;

use super::rig::{Asking, Rig, answer};
use crate::{
    coordinator::group::{
        Members, Reply, Request,
        classic::{self, JoinRequest, Joined, LeaveRequest, Leaving, Protocol, SyncRequest, Synced},
        consumer::{self, DescribedGroup, Heartbeat, HeartbeatReply, Partitions},
        offsets::{self, Commit, CommitPartition, CommitTopic, Committer, Durability, Named},
    },
    types::ErrorCode,
    wire::{
        StrBytes,
        embedded::{Assignment, Subscription, TopicPartitions},
    },
};
use bytes::Bytes;
use std::{collections::BTreeSet, sync::Arc};

const GROUP: &str = "g";
const SESSION_MS: u64 = 10_000;
const REBALANCE_MS: u64 = 60_000;

/// What a client of the classic protocol says of itself: these topics, and of topic `t` these partitions.
fn subscription(topics: &[&str], owned: &[i32]) -> Bytes {
    let owned_partitions = match owned {
        [] => vec![],
        _ => vec![TopicPartitions { topic: "t".into(), partitions: owned.to_vec() }],
    };
    let topics = topics.iter().map(|topic| topic.to_string()).collect();
    Subscription { topics, owned_partitions, ..Subscription::default() }.to_bytes(1)
}

fn protocols(names: &[&str], metadata: &Bytes) -> Vec<Protocol> {
    names.iter().map(|name| Protocol { name: (*name).into(), metadata: metadata.clone() }).collect()
}

/// A classic client that reads `t`.
fn joining(member_id: &str, owned: &[i32]) -> JoinRequest {
    JoinRequest {
        group: GROUP.into(),
        member_id: member_id.into(),
        instance_id: None,
        client_id: "old".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: SESSION_MS as i32,
        rebalance_timeout_ms: REBALANCE_MS as i32,
        protocol_type: "consumer".into(),
        protocols: protocols(&["range", "cooperative-sticky"], &subscription(&["t"], owned)),
        reason: None,
        takes_id: true,
        skips_assignment: true,
    }
}

fn fixed(instance_id: &str, member_id: &str, owned: &[i32]) -> JoinRequest {
    JoinRequest { instance_id: Some(instance_id.into()), ..joining(member_id, owned) }
}

/// A consumer that reads `t` and has something of it.
fn arriving(id: &str) -> Heartbeat {
    Heartbeat {
        rebalance_timeout_ms: Some(REBALANCE_MS as i32),
        topics: Some(BTreeSet::from(["t".to_owned()])),
        owned: Some(Partitions::new()),
        ..staying(id, 0)
    }
}

fn staying(id: &str, member_epoch: i32) -> Heartbeat {
    Heartbeat {
        member_id: id.into(),
        chooses_id: true,
        member_epoch,
        client_id: "new".into(),
        client_host: "/127.0.0.2".into(),
        ..Heartbeat::default()
    }
}

fn assigned(partitions: &[i32]) -> Bytes {
    let topics = vec![TopicPartitions { topic: "t".into(), partitions: partitions.to_vec() }];
    Assignment { assigned_partitions: topics, user_data: None }.to_bytes(1)
}

fn partitions(bytes: &[u8]) -> BTreeSet<i32> {
    let topics = Assignment::of_bytes(bytes).unwrap().assigned_partitions;
    topics.into_iter().flat_map(|topic| topic.partitions).collect()
}

/// With topic `t` of six partitions; rebalances begin at once.
fn rig() -> Rig {
    let mut rig = Rig::with_topics(&[("t", 6), ("u", 2)]);
    rig.settings.initial_rebalance_delay_ms = 0;
    rig.settings.consumer.assignment_interval_ms.default = 0;
    rig
}

impl Rig {
    fn old(&mut self, request: classic::Request) -> Asking {
        self.ask(Request::Classic(request))
    }

    fn classic_join(&mut self, request: JoinRequest) -> Asking {
        self.old(classic::Request::Join(request))
    }

    #[track_caller]
    fn joined(&mut self, request: JoinRequest) -> Joined {
        joined(&mut self.classic_join(request))
    }

    #[track_caller]
    fn synced(&mut self, member_id: &str, generation: i32) -> Synced {
        self.synced_as(member_id, None, generation)
    }

    #[track_caller]
    fn synced_as(&mut self, member_id: &str, instance_id: Option<&str>, generation: i32) -> Synced {
        synced(&mut self.old(classic::Request::Sync(SyncRequest {
            group: GROUP.into(),
            generation,
            member_id: member_id.into(),
            instance_id: instance_id.map(Into::into),
            protocol_type: Some("consumer".into()),
            protocol: None,
            assignments: vec![],
        })))
    }

    #[track_caller]
    fn classic_beat(&mut self, member_id: &str, generation: i32) -> ErrorCode {
        self.classic_beat_as(member_id, None, generation)
    }

    #[track_caller]
    fn classic_beat_as(&mut self, member_id: &str, instance_id: Option<&str>, generation: i32) -> ErrorCode {
        let instance_id = instance_id.map(Into::into);
        let beat =
            classic::HeartbeatRequest { group: GROUP.into(), generation, member_id: member_id.into(), instance_id };
        match answer(&mut self.old(classic::Request::Heartbeat(beat))) {
            Some(Reply::Classic(classic::Reply::Heartbeat(code))) => code,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn classic_leave(&mut self, member_id: &str, instance_id: Option<&str>) -> ErrorCode {
        let (member_id, instance_id) = (member_id.into(), instance_id.map(Into::into));
        let members = vec![Leaving { member_id, instance_id, reason: Some("bye".into()) }];
        let request = LeaveRequest { group: GROUP.into(), members };
        match answer(&mut self.old(classic::Request::Leave(request))) {
            Some(Reply::Classic(classic::Reply::Leave(Ok(left)))) => left[0].error,
            other => panic!("{other:?}"),
        }
    }

    fn try_beat(&mut self, heartbeat: &Heartbeat) -> Result<HeartbeatReply, ErrorCode> {
        self.told_beat(heartbeat).map_err(|refused| refused.code)
    }

    fn told_beat(&mut self, heartbeat: &Heartbeat) -> Result<HeartbeatReply, consumer::Refused> {
        let request = |matched| {
            let beat = consumer::Request::Heartbeat(GROUP.into(), Arc::new(heartbeat.clone()), matched);
            Request::Consumer(beat)
        };
        let mut told = self.now(request(consumer::Matched::default()));
        if let Some(Reply::Consumer(consumer::Reply::Unmatched(texts))) = told {
            let matched = consumer::Matched::find(texts, &self.image, &|| false);
            told = self.now(request(matched));
        }
        match told {
            Some(Reply::Consumer(consumer::Reply::Heartbeat(reply))) => reply,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn consumer_beat(&mut self, heartbeat: &Heartbeat) -> HeartbeatReply {
        self.try_beat(heartbeat).unwrap()
    }

    /// A member of the consumer protocol does what it is told, and says so.
    #[track_caller]
    fn stay(&mut self, id: &str) -> HeartbeatReply {
        let member = self.consumers().member(id).unwrap_or_else(|| panic!("there is no {id}"));
        let owned = member.current.assigned.iter();
        let owned = owned.map(|(topic, partitions)| (*topic, partitions.keys().copied().collect())).collect();
        let instance_id = member.metadata.instance_id.clone();
        let heartbeat = Heartbeat { owned: Some(owned), instance_id, ..staying(id, member.current.epoch) };
        self.consumer_beat(&heartbeat)
    }

    #[track_caller]
    fn consumers(&self) -> &consumer::Group {
        match &self.hard().by_id[GROUP].members {
            Members::Consumer(group) => group,
            other => panic!("no consumer group: {other:?}"),
        }
    }

    #[track_caller]
    fn classics(&self) -> &classic::Group {
        match &self.hard().by_id[GROUP].members {
            Members::Classic(group) => group,
            other => panic!("no classic group: {other:?}"),
        }
    }

    fn classic_state(&self) -> classic::State {
        self.soft().classic.get(self.hard(), GROUP).expect("a group at work").state
    }

    fn described(&mut self) -> DescribedGroup {
        match self.now(Request::Consumer(consumer::Request::Describe(GROUP.into()))) {
            Some(Reply::Consumer(consumer::Reply::Described(described))) => described.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// How many partitions a member has.
    fn share(&self, id: &str) -> usize {
        self.consumers().member(id).map_or(0, |member| member.current.assigned.values().map(|held| held.len()).sum())
    }

    /// A stable classic group of so many members: of generation 1, the partitions of `t` shared evenly in order.
    fn stable_classic(&mut self, count: usize) -> Vec<Joined> {
        let ids: Vec<_> = (0..count).map(|_| self.joined(joining("", &[])).member_id).collect();
        let mut asked: Vec<Asking> = ids.iter().map(|id| self.classic_join(joining(id, &[]))).collect();
        self.advance(1);
        let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
        self.share_out(&all);
        all
    }

    /// The leader gives each an even part.
    fn share_out(&mut self, all: &[Joined]) {
        let each = 6 / all.len() as i32;
        let parts = all.iter().zip(0..).map(|(one, at)| {
            let part: Vec<i32> = (at * each..(at + 1) * each).collect();
            (one.member_id.clone(), assigned(&part))
        });
        let parts: Vec<_> = parts.collect();
        let leader = all.iter().find(|one| one.leader == one.member_id).expect("a leader");
        for one in std::iter::once(leader).chain(all.iter().filter(|one| one.member_id != leader.member_id)) {
            let assignments = if one.member_id == leader.member_id { parts.clone() } else { vec![] };
            let request = SyncRequest {
                group: GROUP.into(),
                generation: one.generation,
                member_id: one.member_id.clone(),
                instance_id: None,
                protocol_type: one.protocol_type.clone(),
                protocol: one.protocol.clone(),
                assignments,
            };
            assert_eq!(synced(&mut self.old(classic::Request::Sync(request))).error, ErrorCode::None);
        }
    }

    /// A classic member that must join again does so, until it need not: what it has then, and its generation.
    #[track_caller]
    fn settle(&mut self, id: &str, generation: i32, owned: &[i32]) -> (i32, Vec<i32>) {
        let (mut generation, mut owned) = (generation, owned.to_vec());
        for _ in 0..10 {
            match self.classic_beat(id, generation) {
                ErrorCode::None => return (generation, owned),
                ErrorCode::RebalanceInProgress => {}
                other => panic!("{other}"),
            }
            let joined = self.joined(joining(id, &owned));
            assert_eq!(joined.error, ErrorCode::None);
            generation = joined.generation;
            let told = self.synced(id, generation);
            assert_eq!(told.error, ErrorCode::None);
            owned = partitions(&told.assignment).into_iter().collect();
        }
        panic!("{id} never comes to rest");
    }

    fn commit(&mut self, member_id: &str, generation: i32, partition: i32) -> ErrorCode {
        let committer = Committer { member_id: text(member_id), instance_id: None, generation };
        let at = CommitPartition { partition, offset: 5, leader_epoch: -1, metadata: None };
        let topics = vec![CommitTopic { topic: Named::Name(text("t")), partitions: vec![at] }];
        let commit = Commit { group: text(GROUP), committer, durability: Durability::Kept, topics, version: 8 };
        match self.now(Request::Offsets(offsets::Request::Commit(commit))) {
            Some(Reply::Offsets(offsets::Reply::Committed(codes))) => codes[0],
            other => panic!("{other:?}"),
        }
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

#[track_caller]
fn joined(asking: &mut Asking) -> Joined {
    match answer(asking) {
        Some(Reply::Classic(classic::Reply::Join(joined))) => joined,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn synced(asking: &mut Asking) -> Synced {
    match answer(asking) {
        Some(Reply::Classic(classic::Reply::Sync(synced))) => synced,
        other => panic!("{other:?}"),
    }
}

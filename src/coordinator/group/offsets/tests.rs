//! Offsets on a whole shard: who may commit, what is told, what goes when.
use super::*;
use crate::{
    coordinator::group::{self, tests::rig::Rig},
    types::{ProducerEpoch, ProducerId},
    wire::coordinator::{GroupRecord, LegacyOffsetCommitValue, OffsetCommitValue},
};

mod deleting;
mod expiring;
mod fetching;
mod members;
mod transactions;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn name(topic: &str) -> Named {
    Named::Name(text(topic))
}

fn producer(id: i64) -> Producer {
    Producer { id: ProducerId::from_wire(id).unwrap(), epoch: ProducerEpoch::from_wire(0).unwrap() }
}

fn at(partition: i32, offset: i64) -> CommitPartition {
    CommitPartition { partition, offset, leader_epoch: 3, metadata: Some(text("m")) }
}

/// A commit by a consumer without a group.
fn commit(group: &str, topics: &[(Named, Vec<CommitPartition>)]) -> Commit {
    Commit {
        group: text(group),
        committer: Committer { member_id: text(""), instance_id: None, generation: -1 },
        durability: Durability::Kept,
        topics: topics.iter().map(|(topic, at)| CommitTopic { topic: topic.clone(), partitions: at.clone() }).collect(),
        version: 9,
    }
}

fn ask(rig: &mut Rig, request: Request) -> Reply {
    match rig.now(group::Request::Offsets(request)) {
        Some(group::Reply::Offsets(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

fn codes(rig: &mut Rig, request: Commit) -> Vec<ErrorCode> {
    match ask(rig, Request::Commit(request)) {
        Reply::Committed(codes) => codes,
        other => panic!("{other:?}"),
    }
}

/// Commits one offset of partition 0 and expects that to work.
fn committed(rig: &mut Rig, group: &str, topic: &str, offset: i64) {
    assert_eq!(codes(rig, commit(group, &[(name(topic), vec![at(0, offset)])])), [ErrorCode::None]);
}

fn fetch(rig: &mut Rig, request: Fetch) -> Vec<FetchedTopic> {
    match ask(rig, Request::Fetch(request)) {
        Reply::Fetched(Ok(topics)) => topics,
        other => panic!("{other:?}"),
    }
}

fn fetch_of(group: &str, topics: Option<Vec<(Named, Vec<i32>)>>) -> Fetch {
    let topic = |(topic, partitions)| FetchTopic { topic, partitions };
    Fetch {
        group: text(group),
        member_id: None,
        member_epoch: -1,
        topics: topics.map(|topics| topics.into_iter().map(topic).collect()),
        require_stable: false,
    }
}

/// The offset of partition 0.
fn offset(rig: &mut Rig, group: &str, topic: &str) -> i64 {
    fetch(rig, fetch_of(group, Some(vec![(name(topic), vec![0])])))[0].partitions[0].offset
}

#[test]
fn grp_15_a_consumer_without_a_group_commits_and_any_generation_is_refused() {
    let mut rig = Rig::with_topics(&[("t", 2)]);
    let of = |group: &str, generation: i32, version: i16| Commit {
        committer: Committer { member_id: text("m"), instance_id: None, generation },
        version,
        ..commit(group, &[(name("t"), vec![at(0, 5), at(1, 6)])])
    };
    for (version, code) in [(2, ErrorCode::IllegalGeneration), (8, ErrorCode::IllegalGeneration)] {
        assert_eq!(codes(&mut rig, of("g", 0, version)), [code, code]);
    }
    assert_eq!(codes(&mut rig, of("g", 3, 9)), [ErrorCode::GroupIdNotFound; 2]);
    assert!(rig.hard().by_id.is_empty() && rig.records().count() == 0);
    assert_eq!(codes(&mut rig, of("g", -1, 9)), [ErrorCode::None; 2]);
    assert_eq!(codes(&mut rig, of("g", 0, 9)), [ErrorCode::UnknownMemberId; 2]);
    assert_eq!(codes(&mut rig, of("", -1, 2)), [ErrorCode::None; 2]);
    assert_eq!((offset(&mut rig, "g", "t"), offset(&mut rig, "", "t")), (5, 5));
}

#[test]
fn grp_15_what_does_not_exist_is_refused_alone_and_an_empty_commit_is_legal() {
    let mut rig = Rig::with_topics(&[("t", 1)]);
    let unknown_id = Named::Id(Uuid::from_u128(99));
    let topics = [
        (name("t"), vec![at(1, 5), at(0, 7), at(-1, 5)]),
        (name("none"), vec![at(0, 5)]),
        (name("no such name!"), vec![at(0, 5)]),
        (unknown_id.clone(), vec![at(0, 5)]),
        (Named::Id(Uuid::from_u128(1)), vec![at(0, 8)]),
    ];
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let wanted = [unknown, ErrorCode::None, unknown, unknown, unknown, ErrorCode::UnknownTopicId, ErrorCode::None];
    assert_eq!(codes(&mut rig, commit("g", &topics)), wanted);
    assert_eq!(offset(&mut rig, "g", "t"), 8, "the last of one request counts");
    let stranger = Committer { member_id: text("m"), instance_id: None, generation: 4 };
    let refused = Commit { committer: stranger, ..commit("h", &topics) };
    let not_found = ErrorCode::GroupIdNotFound;
    let wanted = [unknown, not_found, unknown, unknown, unknown, ErrorCode::UnknownTopicId, not_found];
    assert_eq!(codes(&mut rig, refused.clone()), wanted);
    assert_eq!(codes(&mut rig, Commit { topics: vec![], ..refused.clone() }), []);
    let topics = vec![CommitTopic { topic: unknown_id, partitions: vec![at(0, 1)] }];
    assert_eq!(codes(&mut rig, Commit { topics, ..refused }), [ErrorCode::UnknownTopicId]);
}

#[test]
fn grp_15_metadata_has_a_limit_for_each_partition_in_javas_characters() {
    let mut rig = Rig::with_topics(&[("t", 4)]);
    rig.settings.offset_metadata_bytes_max = 4;
    let with = |partition: i32, words: Option<&str>| CommitPartition { metadata: words.map(text), ..at(partition, 1) };
    let partitions = vec![with(0, Some("fivey")), with(1, Some("four")), with(2, None), with(3, Some("äöüß"))];
    let got = codes(&mut rig, commit("g", &[(name("t"), partitions)]));
    assert_eq!(got, [ErrorCode::OffsetMetadataTooLarge, ErrorCode::None, ErrorCode::None, ErrorCode::None]);
    let told = fetch(&mut rig, fetch_of("g", Some(vec![(name("t"), vec![0, 1, 2, 3])])));
    let told: Vec<_> = told[0].partitions.iter().map(|one| (one.offset, &*one.metadata)).collect();
    assert_eq!(told, [(-1, ""), (1, "four"), (1, ""), (1, "äöüß")]);
}

#[test]
fn grp_17_the_journal_holds_kafkas_records_and_older_ones_are_read() {
    let mut rig = Rig::with_topics(&[("t", 1)]);
    let kept_for = Commit { durability: Durability::KeptFor(500), ..commit("g", &[(name("t"), vec![at(0, 5)])]) };
    codes(&mut rig, kept_for);
    committed(&mut rig, "g", "t", 6);
    let values: Vec<OffsetCommitValue> = rig
        .records()
        .map(|record| match record {
            GroupRecord::OffsetCommit(_, Some(value)) => value.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let now_ms = rig.at.wall_ms;
    assert_eq!((values[0].expire_timestamp, values[0].topic_id), (now_ms + 500, Uuid::nil()), "version 1");
    assert_eq!((values[1].expire_timestamp, values[1].topic_id), (-1, Uuid::from_u128(1)), "version 4");
    assert_eq!((values[1].offset, values[1].leader_epoch, values[1].commit_timestamp), (6, 3, now_ms));
    let mut groups = rig.replayed();
    let key = OffsetCommitKey { group: "old".into(), topic: "t".into(), partition: 0 };
    let value = LegacyOffsetCommitValue { offset: 4, metadata: "m".into(), commit_timestamp: 9 };
    let offset = crate::types::Offset::new(70);
    assert!(replay(&mut groups, offset, &GroupRecord::LegacyOffsetCommit(key.clone(), Some(value))));
    assert_eq!(groups.by_id["old"].offsets.get("t", 0).map(|one| (one.offset, one.leader_epoch)), Some((4, -1)));
    assert!(replay(&mut groups, offset, &GroupRecord::LegacyOffsetCommit(key, None)));
    assert!(groups.by_id.remove("old").is_some_and(|group| group.is_gone()));
    assert_eq!(groups, rig.replayed());
}

#[test]
fn names_of_topics_are_kept_once_and_let_go() {
    let mut rig = Rig::with_topics(&[("t", 1)]);
    for group in ["a", "b", "c"] {
        committed(&mut rig, group, "t", 1);
    }
    assert_eq!(rig.hard().offsets.names.len(), 1);
    for group in ["a", "b", "c"] {
        assert_eq!(ask(&mut rig, Request::DeleteGroup(text(group))), Reply::GroupDeleted(ErrorCode::None));
    }
    assert_eq!((rig.hard().offsets.names.len(), rig.hard().by_id.len()), (0, 0));
}

/// A million committed offsets in a thousand groups: see `size_of` and what a node of a map holds at least.
#[test]
fn a_committed_offset_is_small() {
    assert!(size_of::<Committed>() <= 72, "{}", size_of::<Committed>());
    assert!(size_of::<Offsets>() <= 48, "{}", size_of::<Offsets>());
}

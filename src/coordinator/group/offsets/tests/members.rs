//! What members mean for offsets, over hard state as the records make it.
use super::*;
use crate::{
    coordinator::group::{GroupMachine, GroupSettings, Groups, Moment, Soft},
    machine::Machine,
    types::Offset,
    wire::{
        coordinator::{GroupKey, GroupMember, GroupMetadataValue},
        structure::Blob,
    },
};

const NOW_MS: i64 = 1_795_255_200_000;
const DAY_MS: i64 = 86_400_000;

/// A group with the member `m` that subscribes to `t`, at generation 4; or without members for a day.
fn group(protocol_type: &str, has_member: bool) -> GroupRecord {
    let subscription = Blob(bytes::Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff"));
    let member = GroupMember { member_id: "m".into(), session_timeout_ms: 10_000, subscription, ..Default::default() };
    let value = GroupMetadataValue {
        protocol_type: protocol_type.into(),
        generation: 4,
        protocol: has_member.then(|| "range".into()),
        leader: has_member.then(|| "m".into()),
        current_state_timestamp: NOW_MS - DAY_MS,
        members: if has_member { vec![member] } else { vec![] },
    };
    GroupRecord::GroupMetadata(GroupKey { group: "g".into() }, Some(value))
}

/// With an offset each of `t` and `u`, committed ten days ago.
fn shard(record: GroupRecord) -> Groups {
    let mut groups = Groups::default();
    let offset = |topic: &str| {
        let key = OffsetCommitKey { group: "g".into(), topic: topic.into(), partition: 0 };
        let value = OffsetCommitValue { offset: 5, commit_timestamp: NOW_MS - 10 * DAY_MS, ..Default::default() };
        GroupRecord::OffsetCommit(key, Some(value))
    };
    GroupMachine.replay(&mut groups, Offset::ZERO, vec![record, offset("t"), offset("u")]).unwrap();
    groups
}

struct World {
    image: Image,
    settings: GroupSettings,
}

impl World {
    fn new() -> World {
        let rig = Rig::with_topics(&[("t", 1), ("u", 1)]);
        World { image: (*rig.image).clone(), settings: GroupSettings::default() }
    }

    fn around(&self) -> Around<'_> {
        let at = Moment { wall_ms: NOW_MS, monotonic_ms: 50_000 };
        Around { at, image: &self.image, settings: &self.settings }
    }
}

fn commit_of(groups: &Groups, soft: &mut Soft, member: &str, generation: i32) -> ErrorCode {
    let committer = Committer { member_id: text(member), instance_id: None, generation };
    let request = Commit { committer, ..commit("g", &[(name("t"), vec![at(0, 9)])]) };
    match decide(groups, soft, World::new().around(), Request::Commit(request)) {
        (_, Reply::Committed(codes)) => codes[0],
        (_, other) => panic!("{other:?}"),
    }
}

#[test]
fn grp_15_members_commit_their_generation_and_nobody_else_does() {
    let (groups, mut soft) = (shard(group("consumer", true)), Soft::default());
    assert_eq!(commit_of(&groups, &mut soft, "m", 4), ErrorCode::None);
    assert_eq!(commit_of(&groups, &mut soft, "m", 3), ErrorCode::IllegalGeneration);
    assert_eq!(commit_of(&groups, &mut soft, "x", 4), ErrorCode::UnknownMemberId);
    assert_eq!(commit_of(&groups, &mut soft, "", -1), ErrorCode::UnknownMemberId);
    let groups = shard(group("consumer", false));
    assert_eq!(commit_of(&groups, &mut soft, "", -1), ErrorCode::None, "an admin sets offsets of a group at rest");
}

#[test]
fn grp_22_members_keep_their_group_and_what_they_read() {
    let (groups, mut soft, world) = (shard(group("consumer", true)), Soft::default(), World::new());
    let (_, reply) = decide(&groups, &mut soft, world.around(), Request::DeleteGroup(text("g")));
    assert_eq!(reply, Reply::GroupDeleted(ErrorCode::NonEmptyGroup));
    let topic = |topic: &str| DeleteTopic { topic: text(topic), partitions: vec![0] };
    let delete = || Request::Delete(Delete { group: text("g"), topics: vec![topic("t"), topic("u")] });
    let (records, reply) = decide(&groups, &mut soft, world.around(), delete());
    assert_eq!(reply, Reply::Deleted(Ok(vec![ErrorCode::GroupSubscribedToTopic, ErrorCode::None])));
    assert_eq!(records, [tombstone("g", "u", 0)]);
    let connect = shard(group("connect", true));
    let (_, reply) = decide(&connect, &mut soft, world.around(), delete());
    assert_eq!(reply, Reply::Deleted(Err(ErrorCode::NonEmptyGroup)), "nobody knows what it reads");
    let GroupRecord::GroupMetadata(key, Some(mut garbled)) = group("consumer", true) else { panic!("a group") };
    garbled.members[0].subscription = Blob(bytes::Bytes::new());
    let garbled = shard(GroupRecord::GroupMetadata(key, Some(garbled)));
    let (records, reply) = decide(&garbled, &mut soft, world.around(), delete());
    assert_eq!(reply, Reply::Deleted(Ok(vec![ErrorCode::GroupSubscribedToTopic; 2])), "it may read anything");
    assert_eq!(records, []);
    let (records, reply) =
        decide(&shard(group("x", false)), &mut soft, world.around(), Request::DeleteGroup(text("g")));
    assert_eq!(reply, Reply::GroupDeleted(ErrorCode::None));
    let whole = GroupRecord::GroupMetadata(GroupKey { group: "g".into() }, None);
    assert_eq!(records, [tombstone("g", "t", 0), tombstone("g", "u", 0), whole]);
}

#[test]
fn grp_21_retention_counts_by_what_the_group_does() {
    let (mut soft, mut world) = (Soft::default(), World::new());
    let mut swept = |record: GroupRecord, retention_days: i64| {
        world.settings.offsets_retention_ms = retention_days * DAY_MS;
        sweep(&shard(record), &mut soft, world.around())
    };
    assert_eq!(swept(group("consumer", true), 7), [tombstone("g", "u", 0)], "nobody reads it");
    assert_eq!(swept(group("consumer", true), 11), []);
    assert_eq!(swept(group("connect", true), 7), [], "who knows");
    assert_eq!(swept(group("consumer", false), 7), [], "it is empty for a day only");
    let all = swept(group("consumer", false), 1);
    let whole = GroupRecord::GroupMetadata(GroupKey { group: "g".into() }, None);
    assert_eq!(all, [tombstone("g", "t", 0), tombstone("g", "u", 0), whole]);
}

//! What groups with members refuse to those who commit, fetch and delete: each by its code, over either protocol.
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, JoinGroupResponse, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest,
};
use protocol_tests::groups::{JOIN, SYNC, group_id, identity, join, joining, leave, new_group, sync};
use protocol_tests::time::eventually;
use protocol_tests::{Code, Connection, Topic, assert_error, assert_ok, new_topic, text};

/// The last version with topic names.
const COMMIT: i16 = 9;
const FETCH: i16 = 9;

/// The code of one committed offset.
fn commit(connection: &mut Connection, version: i16, group: &str, topic: &Topic, who: (&str, i32)) -> i16 {
    commit_as(connection, version, group, topic, who, None)
}

fn commit_as(
    connection: &mut Connection,
    version: i16,
    group: &str,
    topic: &Topic,
    (member, generation): (&str, i32),
    instance: Option<&str>,
) -> i16 {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(5).with_committed_metadata(None);
    let topic = OffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(text(member))
        .with_generation_id_or_member_epoch(generation)
        .with_group_instance_id(instance.map(text))
        .with_retention_time_ms(-1)
        .with_topics(vec![topic]);
    connection.call(version, &request).topics[0].partitions[0].error_code
}

/// The error of the whole, and of each topic.
fn forget(connection: &mut Connection, group: &str, topics: &[&Topic]) -> (i16, Vec<i16>) {
    let named = |topic: &&Topic| {
        let partitions = vec![OffsetDeleteRequestPartition::default()];
        OffsetDeleteRequestTopic::default().with_name(topic.wire_name()).with_partitions(partitions)
    };
    let request = OffsetDeleteRequest::default().with_group_id(group_id(group));
    let answer = connection.call(0, &request.with_topics(topics.iter().map(named).collect()));
    let code = |topic: &&Topic| {
        let told = answer.topics.iter().find(|told| told.name == topic.wire_name());
        told.map_or(-1, |told| told.partitions[0].error_code)
    };
    let codes = if answer.topics.is_empty() { vec![] } else { topics.iter().map(code).collect() };
    (answer.error_code, codes)
}

fn delete(connection: &mut Connection, version: i16, group: &str) -> i16 {
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(group)]);
    connection.call(version, &request).results[0].error_code
}

/// Neither the group, which has members, nor what they read.
#[track_caller]
fn nothing_is_deleted(connection: &mut Connection, group: &str, topic: &Topic) {
    for version in 0..=2 {
        assert_error(delete(connection, version, group), Code::NonEmptyGroup);
    }
    let other = new_topic(connection, 1);
    let subscribed = Code::GroupSubscribedToTopic.code();
    assert_eq!(forget(connection, group, &[topic, &other]), (0, vec![subscribed, 0]));
}

/// The group's error.
fn fetch(connection: &mut Connection, group: &str, topic: &Topic, member: Option<&str>, epoch: i32) -> i16 {
    let topics = OffsetFetchRequestTopics::default().with_name(topic.wire_name()).with_partition_indexes(vec![0]);
    let group = OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(Some(vec![topics]));
    let group = group.with_member_id(member.map(text)).with_member_epoch(epoch);
    connection.call(FETCH, &OffsetFetchRequest::default().with_groups(vec![group])).groups[0].error_code
}

/// A classic group of one member, which has its assignment; by its protocol it is subscribed to `topic`.
fn stable(connection: &mut Connection, group: &str, topic: &Topic) -> JoinGroupResponse {
    let joined = join(connection, JOIN, joining(group, "", &[&topic.name]));
    assert_ok(joined.error_code);
    let member = joined.member_id.to_string();
    assert_ok(sync(connection, SYNC, group, &joined, &[(&member, "")]).error_code);
    joined
}

#[test]
fn grp_15_commits_of_classic_members_are_refused_by_what_is_wrong_with_them() {
    let mut connection = Connection::open();
    let (group, topic) = (new_group(), new_topic(&mut connection, 1));
    let mut request = joining(&group, "", &[&topic.name]);
    request.group_instance_id = Some(text("i"));
    let joined = join(&mut connection, JOIN, request);
    assert_ok(joined.error_code);
    let (member, generation) = (joined.member_id.to_string(), joined.generation_id);
    for version in 7..=COMMIT {
        // Everybody has joined, and nobody was told yet what to read.
        let early = commit_as(&mut connection, version, &group, &topic, (&member, generation), Some("i"));
        assert_error(early, Code::RebalanceInProgress);
    }
    let sync = protocol_tests::groups::syncing(SYNC, &group, &joined, &[(&member, "")]);
    assert_ok(connection.call(SYNC, &sync.with_group_instance_id(Some(text("i")))).error_code);
    for version in 7..=COMMIT {
        let mut refused = |who, instance, code: Code| {
            assert_error(commit_as(&mut connection, version, &group, &topic, who, instance), code);
        };
        refused((&member, generation - 1), Some("i"), Code::IllegalGeneration);
        refused((&member, generation + 1), Some("i"), Code::IllegalGeneration);
        refused(("nobody", generation), None, Code::UnknownMemberId);
        refused(("nobody", generation), Some("i"), Code::FencedInstanceId);
        refused((&member, generation), Some("j"), Code::UnknownMemberId);
        refused(("", -1), None, Code::UnknownMemberId);
        assert_ok(commit_as(&mut connection, version, &group, &topic, (&member, generation), Some("i")));
    }
}

#[test]
fn grp_15_commits_to_a_classic_group_are_of_its_members_and_generation() {
    let mut connection = Connection::open();
    let (group, topic) = (new_group(), new_topic(&mut connection, 1));
    let joined = stable(&mut connection, &group, &topic);
    let (member, generation) = (joined.member_id.as_str(), joined.generation_id);
    for version in 2..=COMMIT {
        let mut code = |who| commit(&mut connection, version, &group, &topic, who);
        assert_error(code(("stranger", generation)), Code::UnknownMemberId);
        assert_error(code(("", -1)), Code::UnknownMemberId);
        assert_error(code((member, generation + 1)), Code::IllegalGeneration);
        assert_ok(code((member, generation)));
    }
}

#[test]
fn grp_22_a_group_with_members_is_not_deleted_nor_what_they_read() {
    let mut connection = Connection::open();
    let (group, read, other) = (new_group(), new_topic(&mut connection, 1), new_topic(&mut connection, 1));
    let joined = stable(&mut connection, &group, &read);
    for topic in [&read, &other] {
        let who = (&*joined.member_id, joined.generation_id);
        assert_ok(commit(&mut connection, COMMIT, &group, topic, who));
    }
    nothing_is_deleted(&mut connection, &group, &read);
    let subscribed = Code::GroupSubscribedToTopic.code();
    assert_eq!(forget(&mut connection, &group, &[&read, &other]), (0, vec![subscribed, 0]));
    leave(&mut connection, 5, &group, vec![identity(&joined.member_id, None)]);
    assert_eq!(forget(&mut connection, &group, &[&read]), (0, vec![0]));
    // Nobody knows what members of another type read.
    let group = new_group();
    let connect = joining(&group, "", &[&read.name]).with_protocol_type(text("connect"));
    assert_ok(join(&mut connection, JOIN, connect).error_code);
    assert_eq!(forget(&mut connection, &group, &[&read]), (Code::NonEmptyGroup.code(), vec![]));
    assert_error(delete(&mut connection, 2, &group), Code::NonEmptyGroup);
}

#[test]
fn cg_6_members_of_the_consumer_protocol_commit_and_fetch_by_their_epoch() {
    let mut connection = Connection::open();
    let (group, topic) = (new_group(), new_topic(&mut connection, 1));
    let beat = |epoch: i32| {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group_id(&group))
            .with_member_id(text("a"))
            .with_member_epoch(epoch)
    };
    let join = beat(0)
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![topic.wire_name()]))
        .with_topic_partitions(Some(vec![]));
    let mut told = connection.call(1, &join);
    assert_ok(told.error_code);
    // Apache Kafka's coordinator may hear of a new topic a moment later.
    eventually(10_000, "it has the partition", || {
        let has = told.assignment.as_ref().is_some_and(|all| !all.topic_partitions.is_empty());
        if !has {
            told = connection.call(1, &beat(told.member_epoch));
            assert_ok(told.error_code);
        }
        has.then_some(())
    });
    let epoch = told.member_epoch;
    assert_error(commit(&mut connection, COMMIT, &group, &topic, ("a", epoch + 1)), Code::StaleMemberEpoch);
    assert_error(commit(&mut connection, COMMIT, &group, &topic, ("a", 0)), Code::StaleMemberEpoch);
    assert_error(commit(&mut connection, COMMIT, &group, &topic, ("b", epoch)), Code::UnknownMemberId);
    assert_error(commit(&mut connection, COMMIT, &group, &topic, ("", -1)), Code::UnknownMemberId);
    // Before version 9 it cannot be told of its epochs.
    assert_error(commit(&mut connection, 8, &group, &topic, ("a", epoch)), Code::UnsupportedVersion);
    assert_ok(commit(&mut connection, COMMIT, &group, &topic, ("a", epoch)));
    assert_error(fetch(&mut connection, &group, &topic, Some("a"), epoch + 1), Code::StaleMemberEpoch);
    assert_error(fetch(&mut connection, &group, &topic, Some("b"), epoch), Code::UnknownMemberId);
    assert_ok(fetch(&mut connection, &group, &topic, Some("a"), epoch));
    assert_ok(fetch(&mut connection, &group, &topic, None, -1));
    nothing_is_deleted(&mut connection, &group, &topic);
    assert_ok(connection.call(1, &beat(-1)).error_code);
    assert_eq!(forget(&mut connection, &group, &[&topic]), (0, vec![0]));
    assert_ok(delete(&mut connection, 2, &group));
}
